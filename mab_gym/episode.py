"""An episode as a plain object, without Gymnasium: one case, text in, text out, a verdict at the end.

`Episode` owns what every episode has: a session with the record system, the number of steps and its limit, the end,
and the faults of the record system, for which no agent is blamed. A `Ruleset` says how a case is put to the agent, how
its messages are answered and how the end is judged: by this project's own rules (`mab_gym.envs._ehr_rules`) or by the
official ones (`mab_gym.official._rules`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypedDict

from mab_gym.actions import NoAction, OutOfContext
from mab_gym.backends import Backend, RecordSession
from mab_gym.errors import InfrastructureError, MabGymError, UsageError, as_infrastructure
from mab_gym.fhir.http._exchange import Response
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._family import Family
from mab_gym.tasking._variants import Staging
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import StayRecord
from mab_gym.tasking.verdict import Code, Verdict

__all__ = ["Begun", "End", "Episode", "Exchange", "Observation", "Ruleset", "Step"]

DEFAULT_MAX_STEPS = 8
"""The limit where neither the environment nor the family of the case says one."""


class Observation(TypedDict):
    """The text and the response that an agent is shown after an action.

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
    """The outcome of an action; the fields are those of ``gymnasium.Env.step``."""

    observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


@dataclass(slots=True)
class Begun:
    """The episode that was begun last.

    Attributes:
        family: The case's family.
        case: The case.
        variants: The variants that changed anything.
        seed: The seed of the variants.
        chart: The snapshot with the resources of the variants, as verifiers read it.
    """

    family: Family
    case: Case
    variants: tuple[str, ...]
    seed: int
    chart: Chart = field(compare=False)


class Exchange(NamedTuple):
    """The answer to a message after which the episode goes on.

    Attributes:
        text: The text that the agent is shown.
        response: The record system's response; None where nothing was sent.
        body: The response's body as far as the agent is shown it.
    """

    text: str
    response: Response | None = None
    body: str = ""


class End(NamedTuple):
    """The end of an episode.

    Attributes:
        code: The reason where the agent did not finish; None after FINISH.
        words: The reason in words; after FINISH the answer.
    """

    code: Code | None
    words: str


class Ruleset(Protocol):
    """The rules of one `Episode`, with what they remember of it.

    Attributes:
        by_criteria: True if verdicts tell what was looked at, and what was written can be judged before the end.
    """

    by_criteria: bool

    @property
    def course(self) -> StayRecord | None:
        """The course of the stay so far; None where the case has no clock."""
        ...

    def stage(self, family: Family, case: Case, variants: Sequence[str], seed: int) -> Staging:
        """Prepares a case; nothing is begun yet.

        Raises:
            MabGymError: The case, its family or a variant is not as it should be.
        """
        ...

    def begin(self, begun: Begun, session: RecordSession, words: tuple[str, str], max_steps: int) -> str:
        """Begins an episode, and returns the text that opens it.

        Args:
            begun: The episode.
            session: Its view of the record system.
            words: The case's context and question.
            max_steps: Actions after which the episode is truncated.
        """
        ...

    def answer(self, text: str | NoAction) -> Exchange | End:
        """Answers an agent's message; nothing that it holds raises.

        Raises:
            InfrastructureError: The record system failed.
        """
        ...

    def told(self, begun: Begun) -> dict[str, Any]:
        """Returns further entries of ``info`` while the episode goes on."""
        ...

    def verify(self, begun: Begun, answer: str, writes: Sequence[Write]) -> Verdict:
        """Returns the verifier's verdict on an answer and what was written.

        Raises:
            UsageError: These rules judge the end alone.
            InfrastructureError: The record system failed, or the verifier did.
        """
        ...

    def judge(self, begun: Begun, end: End, writes: Sequence[Write]) -> dict[str, Any]:
        """Judges the end of an episode.

        Returns:
            Further entries of ``info``, ``verdict`` among them.

        Raises:
            InfrastructureError: The record system failed, or the verifier did; never where the end's code is
                ``UNJUDGED``.
        """
        ...

    def paid(self, verdict: Mapping[str, Any]) -> float:
        """Returns the reward for a verdict, as ``info`` has it."""
        ...


_FAILED = Staging(("The record system has failed.", "There is no task; any action ends the episode."))


class Episode:
    """One agent at work on one case after another, each from the same snapshot.

    Args:
        backend: The record system; a session of its own is opened.
        chart: The same snapshot, for verifiers; may be shared by all episodes on the backend.
        rules: The rules, nobody else's.
        max_steps: Actions after which an episode is truncated; None for those that the family says, else 8.
        max_obs_chars: Longest ``text`` and ``fhir`` of an observation, None for no limit. What is cut off is said.

    Attributes:
        rules: As given.
        session: The episode's view of the record system.
        max_steps: Actions after which the episode is truncated.
        over: True if the episode has ended, or none was begun.

    Raises:
        UsageError: A limit is not a whole number above 0.
    """

    __slots__ = (
        "_begun", "_chart", "_fault", "_limit", "_max_obs_chars", "_steps", "max_steps", "over", "rules", "session",
    )  # fmt: skip

    def __init__(
        self,
        backend: Backend,
        chart: Chart,
        rules: Ruleset,
        max_steps: int | None = DEFAULT_MAX_STEPS,
        max_obs_chars: int | None = None,
    ) -> None:
        check_limits(max_steps=max_steps, max_obs_chars=max_obs_chars)
        self._chart = chart
        self._max_obs_chars = max_obs_chars
        self._begun: Begun | None = None
        self._steps = 0
        self._fault = ""
        self.rules = rules
        self.session: RecordSession = backend.open()
        self._limit = max_steps
        self.max_steps = max_steps or DEFAULT_MAX_STEPS
        self.over = True

    @property
    def case(self) -> Case | None:
        """The case that was begun last; None before the first reset."""
        return None if self._begun is None else self._begun.case

    @property
    def course(self) -> StayRecord | None:
        """The course of the stay so far; None where the case has no clock. It is not for an agent's eyes."""
        return self.rules.course

    @property
    def begun(self) -> Begun:
        """The episode that was begun last.

        Raises:
            UsageError: None was.
        """
        if self._begun is None:
            raise UsageError("nothing was begun; call reset() first")
        return self._begun

    def reset(
        self, family: Family, case: Case, variants: Sequence[str] = (), seed: int = 0
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins a case at the snapshot: whatever was written before is gone.

        Where the record system (or this package itself) fails at it, the first step says so and ends the episode.

        Args:
            family: The case's family.
            case: The case.
            variants: Names of variants, from `read_variants`.
            seed: The seed of the variants.

        Raises:
            MabGymError: The case, its family or a variant is not as it should be.
        """
        staging, chart = _FAILED, self._chart
        self._fault = ""
        try:
            staging = self.rules.stage(family, case, variants, seed)
            if staging.resources or staging.arrivals:
                self.session.prepare((*staging.arrivals, *staging.resources))
            else:
                self.session.reset()
            if staging.resources:
                chart = chart.with_laid_over(staging.resources)
        except Exception as error:
            if isinstance(error, MabGymError) and not isinstance(error, InfrastructureError):
                raise  # the caller has to put it right
            self._fault = str(as_infrastructure(error))
        begun = self._begun = Begun(family, case, staging.variants, seed, chart)
        self._steps, self.over = 0, False
        self.max_steps = self._limit or family.max_steps or DEFAULT_MAX_STEPS
        text = self.rules.begin(begun, self.session, staging.words, self.max_steps)
        return Observation(text=text, fhir="", status=0), self._info(begun, 0, self.rules.told(begun))

    def step(self, action: str | NoAction | OutOfContext) -> Step:
        """Takes one action. Any text is one; nothing an agent writes raises.

        Args:
            action: The agent's message; `NoAction` for a message that holds none, which counts as an action; or
                `OutOfContext`, which ends the episode, unsolved, and does not count.

        Raises:
            UsageError: There is no episode under way, or the action is no text.
        """
        if not isinstance(action, str | NoAction | OutOfContext):
            raise UsageError(f"an action is a text, not {action!r}")
        begun = self._under_way()
        try:
            if isinstance(action, OutOfContext):
                self._check_fault()
                words = f"The episode became longer than the agent can read: {action.why}."
                return self._end(begun, End(Code.CONTEXT_LIMIT, words))
            self._steps += 1
            self._check_fault()
            reply = self.rules.answer(action)
            if isinstance(reply, End):
                return self._end(begun, reply)
            observation = self._observed(reply)
            if self._steps >= self.max_steps:
                late = End(Code.STEP_LIMIT, f"The task was not finished within {self.max_steps} steps.")
                return self._end(begun, late, observation)
            info = self._info(begun, observation["status"], self.rules.told(begun))
            return Step(observation, 0.0, False, False, info)
        except Exception as error:
            return self._break_off(begun, as_infrastructure(error))

    def judge_writes(self) -> Verdict:
        """Returns the verdict on what has been written until now, without an answer; the episode goes on unchanged.

        Raises:
            UsageError: Nothing was begun, or the rules judge the end alone.
            InfrastructureError: The record system failed, or the verifier did.
        """
        return self.rules.verify(self.begun, "", tuple(self.session.writes))

    def close(self) -> None:
        """Ends what is under way and gives the record system back."""
        self.over = True
        self.session.reset()

    def _under_way(self) -> Begun:
        if self.over or self._begun is None:
            raise UsageError("there is no episode under way; call reset() first")
        return self._begun

    def _check_fault(self) -> None:
        """Raises the fault of the reset.

        Raises:
            InfrastructureError: The reset failed.
        """
        if self._fault:
            raise InfrastructureError(self._fault)

    def _observed(self, reply: Exchange) -> Observation:
        limit, response = self._max_obs_chars, reply.response
        return Observation(
            text=capped(reply.text, limit),
            fhir=capped(reply.body, limit),
            status=0 if response is None else response.status,
        )

    def _end(self, begun: Begun, end: End, observation: Observation | None = None) -> Step:
        """Gives the record system back, at the snapshot, and judges what was done."""
        written = tuple(self.session.writes)
        self.session.release()
        return self._ended(begun, end, written, observation)

    def _break_off(self, begun: Begun, error: InfrastructureError) -> Step:
        """Ends an episode in which the record system failed: it says nothing of the agent."""
        fault = str(error)
        try:
            self.session.release()
        except Exception as another:
            fault = f"{fault}; {as_infrastructure(another)}"
        step = self._ended(begun, End(Code.UNJUDGED, f"The record system failed: {fault}."), ())
        step.info["infrastructure_error"] = fault
        return step

    def _ended(self, begun: Begun, end: End, written: Sequence[Write], observation: Observation | None = None) -> Step:
        if observation is None:
            observation = Observation(text="", fhir="", status=0)
        info = self._info(begun, observation["status"], self.rules.judge(begun, end, written))
        info["branch"] = begun.case.branch
        self.over = True
        terminated = end.code in (None, Code.INVALID_ACTION)
        return Step(observation, self.rules.paid(info["verdict"]), terminated, not terminated, info)

    def _info(self, begun: Begun, status: int, more: Mapping[str, Any]) -> dict[str, Any]:
        family, case = begun.family, begun.case
        info = {
            "case": case.id,
            "family": family.name,
            "kind": family.kind,
            "difficulty": family.difficulty,
            "step": self._steps,
            "status": status,
            **more,
        }
        if begun.variants:
            info["variant"] = "+".join(begun.variants)
        return info


def check_counts(info: Mapping[str, Any]) -> None:
    """Checks that an episode says something about the agent.

    Args:
        info: The last step's ``info``.

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
    """Cuts a text off at a limit and says so in it; None for no limit."""
    if limit is None or len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut off here: {len(text) - limit:,} more characters]"
