"""Tries texts on cases: through the environment or, faster, by the verifier alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from mab_gym.actions import Get, Post, parse_action, render, resolve
from mab_gym.agents._fallible import LOST
from mab_gym.agents._reference import Oracle
from mab_gym.backends import RecordSession
from mab_gym.envs._scenario import Scenario
from mab_gym.episode import check_counts
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._server import Request
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._family import Family
from mab_gym.tasking._gold import GoldRun, follow, play_gold
from mab_gym.tasking._later import attended
from mab_gym.tasking.case import Case
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk, Reply
from mab_gym.tasking.stay import Stay
from mab_gym.tasking.verdict import Verdict

_FHIR: Mapping[str, str] = {"content-type": "application/fhir+json"}


WAIT = "/$wait\n"
"""A part of the action that lets simulated time pass."""


class Slips(Protocol):
    """A player who sometimes makes a mistake."""

    def instead_of(self, action: str) -> str:
        """Returns the action that the player takes in place of the right one."""
        ...

    def breaks(self, rule: str) -> bool:
        """Tells if the player breaks a rule this time."""
        ...


class Trial:
    """Tries texts on the cases of an environment."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._session = scenario.backend.open()

    def play(self, family: Family, case: Case, actions: Sequence[str]) -> bool:
        """Tells if these actions, played through the environment, solve a case."""
        return bool(self._verdict(family, case, actions).get("success", False))

    def credit(self, family: Family, case: Case, actions: Sequence[str]) -> float:
        """Returns the partial credit of these actions, played through the environment."""
        return float(self._verdict(family, case, actions).get("credit", 0.0))

    def _verdict(self, family: Family, case: Case, actions: Sequence[str]) -> Mapping[str, Any]:
        """Returns the verdict that ends these actions; an empty one where they do not end the episode."""
        episode = self.scenario.new_episode()
        episode.reset(family, case)
        for action in actions:
            step = episode.step(action)
            check_counts(step.info)
            if episode.over:
                verdict: Mapping[str, Any] = step.info["verdict"]
                return verdict
        return {}

    def writes(self, actions: Sequence[str]) -> tuple[Write, ...]:
        """Executes these POSTs on the snapshot and returns the record system's writes."""
        self._session.reset()
        for action in actions:
            match parse_action(action):
                case Post(url, body):
                    target = resolve(url, self.scenario.backend.base_url)
                    self._session.handle(Request("POST", target, _FHIR, body))
        return tuple(self._session.writes)

    def judge(self, family: Family, case: Case, answer: str, writes: Sequence[Write] = ()) -> Verdict:
        """Returns the verdict on an answer and writes; on the clock they are all written at its beginning."""
        if family.course is not None:
            stay: Stay = attended(family, case, self.scenario.chart, self._fresh(), self._minutes)
            for write in writes:
                kept = {name: value for name, value in (write.resource or {}).items() if name not in ("id", "meta")}
                stay.handle(Request("POST", write.resource_type, _FHIR, json.dumps(kept)))
            stay.finish()
            result = Result(answer, tuple(stay.writes), course=stay.course)
            return family.verify(case, self.scenario.chart, result)
        return family.verify(case, self.scenario.chart, Result(answer, writes))

    def gold(self, family: Family, case: Case) -> list[str]:
        """Returns the actions of the gold solution."""
        episode = self.scenario.new_episode()
        episode.reset(family, case)
        actions: list[str] = []

        def act(action: str) -> Reply | None:
            actions.append(action)
            step = episode.step(action)
            check_counts(step.info)
            return None if episode.over else Reply(step.observation["status"], step.observation["fhir"])

        follow(family.solve(case, self._desk()), case, act)
        return actions

    def gold_run(self, family: Family, case: Case) -> GoldRun:
        """Returns the answer and the writes of the gold solution."""
        session = self._attended(family, case)
        return play_gold(family.solve, case, self._desk(), session, verbs=self.scenario.environment.actions)

    def _attended(self, family: Family, case: Case) -> RecordSession:
        """Returns the session at the snapshot, on the clock where the family has one."""
        session: RecordSession = attended(family, case, self.scenario.chart, self._fresh(), self._minutes)
        return session

    @property
    def _minutes(self) -> int:
        return self.scenario.environment.minutes_per_action

    def _fresh(self) -> RecordSession:
        self._session.reset()
        return self._session

    def rules(self, family: Family, case: Case) -> list[str]:
        """Returns the rules that the gold solution names."""
        desk = self._desk()
        session = self._attended(family, case)
        play_gold(family.solve, case, desk, session, verbs=self.scenario.environment.actions)
        return desk.rules

    def careless(self, family: Family, case: Case, rule: str = "", change: Callable[[str], str] = str) -> bool:
        """Tells if the gold solution solves a case with a rule broken, and with its searches changed.

        Args:
            family: The family.
            case: The case.
            rule: The broken rule; empty for none.
            change: Changes the URL of each GET.
        """
        desk = self._desk(rule)
        if family.course is not None or family.is_casework:
            return self._careless_through(family, case, desk, change)
        try:
            run = play_gold(family.solve, case, desk, self._session, change)
        except Exception:  # a careless player may find nothing, and the solution cannot go on
            return False
        done = self.writes(
            [render(Post(f"{desk.base_url}/{each['resourceType']}", json.dumps(each))) for each in run.writes]
        )
        return self.judge(family, case, run.answer, done).success

    def _careless_through(self, family: Family, case: Case, desk: Desk, change: Callable[[str], str]) -> bool:
        """Plays a gold solution through the environment, where its writes alone do not tell how the case ends."""
        episode = self.scenario.new_episode()
        episode.reset(family, case)
        last: dict[str, Any] = {}

        def act(action: str) -> Reply | None:
            match parse_action(action):
                case Get(url):
                    action = render(Get(change(url)))
            step = episode.step(action)
            check_counts(step.info)
            last.update(step.info)
            return None if episode.over else Reply(step.observation["status"], step.observation["fhir"])

        try:
            follow(family.solve(case, desk), case, act)
        except InfrastructureError:
            raise
        except Exception:  # as in `careless`
            return False
        return bool(last["verdict"]["success"])

    def _desk(self, careless: str = "") -> Desk:
        return Desk(self.scenario.backend.base_url, self.scenario.backend.now, careless=careless)

    def slipping(self, family: Family, case: Case, slips: Slips) -> Mapping[str, float]:
        """Plays the gold solution with mistakes; returns the ``sparse`` and the ``partial`` reward.

        In a family of a service a mistake is a broken rule or a wrong write: with thirty requests, a wrong search among
        them would end nearly every episode at its beginning, whatever the skill is.
        """
        episode = self.scenario.new_episode()
        observation, _ = episode.reset(family, case)
        oracle = Oracle(slips.breaks if family.is_casework else None)
        oracle.brief(self.scenario, case)
        while True:
            try:
                action = oracle.act({"fhir": observation["fhir"], "status": observation["status"]})
            except Exception:  # after a mistake, the reply is not what the solution expects
                action = LOST
            steady = family.is_casework and (action.startswith("GET") or action is LOST or WAIT in action)
            step = episode.step(action if steady else slips.instead_of(action))
            check_counts(step.info)
            if episode.over:
                verdict = step.info["verdict"]
                return {"sparse": float(verdict["success"]), "partial": float(verdict["credit"])}
            observation = step.observation
