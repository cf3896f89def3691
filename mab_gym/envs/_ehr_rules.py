"""This project's own rules, ``ehr``: requests are really executed, and verifiers judge the answer and the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.actions import (
    MAX_BODY_CHARS,
    VERBS,
    Finish,
    Invalid,
    NoAction,
    RefusedTargetError,
    Sent,
    parse_action,
    resolve,
    sent,
)
from mab_gym.backends import Backend, RecordSession
from mab_gym.envs._environment_file import HANDBOOK, USUAL_MINUTES
from mab_gym.episode import Begun, End, Exchange
from mab_gym.errors import InfrastructureError, MabGymError, UsageError, as_infrastructure
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._cost import CostMeter
from mab_gym.tasking._family import Family
from mab_gym.tasking._later import begin_case
from mab_gym.tasking._protocols import Protocol as Wording
from mab_gym.tasking._variants import Staging, stage
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.stay import Stay, StayRecord
from mab_gym.tasking.verdict import REWARDS, Code, Reason, Verdict, verdict_from

_SURROGATE = re.compile("[\ud800-\udfff]")


class EhrRules:
    """The rules of one episode; see `Ruleset`.

    Args:
        backend: The record system.
        chart: Its snapshot, for the variants of cases.
        wording: How tasks and replies are worded.
        reward: ``sparse`` or ``partial``; see `Verdict.credit`.
        verbs: The verbs of an agent's requests, of `mab_gym.actions.ALL_VERBS`.
        minutes: Simulated minutes that a request takes, where the case's family has a clock.
        knowledge: The place of the protocol, one of `mab_gym.tasking._family.KNOWLEDGE`.

    Raises:
        UsageError: There is no such reward.
    """

    __slots__ = (
        "_backend", "_chart", "_cost", "_fault", "_knowledge", "_known", "_minutes", "_partial", "_requests",
        "_session", "_stay", "_verbs", "_wording", "_written",
    )  # fmt: skip

    by_criteria = True

    def __init__(
        self,
        backend: Backend,
        chart: Chart,
        wording: Wording,
        reward: str = "sparse",
        verbs: Sequence[str] = VERBS,
        minutes: int = USUAL_MINUTES,
        knowledge: str = HANDBOOK,
    ) -> None:
        if reward not in REWARDS:
            raise UsageError(f"a reward is {' or '.join(REWARDS)}, not {reward!r}")
        self._backend = backend
        self._chart = chart
        self._wording = wording
        self._partial = reward == "partial"
        self._verbs = tuple(verbs)
        self._minutes = minutes
        self._knowledge = knowledge
        self._stay: Stay | None = None
        self._cost = CostMeter()

    @property
    def course(self) -> StayRecord | None:
        """The course of the stay so far; None without a clock."""
        return None if self._stay is None else self._stay.course

    def stage(self, family: Family, case: Case, variants: Sequence[str], seed: int) -> Staging:
        """Applies the variants."""
        return stage(family, case, self._chart, self._backend.now.isoformat(), variants, seed, self._knowledge)

    def begin(self, begun: Begun, session: RecordSession, words: tuple[str, str], max_steps: int) -> str:
        """Words the task."""
        self._admit(begun, session)
        self._written = len(session.writes)
        self._requests = 0
        self._cost.reset()
        self._known: dict[Any, Any] = {}
        context, question = words
        base_url = self._backend.base_url
        further = self._wording.further(self._verbs, base_url)
        return self._wording.opening.format(
            base_url=base_url, further=further, max_steps=max_steps, context=context, question=question
        )

    def _admit(self, begun: Begun, session: RecordSession) -> None:
        """Begins the stay where the case's family has a clock, and what comes in while the agent works.

        Where that fails by the record system's fault, the first action says so and ends the episode.
        """
        self._session, self._stay, self._fault = session, None, ""
        try:
            told = begin_case(begun.family, begun.case, begun.chart, session, self._minutes)
            self._session, self._stay = told, None if begun.family.course is None else told
        except Exception as error:
            if isinstance(error, MabGymError) and not isinstance(error, InfrastructureError):
                raise  # the caller has to put it right
            self._fault = str(as_infrastructure(error, f"the course of {begun.family.name}"))

    def answer(self, text: str | NoAction) -> Exchange | End:
        """Executes a request; FINISH and what is no action end the episode."""
        if self._fault:
            raise InfrastructureError(self._fault)
        if isinstance(text, NoAction):
            if text.ends:
                return End(Code.INVALID_ACTION, f"The message was no action: {text.why}.")
            return Exchange(self._wording.refused.format(reason=text.why))
        match parse_action(text, self._verbs):
            case Finish(answer):
                return End(None, answer)
            case Invalid(reason):
                return End(Code.INVALID_ACTION, f"The message was no action: {reason}.")
            case request:
                return self._exchange(sent(request))

    def _exchange(self, asked: Sent) -> Exchange:
        try:
            target = resolve(asked.url, self._backend.base_url)
            _check_body(asked.body)
        except RefusedTargetError as refusal:
            return Exchange(self._wording.refused.format(reason=refusal))
        self._requests += 1
        response = self._session.handle(Request(asked.verb, target, asked.headers, asked.body))
        reply = self._wording.reply(asked.verb, response)
        if self._stay is not None:
            reply = f"{self._stay.news}\n{reply}"
        return Exchange(reply, response, response.body)

    def told(self, begun: Begun) -> dict[str, Any]:
        """Returns the cost of what the last action wrote, as far as it can be judged before the end.

        On the clock, what happens to the patient may be a cost as well.
        """
        written = len(self._session.writes) + (0 if self._stay is None else len(self._stay.course.events))
        cost = 0.0
        if written != self._written:
            self._written = written
            try:
                judged = self.verify(begun, "", tuple(self._session.writes))
                cost = self._cost.charge(judged.reasons, ended=False)
            except InfrastructureError:  # if it lasts, the end will say so
                pass
        return {"cost": cost}

    def verify(self, begun: Begun, answer: str, writes: Sequence[Write]) -> Verdict:
        """Returns the verifier's verdict.

        Raises:
            InfrastructureError: The record system failed, or the verifier did.
        """
        try:
            # A backend whose sessions have no clock need not tell what others wrote.
            recorded = self._session.recorded if begun.family.later is not None else ()
            result = Result(answer, tuple(writes), self._known, self.course, self._knowledge, recorded, self._requests)
            return begun.family.verify(begun.case, begun.chart, result)
        except InfrastructureError:
            raise
        except Exception as error:
            raise as_infrastructure(error, f"the verifier of {begun.family.name}") from error

    def judge(self, begun: Begun, end: End, writes: Sequence[Write]) -> dict[str, Any]:
        """Judges the answer and what was written. Without FINISH it is a failure, which may be unsafe all the same.

        A stay on the clock goes on to its horizon first.
        """
        if self._stay is not None and end.code is not Code.UNJUDGED:
            self._finish(begun, self._stay)
        if end.code is None:
            verdict = self.verify(begun, end.words, writes)
        else:
            verdict = verdict_from([Reason(end.code, end.words)])
            if end.code is not Code.UNJUDGED:
                judged = self.verify(begun, "", writes)
                unsafe = tuple(reason for reason in judged.reasons if reason.critical)
                reasons = (*verdict.reasons, *unsafe)
                verdict = Verdict(
                    verdict.success, reasons, verdict.failure, criteria=judged.criteria, deferral=judged.deferral
                )
        self._known = {}
        return {
            "cost": self._cost.charge(verdict.reasons, ended=True),
            "verdict": verdict.to_dict(),
            "criteria": {criterion.name: criterion.met for criterion in verdict.criteria},
            "episode_cost": self._cost.total,
        }

    def _finish(self, begun: Begun, stay: Stay) -> None:
        try:
            stay.finish()
        except Exception as error:
            raise as_infrastructure(error, f"the course of {begun.family.name}") from error

    def paid(self, verdict: Mapping[str, Any]) -> float:
        """Returns 1 for a success, else 0; with ``partial`` the verdict's credit."""
        return float(verdict["credit"] if self._partial else verdict["success"])


def _check_body(body: str) -> None:
    if len(body) > MAX_BODY_CHARS:
        raise RefusedTargetError(f"the body has {len(body):,} characters, more than the {MAX_BODY_CHARS:,} allowed")
    if not body.isascii() and _SURROGATE.search(body):
        raise RefusedTargetError("the body holds broken Unicode (lone surrogates)")
