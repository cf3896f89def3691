"""Trying texts on cases: through the environment, or quickly, as a verifier sees what they leave behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from mab_gym.actions import Post, parse_action, render, resolve
from mab_gym.agents._fallible import LOST
from mab_gym.agents._reference import Oracle
from mab_gym.envs._scenario import Scenario
from mab_gym.episode import check_counts
from mab_gym.fhir.http._server import Request
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._family import Family
from mab_gym.tasking._gold import GoldRun, play_gold
from mab_gym.tasking.case import Case
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk
from mab_gym.tasking.verdict import Verdict


class Slips(Protocol):
    """Somebody who does not always do what they should."""

    def instead_of(self, action: str) -> str:
        """The action that takes an action's place."""
        ...


class Trial:
    """Tries texts on the cases of an environment."""

    def __init__(self, place: Scenario) -> None:
        self.place = place
        self._session = place.backend.open()

    def play(self, family: Family, case: Case, actions: Sequence[str]) -> bool:
        """Tells if these actions, played through the environment, solve a case."""
        episode = self.place.new_episode()
        episode.reset(family, case)
        for action in actions:
            step = episode.step(action)
            check_counts(step.info)
            if episode.over:
                return bool(step.info["verdict"]["success"])
        return False

    def writes(self, actions: Sequence[str]) -> tuple[Write, ...]:
        """The writes that the record system makes of these POSTs, from the snapshot on."""
        self._session.reset()
        for action in actions:
            match parse_action(action):
                case Post(url, body):
                    target = resolve(url, self.place.backend.base_url)
                    self._session.handle(Request("POST", target, {"content-type": "application/fhir+json"}, body))
        return tuple(self._session.writes)

    def judge(self, family: Family, case: Case, answer: str, writes: Sequence[Write] = ()) -> Verdict:
        """The verdict on an answer and on what was written."""
        return family.verify(case, self.place.chart, Result(answer, writes))

    def gold(self, family: Family, case: Case) -> list[str]:
        """The actions of the gold solution."""
        episode = self.place.new_episode()
        observation, _ = episode.reset(family, case)
        oracle = Oracle()
        oracle.brief(self.place, case)
        actions: list[str] = []
        while not episode.over:
            actions.append(oracle.act({"fhir": observation["fhir"], "status": observation["status"]}))
            step = episode.step(actions[-1])
            check_counts(step.info)
            observation = step.observation
        return actions

    def gold_run(self, family: Family, case: Case) -> GoldRun:
        """The answer and the writes of the gold solution."""
        return play_gold(family.solve, case, self._desk(), self._session)

    def rules(self, family: Family, case: Case) -> list[str]:
        """The rules that the gold solution names on its way."""
        desk = self._desk()
        play_gold(family.solve, case, desk, self._session)
        return desk.rules

    def careless(self, family: Family, case: Case, rule: str = "", change: Callable[[str], str] = str) -> bool:
        """Tells if the gold solution solves a case with a rule broken, and with its searches changed.

        Args:
            family: The family.
            case: The case.
            rule: Which rule is broken; empty for none.
            change: What becomes of each GET.
        """
        desk = self._desk(rule)
        try:
            run = play_gold(family.solve, case, desk, self._session, change)
        except Exception:  # who is careless finds nothing, and does not know any further
            return False
        done = self.writes(
            [render(Post(f"{desk.base_url}/{each['resourceType']}", json.dumps(each))) for each in run.writes]
        )
        return self.judge(family, case, run.answer, done).success

    def _desk(self, careless: str = "") -> Desk:
        return Desk(self.place.backend.base_url, self.place.backend.now, careless=careless)

    def slipping(self, family: Family, case: Case, slips: Slips) -> Mapping[str, float]:
        """The gold solution played by somebody who slips: its reward, and with partial credit."""
        episode = self.place.new_episode()
        observation, _ = episode.reset(family, case)
        oracle = Oracle()
        oracle.brief(self.place, case)
        while True:
            try:
                action = oracle.act({"fhir": observation["fhir"], "status": observation["status"]})
            except Exception:  # what it was shown is not what it asked for
                action = LOST
            step = episode.step(slips.instead_of(action))
            check_counts(step.info)
            if episode.over:
                verdict = step.info["verdict"]
                return {"sparse": float(verdict["success"]), "partial": float(verdict["credit"])}
            observation = step.observation
