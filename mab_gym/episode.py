"""The whole game as a plain object, without Gymnasium: one case, text in, text out, a verdict at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

from mab_gym.actions import MAX_BODY_CHARS, Finish, Get, Invalid, Post, RefusedTargetError, parse_action, resolve
from mab_gym.backends import Backend, RecordSession
from mab_gym.errors import InfrastructureError, MabGymError, UsageError, as_infrastructure
from mab_gym.fhir.http._server import Request, Response
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._cost import CostMeter
from mab_gym.tasking._family import Family
from mab_gym.tasking._protocols import Protocol as Wording
from mab_gym.tasking._variants import Staging, stage
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.verdict import REWARDS, Code, Reason, Verdict, verdict_from

DEFAULT_MAX_STEPS = 8
_SURROGATE = re.compile("[\ud800-\udfff]")
_POST_HEADERS: Mapping[str, str] = {"content-type": "application/fhir+json"}


class Observation(TypedDict):
    """What an agent is shown after an action.

    Attributes:
        text: The turn's text, as a chat agent reads it.
        fhir: The response's body as the server sent it; empty where nothing was sent.
        status: The HTTP status; 0 where nothing was sent.
    """

    text: str
    fhir: str
    status: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one action led to; the fields are those of ``gymnasium.Env.step``."""

    observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class Game(Protocol):
    """What an environment needs of an episode, whatever its rules.

    Attributes:
        max_steps: Actions after which an episode is truncated.
    """

    max_steps: int

    @property
    def over(self) -> bool:
        """Whether the episode has ended, or none was begun."""
        ...

    @property
    def case(self) -> Case | None:
        """The case at hand."""
        ...

    @property
    def session(self) -> RecordSession:
        """The episode's view of the record system."""
        ...

    def reset(
        self, family: Family, case: Case, variants: Sequence[str] = (), seed: int = 0
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins a case at the snapshot, in the given variants, whose chance follows the seed."""
        ...

    def step(self, text: str) -> Step:
        """Takes one action."""
        ...

    def stop_for_context(self, why: str) -> Step:
        """Ends the episode because the agent cannot read any more of it."""
        ...

    def close(self) -> None:
        """Ends what is under way and gives the record system back."""
        ...


class Episode:
    """One agent at work on one case after another, each from the same snapshot.

    Args:
        backend: The record system.
        chart: Its snapshot, for verifiers; may be shared by all episodes on the backend.
        protocol: How tasks and replies are worded.
        max_steps: Actions after which an episode is truncated.
        max_obs_chars: Longest ``text`` and ``fhir`` of an observation, None for no limit. What is cut off is said.
        reward: ``sparse`` or ``partial``; see `Verdict.credit`.

    Raises:
        UsageError: A limit is not a whole number above 0.
    """

    __slots__ = (
        "_case", "_chance", "_chart", "_cost", "_family", "_fault", "_known", "_max_obs_chars", "_over", "_partial",
        "_session", "_steps", "_variants", "_world", "_written", "max_steps",
    )  # fmt: skip

    def __init__(
        self,
        backend: Backend,
        chart: Chart,
        protocol: Wording,
        max_steps: int = DEFAULT_MAX_STEPS,
        max_obs_chars: int | None = None,
        reward: str = "sparse",
    ) -> None:
        if reward not in REWARDS:
            raise UsageError(f"a reward is {' or '.join(REWARDS)}, not {reward!r}")
        check_limits(max_steps=max_steps, max_obs_chars=max_obs_chars)
        self._world = (backend, chart, protocol)
        self._session: RecordSession = backend.open()
        self.max_steps = max_steps
        self._max_obs_chars = max_obs_chars
        self._partial = reward == "partial"
        self._case: Case | None = None
        self._family: Family | None = None
        self._chart = chart
        self._variants: tuple[str, ...] = ()
        self._chance = 0
        self._cost = CostMeter()
        self._known: dict[Any, Any] = {}
        self._written = self._steps = 0
        self._over = True
        self._fault = ""

    @property
    def over(self) -> bool:
        """Whether the episode has ended, or none was begun."""
        return self._over

    @property
    def case(self) -> Case | None:
        """The case at hand."""
        return self._case

    @property
    def session(self) -> RecordSession:
        """The episode's view of the record system."""
        return self._session

    def reset(
        self, family: Family, case: Case, variants: Sequence[str] = (), seed: int = 0
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins a case at the snapshot: whatever was written before is gone.

        Where the record system (or this package itself) fails at it, the first step says so and ends the episode.

        Args:
            family: The case's family.
            case: What to play.
            variants: In which variants, from `read_variants`.
            seed: Chance of the variants.

        Raises:
            MabGymError: The case, its family or a variant is not as it should be.
        """
        backend, snapshot, protocol = self._world
        staging = Staging(("The record system has failed.", "There is no task; any action ends the episode."))
        with self._noting_faults():
            staging = stage(family, case, snapshot, backend.now.isoformat(), variants, seed)
            self._begin_at(staging.resources)
        self._family, self._case, self._variants, self._chance = family, case, staging.variants, seed
        self._written, self._steps, self._over = 0, 0, False
        self._cost.reset()
        self._known = {}
        context, question = staging.words
        opening = protocol.opening.format(
            base_url=backend.base_url, max_steps=self.max_steps, context=context, question=question
        )
        return Observation(text=opening, fhir="", status=0), self._info(family, case, 0)

    @contextmanager
    def _noting_faults(self) -> Iterator[None]:
        """Keeps for the first step what fails before it, but for what a caller has to put right."""
        self._fault = ""
        try:
            yield
        except Exception as error:
            if isinstance(error, MabGymError) and not isinstance(error, InfrastructureError):
                raise
            self._fault = str(as_infrastructure(error))

    def _begin_at(self, resources: Sequence[Mapping[str, Any]]) -> None:
        """Takes session and chart to the snapshot with resources laid over it."""
        self._chart = snapshot = self._world[1]
        if not resources:
            self._session.reset()
            return
        self._session.prepare(resources)
        self._chart = snapshot.with_laid_over(resources)

    def step(self, text: str) -> Step:
        """Takes one action. Any text is one; nothing an agent writes raises.

        Args:
            text: The agent's message.

        Raises:
            UsageError: There is no episode under way, or the action is no text.
        """
        check_text(text)
        family, case = self._under_way()
        self._steps += 1
        try:
            return self._take(family, case, text)
        except Exception as error:
            return self._break_off(family, case, as_infrastructure(error))

    def _under_way(self) -> tuple[Family, Case]:
        if self._over or self._family is None or self._case is None:
            raise UsageError("there is no episode under way; call reset() first")
        return self._family, self._case

    def _take(self, family: Family, case: Case, text: str) -> Step:
        self._check_begun()
        match parse_action(text):
            case Get(url):
                return self._exchange(family, case, "GET", url, "")
            case Post(url, body):
                return self._exchange(family, case, "POST", url, body)
            case Finish(answer):
                return self._finish(family, case, answer)
            case Invalid(reason):
                problem = Reason(Code.INVALID_ACTION, f"The message was no action: {reason}.")
                return self._unfinished(family, case, problem, terminated=True)
        raise AssertionError("parse_action knows four actions")

    def _check_begun(self) -> None:
        """Tells what the reset could not.

        Raises:
            InfrastructureError: It failed.
        """
        if self._fault:
            raise InfrastructureError(self._fault)

    @property
    def begun(self) -> tuple[Family, Case, tuple[str, ...], int]:
        """What `reset` is to be given to begin this episode again, elsewhere.

        Raises:
            UsageError: Nothing was begun.
        """
        if self._family is None or self._case is None:
            raise UsageError("nothing was begun; call reset() first")
        return self._family, self._case, self._variants, self._chance

    def judge_writes(self) -> Verdict:
        """What the verifier says of what has been written until now, without an answer; of no effect on the episode.

        Raises:
            UsageError: Nothing was begun.
            InfrastructureError: The record system failed, or the verifier did.
        """
        family, case, _, _ = self.begun
        return self._verified(family, case, Result("", tuple(self._session.writes), self._known))

    def _verified(self, family: Family, case: Case, result: Result) -> Verdict:
        try:
            return family.verify(case, self._chart, result)
        except InfrastructureError:
            raise
        except Exception as error:
            raise as_infrastructure(error, f"the verifier of {family.name}") from error

    def stop_for_context(self, why: str) -> Step:
        """Ends the episode because the agent cannot read any more of it: not solved, and no action.

        Args:
            why: What the agent's model said.

        Raises:
            UsageError: There is no episode under way.
        """
        family, case = self._under_way()
        problem = Reason(Code.CONTEXT_LIMIT, f"The episode became longer than the agent can read: {why}.")
        try:
            self._check_begun()
            return self._unfinished(family, case, problem, terminated=False)
        except Exception as error:
            return self._break_off(family, case, as_infrastructure(error))

    def _exchange(self, family: Family, case: Case, verb: str, url: str, body: str) -> Step:
        backend, _, protocol = self._world
        try:
            target = resolve(url, backend.base_url)
            _check_body(body)
        except RefusedTargetError as refusal:
            return self._go_on(family, case, protocol.refused.format(reason=refusal), None)
        response = self._session.handle(Request(verb, target, _POST_HEADERS if verb == "POST" else {}, body))
        return self._go_on(family, case, protocol.reply(verb, response), response)

    def _go_on(self, family: Family, case: Case, text: str, response: Response | None) -> Step:
        observation = Observation(
            text=capped(text, self._max_obs_chars),
            fhir="" if response is None else capped(response.body, self._max_obs_chars),
            status=0 if response is None else response.status,
        )
        if self._steps >= self.max_steps:
            problem = Reason(Code.STEP_LIMIT, f"The task was not finished within {self.max_steps} steps.")
            return self._unfinished(family, case, problem, terminated=False, observation=observation)
        return Step(observation, 0.0, False, False, self._info(family, case, observation["status"], self._charge()))

    def _charge(self) -> float:
        """The cost of what the last action wrote, as far as it can be judged before the end."""
        written = len(self._session.writes)
        if written == self._written:
            return 0.0
        self._written = written
        try:
            return self._cost.charge(self.judge_writes().reasons, ended=False)
        except InfrastructureError:  # if it lasts, the end will say so
            return 0.0

    def _finish(self, family: Family, case: Case, answer: str) -> Step:
        verdict = self._verified(family, case, Result(answer, self._settle(), self._known))
        return self._end(family, case, verdict, terminated=True)

    def _unfinished(
        self,
        family: Family,
        case: Case,
        problem: Reason,
        *,
        terminated: bool,
        observation: Observation | None = None,
    ) -> Step:
        """The end without FINISH: what was written may be unsafe all the same."""
        verdict = verdict_from([problem])
        judged = self._verified(family, case, Result("", self._settle(), self._known))
        unsafe = tuple(reason for reason in judged.reasons if reason.critical)
        verdict = Verdict(verdict.success, (*verdict.reasons, *unsafe), verdict.failure, criteria=judged.criteria)
        return self._end(family, case, verdict, terminated=terminated, observation=observation)

    def _settle(self) -> tuple[Write, ...]:
        """Gives the record system back, at the snapshot, and says what had been written."""
        written = tuple(self._session.writes)
        self._session.release()
        return written

    def _break_off(self, family: Family, case: Case, error: InfrastructureError) -> Step:
        """The end of an episode in which the record system failed: it says nothing of the agent."""
        fault = str(error)
        try:
            self._session.release()
        except Exception as another:
            fault = f"{fault}; {as_infrastructure(another)}"
        verdict = verdict_from([Reason(Code.UNJUDGED, f"The record system failed: {fault}.")])
        step = self._end(family, case, verdict, terminated=False)
        step.info["infrastructure_error"] = fault
        return step

    def close(self) -> None:
        """Ends what is under way and gives the record system back."""
        self._over = True
        self._session.reset()

    def _end(
        self, family: Family, case: Case, verdict: Verdict, *, terminated: bool, observation: Observation | None = None
    ) -> Step:
        self._over = True
        self._known = {}
        if observation is None:
            observation = Observation(text="", fhir="", status=0)
        info = self._info(family, case, observation["status"], self._cost.charge(verdict.reasons, ended=True))
        info["verdict"] = verdict.to_dict()
        info["criteria"] = {criterion.name: criterion.met for criterion in verdict.criteria}
        info["episode_cost"], info["branch"] = self._cost.total, case.branch
        return Step(observation, self.paid(info["verdict"]), terminated, not terminated, info)

    def paid(self, verdict: Mapping[str, Any]) -> float:
        """The reward for a verdict, as ``info`` has it."""
        return float(verdict["credit"] if self._partial else verdict["success"])

    def _info(self, family: Family, case: Case, status: int, cost: float = 0.0) -> dict[str, Any]:
        told = {**task_info(family, case, self._steps, status), "cost": cost}
        return {**told, "variant": "+".join(self._variants)} if self._variants else told


def task_info(family: Family, case: Case, step: int, status: int) -> dict[str, Any]:
    """What ``info`` says of every step, whatever the protocol.

    Args:
        family: The case's family.
        case: The case.
        step: How many actions were taken.
        status: The HTTP status of the last response, or 0.
    """
    return {
        "case": case.id,
        "family": family.name,
        "kind": family.kind,
        "difficulty": family.difficulty,
        "step": step,
        "status": status,
    }


def check_text(action: object) -> None:
    """Checks that an action is a text.

    Raises:
        UsageError: It is not.
    """
    if not isinstance(action, str):
        raise UsageError(f"an action is a text, not {action!r}")


def check_counts(info: Mapping[str, Any]) -> None:
    """Checks that what has happened in an episode says something of who played it.

    Args:
        info: The last step's.

    Raises:
        InfrastructureError: The record system, a verifier or this package itself has failed in it.
    """
    if "infrastructure_error" in info:
        raise InfrastructureError(info["infrastructure_error"])


def check_limits(**limits: int | None) -> None:
    """Checks that each limit is a whole number from 1, or None.

    Raises:
        UsageError: One is not; the text names it.
    """
    for name, limit in limits.items():
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise UsageError(f"{name} is a whole number from 1, not {limit!r}")


def capped(text: str, limit: int | None) -> str:
    """A text that is not longer than a limit, None for no limit; where something is cut off, that is said."""
    if limit is None or len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut off here: {len(text) - limit:,} more characters]"


def _check_body(body: str) -> None:
    if len(body) > MAX_BODY_CHARS:
        raise RefusedTargetError(f"the body has {len(body):,} characters, more than the {MAX_BODY_CHARS:,} allowed")
    if not body.isascii() and _SURROGATE.search(body):
        raise RefusedTargetError("the body holds broken Unicode (lone surrogates)")
