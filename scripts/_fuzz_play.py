"""Plays plans of `scripts/fuzz` and checks everything after every action and every reset."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from _fuzz_plans import Lane, Plan
from _fuzz_watch import OutOfTimeError, Watch, bounded
from _fuzz_worlds import World
from _grammar_actions import Action, shortened
from _own_faults import FaultLog, described

from mab_gym.backends import RecordSession
from mab_gym.fhir.http._server import Request

HANG = 60.0
"""Processor seconds after which an action is stopped."""
THOROUGH_EVERY = 200
ALWAYS_TOLD = {"case", "family", "kind", "difficulty", "step", "status"}
TOLD_AT_THE_END = {"verdict", "branch"}
JUDGED = {"criteria", "episode_cost"}
"""Keys of the info that the official grading does not have."""
FHIR_JSON = {"content-type": "application/fhir+json"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of an action: processor seconds, and bytes of ``fhir`` and ``text`` together."""

    seconds: float = 1.0
    size: float = 20e6


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault.

    Attributes:
        kind: ``exception``, ``state``, ``leak`` and so on.
        what: The fault in words.
        seed: The plan's seed.
        lane: The episode's index in the plan.
        place: The action's index in the episode, -1 for the reset.
        text: The message, shortened.
    """

    kind: str
    what: str
    seed: str
    lane: int = 0
    place: int = -1
    text: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """A key that is the same for findings of the same fault."""
        return self.kind, re.sub(r"[0-9][0-9,.]*|'[^']*'", "#", self.what)


@dataclass(slots=True)
class Played:
    """The outcome of some plans.

    Attributes:
        digests: Digests of everything that an agent was shown, by seed.
        findings: The faults.
        kinds: The number of actions by kind.
        statuses: The number of answers by status.
        worlds: The number of actions by environment.
        slowest: Processor seconds, seed and text of the slowest actions.
        greatest: Bytes, seed and text of the greatest answers.
        spent: Processor seconds in actions.
        resets: The number of checked resets.
        checked: The numbers of cheap and thorough digests of the state.
    """

    digests: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    worlds: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, str, str]] = field(default_factory=list)
    greatest: list[tuple[int, str, str]] = field(default_factory=list)
    spent: float = 0.0
    resets: int = 0
    checked: Counter[str] = field(default_factory=Counter)

    @property
    def actions(self) -> int:
        """The number of actions."""
        return self.kinds.total()

    def add(self, other: Played) -> None:
        """Adds the outcome of other plans."""
        self.digests |= other.digests
        self.findings += other.findings
        for mine, theirs in ((self.kinds, other.kinds), (self.worlds, other.worlds), (self.checked, other.checked)):
            mine.update(theirs)
        self.statuses.update(other.statuses)
        self.slowest = sorted(self.slowest + other.slowest, reverse=True)[:10]
        self.greatest = sorted(self.greatest + other.greatest, reverse=True)[:3]
        self.spent += other.spent
        self.resets += other.resets


class Player:
    """Plays plans in one world.

    Args:
        world: The world.
        watch: Watches the process.
        bounds: The bounds of an action.
    """

    def __init__(self, world: World, watch: Watch, bounds: Bounds) -> None:
        self.world = world
        self.watch = watch
        self.bounds = bounds
        self.played = Played()
        self._log = FaultLog()
        self._plan = Plan("", world.name, ())

    def play(self, plan: Plan) -> Played:
        """Plays a plan and returns the outcome."""
        self._plan, self.played = plan, Played()
        self._log.listen()
        try:
            self._with_a_neighbour(plan)
        finally:
            self._log.leave()
        return self.played

    def _with_a_neighbour(self, plan: Plan) -> None:
        """Plays a plan beside another session that has written something."""
        neighbour, marker = self.world.fresh(), f"neighbour-{plan.seed}"
        resource = {"resourceType": "Basic", "code": {"text": marker}, "identifier": [{"value": marker}]}
        neighbour.handle(Request("POST", "Basic", FHIR_JSON, json.dumps(resource)))
        digest = hashlib.sha256()
        alone = [self._alone(lane, place, neighbour, marker) for place, lane in enumerate(plan.lanes)]
        for shown in alone:
            digest.update(repr(shown).encode("utf-8", "surrogatepass"))
        if len(plan.lanes) > 1 and not self.played.findings:
            self._together(plan, alone)
        self.played.digests[plan.seed] = digest.hexdigest()
        if (found := _count(neighbour, f"Basic?identifier={marker}"), _count(neighbour, "Basic")) != (1, 1):
            self._found("leak", f"the neighbour's session counts {found} where it wrote one")

    # --- one episode -------------------------------------------------------------------------------------------------

    def _alone(self, lane: Lane, place: int, neighbour: RecordSession, marker: str) -> list[Any]:
        """Plays one episode; returns what the agent was shown."""
        env, world = self.world.env, self.world
        options = {"variant": lane.variant} if lane.variant else {}
        observation, info = env.reset(seed=lane.seed, options=options)
        if not lane.variant:
            self._check_state(env.episode.session, place)
            observation, info = env.reset(seed=lane.seed, options=options)
        self._check_state(None, place)
        self._check_told(observation, info, place, -1, ended=False)
        shown = [_digest(observation, info)]
        for number, action in enumerate(lane.actions):
            text = action.text(world.base_url, observation["fhir"])
            step = self._step(text, action, place, number)
            if step is None:
                break
            observation, _, terminated, truncated, _ = step
            shown.append(_digest(*step))
            if terminated or truncated:
                break
        if seen := _count(env.episode.session, f"Basic?identifier={marker}"):
            self._found("leak", f"the agent's session finds {seen} of the neighbour's resources", place)
        return shown

    def _step(self, text: str, action: Action, lane: int, place: int) -> tuple[Any, ...] | None:
        """Takes one action; returns None if it failed."""
        env = self.world.env
        self._log.take()
        begun = time.process_time()
        try:
            with bounded(HANG), self.watch.watching() as seen:
                step = env.step(text)
        except OutOfTimeError:
            self._found("hang", f"no answer within {HANG} s", lane, place, text)
            return None
        except Exception as error:
            self._found("exception", described(error), lane, place, text)
            return None
        took = time.process_time() - begun
        observation, reward, terminated, truncated, info = step
        size = len(observation["fhir"].encode("utf-8", "surrogatepass")) + len(observation["text"])
        self._count(action, int(observation["status"]), took, size, text)
        found = [("own fault", fault) for fault in self._log.take()]
        found += [(event.partition(".")[0].partition(" ")[0], event) for event in seen]
        if took > self.bounds.seconds:
            found.append(("slow", f"{took:.2f} s"))
        if size > self.bounds.size:
            found.append(("size", f"{size / 1e6:.1f} MB"))
        if "infrastructure_error" in info:
            found.append(("own fault", f"infrastructure_error: {info['infrastructure_error']}"))
        if not (isinstance(reward, float) and math.isfinite(reward) and 0 <= reward <= 1):
            found.append(("info", f"a reward of {reward!r}"))
        if not (isinstance(terminated, bool) and isinstance(truncated, bool)) or (terminated and truncated):
            found.append(("info", f"terminated is {terminated!r}, truncated {truncated!r}"))
        for kind, what in found:
            self._found(kind, what, lane, place, text)
        self._check_told(observation, info, lane, place, ended=terminated or truncated, text=text)
        return step

    def _check_told(
        self,
        observation: Mapping[str, Any],
        info: Mapping[str, Any],
        lane: int,
        place: int,
        *,
        ended: bool,
        text: str = "",
    ) -> None:
        """Checks an observation against its space, and an info."""
        if not self.world.env.observation_space.contains(observation):
            self._found("space", "the observation is outside its space", lane, place, text)
        wanted = set(ALWAYS_TOLD)
        if ended:
            wanted |= TOLD_AT_THE_END if self.world.name == "official" else TOLD_AT_THE_END | JUDGED
        if missing := wanted - info.keys():
            self._found("info", f"info lacks {', '.join(sorted(missing))}", lane, place, text)
        elif info["status"] != observation["status"] or info["step"] != place + 1:
            self._found("info", f"info says status {info['status']} and step {info['step']}", lane, place, text)
        try:
            json.dumps(info)
        except (TypeError, ValueError) as error:
            self._found("info", f"info is no JSON: {error}", lane, place, text)

    def _check_state(self, session: RecordSession | None, lane: int) -> None:
        """Compares a session's answers after a reset with the untouched record system's."""
        self.played.resets += session is not None
        thorough = (
            session is None and int(hashlib.sha256(self._plan.seed.encode()).hexdigest(), 16) % THOROUGH_EVERY == 0
        )
        self.played.checked["thorough" if thorough else "cheap"] += 1
        if self.world.digest(thorough=thorough, session=session) != self.world.untouched[thorough]:
            whose = "a fresh session" if session is None else "the session after its reset"
            self._found("state", f"{whose} answers otherwise than the untouched record system", lane)

    # --- several episodes --------------------------------------------------------------------------------------------

    def _together(self, plan: Plan, alone: Sequence[list[Any]]) -> None:
        """Plays the same episodes side by side; each must see the same as alone."""
        vector, base_url = self.world.vector, self.world.base_url
        variants = [lane.variant or None for lane in plan.lanes]
        options = {} if self.world.name == "official" else {"variant": variants}
        observation, _ = vector.reset(seed=[lane.seed for lane in plan.lanes], options=options)
        over = [False] * len(plan.lanes)
        for number in range(max(len(lane.actions) for lane in plan.lanes)):
            texts: list[str | None] = []
            for place, lane in enumerate(plan.lanes):
                goes_on = not over[place] and number < len(lane.actions)
                texts.append(lane.actions[number].text(base_url, observation["fhir"][place]) if goes_on else None)
            observation, rewards, terminated, truncated, _ = vector.step(texts)
            for place, text in enumerate(texts):
                if text is None:
                    continue
                over[place] = bool(terminated[place] or truncated[place])
                one = {name: observation[name][place] for name in ("text", "fhir")}
                one["status"] = int(observation["status"][place])
                shown = _digest(one, float(rewards[place]), bool(terminated[place]), bool(truncated[place]))
                if shown != _without_info(alone[place][number + 1]):
                    self._found("leak", "an episode sees other things beside others than alone", place, number, text)
                    return

    # --- taking notes ------------------------------------------------------------------------------------------------

    def _count(self, action: Action, status: int, took: float, size: int, text: str) -> None:
        played = self.played
        played.kinds[action.kind] += 1
        played.statuses[status] += 1
        played.worlds[self.world.name] += 1
        played.spent += took
        played.slowest = sorted([*played.slowest, (took, self._plan.seed, shortened(text))], reverse=True)[:10]
        played.greatest = sorted([*played.greatest, (size, self._plan.seed, shortened(text))], reverse=True)[:3]

    def _found(self, kind: str, what: str, lane: int = 0, place: int = -1, text: str = "") -> None:
        self.played.findings.append(Finding(kind, what, self._plan.seed, lane, place, shortened(text)))


def _count(session: RecordSession, search: str) -> int:
    answer = session.handle(Request("GET", f"{search}{'&' if '?' in search else '?'}_summary=count"))
    return int(json.loads(answer.body).get("total", -1))


def _digest(observation: Mapping[str, Any], *told: Any) -> tuple[str, str]:
    """Returns a digest of the observation, and one of the info."""
    *rest, info = told if told and isinstance(told[-1], Mapping) else (*told, {})
    parts = (observation["text"], observation["fhir"], int(observation["status"]), *map(repr, rest))
    seen = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return seen, hashlib.sha256(json.dumps(info, sort_keys=True, default=repr).encode()).hexdigest()


def _without_info(shown: tuple[str, str]) -> tuple[str, str]:
    return shown[0], hashlib.sha256(b"{}").hexdigest()
