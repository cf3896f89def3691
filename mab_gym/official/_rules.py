"""The official rules of an episode: replies in the official words, POSTs that are never sent, the official grading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.actions import NoAction
from mab_gym.backends import RecordSession
from mab_gym.episode import Begun, End, Exchange
from mab_gym.errors import UsageError
from mab_gym.fhir.store._overlay import Write
from mab_gym.official._conversation import Conversation, Status, opening
from mab_gym.official._grading import grade
from mab_gym.official._taskset import official_task
from mab_gym.tasking._family import Family
from mab_gym.tasking._variants import Staging
from mab_gym.tasking.case import Case
from mab_gym.tasking.verdict import Code, Reason, Verdict, verdict_from

_STATUSES: Mapping[Code | None, Status] = {
    None: Status.COMPLETED,
    Code.STEP_LIMIT: Status.TASK_LIMIT_REACHED,
    Code.CONTEXT_LIMIT: Status.AGENT_CONTEXT_LIMIT,
    Code.INVALID_ACTION: Status.AGENT_INVALID_ACTION,
    Code.UNJUDGED: Status.TASK_ERROR,
}


class OfficialRules:
    """The official rules of one episode; see `Ruleset`.

    Args:
        base_url: The record system's address, without a slash at its end.
        functions: The official function list.

    Attributes:
        conversation: All that was said in the episode that was begun last.
    """

    by_criteria = False
    course = None
    conversation: Conversation

    def __init__(self, base_url: str, functions: Sequence[Mapping[str, Any]]) -> None:
        self._base_url = base_url
        self._functions = functions

    def stage(self, family: Family, case: Case, variants: Sequence[str], seed: int) -> Staging:
        """Returns the task as it is in the official file.

        Raises:
            UsageError: The case is none of the official file's, or a variant is asked for.
        """
        if variants:
            raise UsageError(f"official tasks are played as they are, not {'+'.join(variants)}")
        task = official_task(case)
        return Staging((task.context, task.instruction))

    def begin(self, begun: Begun, session: RecordSession, words: tuple[str, str], max_steps: int) -> str:
        """Words the task as the official harness does."""
        text = opening(official_task(begun.case), self._functions, self._base_url)
        self.conversation = Conversation(session, text, self._base_url, max_steps)
        return text

    def answer(self, text: str | NoAction) -> Exchange | End:
        """Takes a turn. The turn that reaches the limit is answered, though nobody reads that any more."""
        said = self.conversation
        said.step(str(text))
        if said.status in (Status.COMPLETED, Status.AGENT_INVALID_ACTION):
            return End(None if said.status is Status.COMPLETED else Code.INVALID_ACTION, said.result or "")
        response = said.response
        # The official agent never sees the body of a refusal.
        body = "" if response is None or response.status >= 400 else response.body
        return Exchange(said.messages[-1].content, response, body)

    def told(self, begun: Begun) -> dict[str, Any]:
        """Returns nothing: the official grading does not judge safety."""
        return {}

    def verify(self, begun: Begun, answer: str, writes: Sequence[Write]) -> Verdict:
        """Refuses.

        Raises:
            UsageError: Always.
        """
        raise UsageError("official tasks are graded at their end, by what was said")

    def judge(self, begun: Begun, end: End, writes: Sequence[Write]) -> dict[str, Any]:
        """Grades the conversation."""
        said = self.conversation
        said.stop(_STATUSES[end.code])
        result = said.result
        if end.code is Code.UNJUDGED:
            verdict, result = verdict_from([Reason(Code.UNJUDGED, end.words)]), None
        elif (graded := grade(official_task(begun.case), said, begun.chart)).correct:
            verdict = Verdict(True, (Reason(Code.SOLVED, "Correct by the official grading."),), None, 1.0)
        else:
            words = f"Incorrect by the official grading: {graded.reason}."
            verdict = verdict_from([Reason(end.code or Code.OFFICIAL_RULE, words)])
        return {
            "verdict": {**verdict.to_dict(), "unsafe": None},  # the official grading does not judge that
            "official": {"status": said.status, "result": result},
        }

    def paid(self, verdict: Mapping[str, Any]) -> float:
        """Returns 1 for a success, else 0."""
        return float(verdict["success"])
