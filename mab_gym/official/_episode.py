"""An official episode with the face of `mab_gym.episode.Episode`: the official conversation inside, the same steps out.

What differs from the project's own protocol is the harness alone: replies are the official words, POSTs never reach the
record system, and the verdict is the official one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mab_gym.backends import Backend, RecordSession
from mab_gym.episode import Observation, Step, capped, check_limits, check_text, task_info
from mab_gym.errors import InfrastructureError, UsageError, as_infrastructure
from mab_gym.fhir.http._server import Request, Response
from mab_gym.fhir.store._overlay import Write
from mab_gym.official._conversation import MAX_TURNS, Conversation, Status, opening
from mab_gym.official._grading import Grade, grade
from mab_gym.official._taskset import OfficialCase
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.verdict import Code, Reason, Verdict, verdict_from

_CODES: Mapping[Status, Code] = {
    Status.TASK_LIMIT_REACHED: Code.STEP_LIMIT,
    Status.AGENT_CONTEXT_LIMIT: Code.CONTEXT_LIMIT,
    Status.AGENT_INVALID_ACTION: Code.INVALID_ACTION,
}


class OfficialEpisode:
    """One agent at work on one official task after another, each from the same snapshot.

    Args:
        backend: The record system.
        chart: Its snapshot, for the graders.
        functions: The official function list.
        max_steps: Turns that an agent has; officially 8.
        max_obs_chars: Longest reply, None (as officially) for no limit; the opening message is never cut.

    Attributes:
        conversation: What was said in the episode at hand.

    Raises:
        UsageError: A limit is not a whole number above 0.
    """

    def __init__(
        self,
        backend: Backend,
        chart: Chart,
        functions: Sequence[Mapping[str, Any]],
        max_steps: int = MAX_TURNS,
        max_obs_chars: int | None = None,
    ) -> None:
        check_limits(max_steps=max_steps, max_obs_chars=max_obs_chars)
        self.max_steps = max_steps
        self._backend = backend
        self._chart = chart
        self._functions = functions
        self._max_obs_chars = max_obs_chars
        self._session = _Listening(backend.open())
        self._place: tuple[Family, OfficialCase] | None = None
        self._fault = ""
        self.conversation = Conversation(self._session, base_url=backend.base_url)
        self.conversation.stop(Status.TASK_ERROR)  # none is under way before the first reset

    @property
    def over(self) -> bool:
        """Whether the episode has ended, or none was begun."""
        return self.conversation.status is not None

    @property
    def case(self) -> Case | None:
        """The case at hand."""
        return None if self._place is None else self._place[1]

    @property
    def session(self) -> RecordSession:
        """The episode's view of the record system."""
        return self._session

    def reset(
        self, family: Family, case: Case, variants: Sequence[str] = (), seed: int = 0
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins a task at the snapshot.

        Where the record system fails at it, the first step says so and ends the episode.

        Args:
            family: The task's category.
            case: The task.
            variants: None; official tasks are played as they are.
            seed: Without effect.

        Raises:
            UsageError: The case is none of the official file's, or a variant is asked for.
        """
        if variants:
            raise UsageError(f"official tasks are played as they are, not {'+'.join(variants)}")
        if not isinstance(case, OfficialCase):
            raise UsageError(f"{case.id} is no official task")
        self._fault = ""
        try:
            self._session.reset()
        except Exception as error:
            self._fault = str(as_infrastructure(error))
        self._place = (family, case)
        text = opening(case.task, self._functions, self._backend.base_url)
        self.conversation = Conversation(self._session, text, self._backend.base_url, self.max_steps)
        return Observation(text=text, fhir="", status=0), self._info(family, case, 0)

    def step(self, text: str) -> Step:
        """Takes one turn. Any text is one; nothing an agent writes raises.

        Args:
            text: The agent's message.

        Raises:
            UsageError: There is no episode under way, or the action is no text.
        """
        check_text(text)
        family, case = self._under_way()
        try:
            return self._take(family, case, text)
        except Exception as error:
            return self._break_off(family, case, as_infrastructure(error))

    def _under_way(self) -> tuple[Family, OfficialCase]:
        if self.over or self._place is None:
            raise UsageError("there is no episode under way; call reset() first")
        return self._place

    def _take(self, family: Family, case: OfficialCase, text: str) -> Step:
        self._check_begun()
        self.conversation.step(text)
        last = self.conversation.messages[-1]
        response = self._session.take()
        observation = Observation(
            # What ends an episode is not answered; the turn that reaches the limit is, though nobody reads it any more.
            text=capped(last.content, self._max_obs_chars) if last.role == "user" else "",
            # The official agent never sees the body of a refusal.
            fhir="" if response is None or response.status >= 400 else capped(response.body, self._max_obs_chars),
            status=0 if response is None else response.status,
        )
        ended = self.conversation.status
        if ended is None:
            return Step(observation, 0.0, False, False, self._info(family, case, observation["status"]))
        return self._end(family, case, ended, observation)

    def stop_for_context(self, why: str) -> Step:
        """Ends the episode because the agent cannot read any more of it: the official "agent context limit".

        Args:
            why: What the agent's model said; the official status has no room for it.

        Raises:
            UsageError: There is no episode under way.
        """
        family, case = self._under_way()
        try:
            self._check_begun()
            self.conversation.stop(Status.AGENT_CONTEXT_LIMIT)
            return self._end(family, case, Status.AGENT_CONTEXT_LIMIT, Observation(text="", fhir="", status=0))
        except Exception as error:
            return self._break_off(family, case, as_infrastructure(error))

    def _check_begun(self) -> None:
        """Tells what the reset could not.

        Raises:
            InfrastructureError: It failed.
        """
        if self._fault:
            raise InfrastructureError(self._fault)

    def _end(self, family: Family, case: OfficialCase, ended: Status, observation: Observation) -> Step:
        info = self._info(family, case, observation["status"])
        self._session.release()
        verdict = _verdict(ended, grade(case.task, self.conversation, self._chart))
        info["verdict"] = {**verdict.to_dict(), "unsafe": None}  # the official grading does not judge that
        info["official"] = {"status": ended.value, "result": self.conversation.result}
        info["branch"] = case.branch
        truncated = ended in (Status.TASK_LIMIT_REACHED, Status.AGENT_CONTEXT_LIMIT)
        return Step(observation, verdict.reward, not truncated, truncated, info)

    def close(self) -> None:
        """Ends what is under way and gives the record system back."""
        self.conversation.stop(Status.TASK_ERROR)
        self._session.reset()

    def _break_off(self, family: Family, case: Case, error: InfrastructureError) -> Step:
        """The end of an episode in which the record system failed: it says nothing of the agent."""
        fault = str(error)
        self.conversation.stop(Status.TASK_ERROR)
        with suppress(Exception):
            self._session.release()
        verdict = verdict_from([Reason(Code.UNJUDGED, f"The record system failed: {fault}.")])
        info = self._info(family, case, 0)
        info["verdict"] = {**verdict.to_dict(), "unsafe": None}
        info["official"] = {"status": Status.TASK_ERROR.value, "result": None}
        info["infrastructure_error"] = fault
        return Step(Observation(text="", fhir="", status=0), 0.0, False, True, info)

    def _info(self, family: Family, case: Case, status: int) -> dict[str, Any]:
        return task_info(family, case, len(self.conversation.turns), status)


class _Listening:
    """A session that remembers the last response until it is taken."""

    def __init__(self, inner: RecordSession) -> None:
        self._inner = inner
        self._last: Response | None = None

    @property
    def writes(self) -> Sequence[Write]:
        return self._inner.writes

    def handle(self, request: Request) -> Response:
        response = self._last = self._inner.handle(request)
        return response

    def take(self) -> Response | None:
        response, self._last = self._last, None
        return response

    def reset(self) -> None:
        self._inner.reset()
        self._last = None

    def release(self) -> None:
        self._inner.release()

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        self._inner.prepare(resources)
        self._last = None


def _verdict(ended: Status, graded: Grade) -> Verdict:
    if graded.correct:
        return Verdict(True, (Reason(Code.SOLVED, "Correct by the official grading."),), None, 1.0)
    code = _CODES.get(ended, Code.OFFICIAL_RULE)
    return verdict_from([Reason(code, f"Incorrect by the official grading: {graded.reason}.")])
