"""A session on the clock: each request takes simulated minutes, and in between the hospital works."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from mab_gym.backends._around import SessionAround
from mab_gym.dynamics import _wait
from mab_gym.dynamics._examinations import Examinations
from mab_gym.dynamics._hospital import Hospital
from mab_gym.dynamics._known import Known
from mab_gym.dynamics._laboratory import Laboratory
from mab_gym.dynamics._messages import Messages
from mab_gym.dynamics._pharmacy import Pharmacy
from mab_gym.dynamics._requests import is_consult
from mab_gym.dynamics._timing import Clock
from mab_gym.dynamics._values import Values
from mab_gym.dynamics._ward import Ward
from mab_gym.errors import UsageError
from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.tasking.meaning._said import words_of
from mab_gym.tasking.stay import AgentAction, StayRecord

if TYPE_CHECKING:
    from mab_gym.backends import RecordSession
    from mab_gym.dynamics._settings import Settings
    from mab_gym.fhir.store._overlay import Write
    from mab_gym.tasking.case import Case

_NEWS_TOLD: Final = 3
"""New things that the line before an answer names; further ones are counted."""
_REFUSALS_TOLD: Final = 5
"""Orders that one message names as not carried out; further ones are counted."""
_TARGET_KEPT: Final = 200
"""Characters of a request's target that the record of the stay keeps."""
_NURSING: Final = re.compile(
    r"bladder\W{1,3}scan|post-?\W?void|isolation|(?:contact|droplet|airborne|fall|seizure)\W{1,3}precaution|"
    r"(?:fluid|urine)\W{1,3}(?:balance|output)|intake and output|daily weight|physical therap|wound care",
    re.IGNORECASE,
)
"""Names of what nurses do on the ward without a report: nobody says that it is no test."""
MOST_ACTIONS: Final = 10_000
"""Requests that the record of a stay keeps."""


class ClockedSession(SessionAround):
    """An episode's session on the clock; a `mab_gym.tasking.stay.Stay`.

    Args:
        course: The stay, not played before.
        session: A session at the case's snapshot, nobody else's.
        case: The case.
        minutes_per_action: Simulated minutes that each request takes, 0 to 1,440.

    Raises:
        UsageError: The minutes are not as they should be.
    """

    __slots__ = (
        "_begun", "_examinations", "_given_up", "_hospital", "_laboratory", "_messages", "_minutes", "_news",
        "_pharmacy", "_seen", "_ward",
    )  # fmt: skip

    def __init__(self, course: Settings, session: RecordSession, case: Case, minutes_per_action: int) -> None:
        whole = isinstance(minutes_per_action, int) and not isinstance(minutes_per_action, bool)
        if not whole or not 0 <= minutes_per_action <= 1440:
            raise UsageError(f"minutes_per_action is a whole number from 0 to 1440, not {minutes_per_action!r}")
        clock = Clock.of(course.chart.now, course.zone, [minute for minute, _ in course.meals])
        known = Known()
        super().__init__(session)
        self._minutes = minutes_per_action
        self._hospital = Hospital(course, session, case.id, clock)
        values = Values(course)
        self._laboratory = Laboratory(self._hospital, known, values)
        self._pharmacy = Pharmacy(self._hospital, known)
        self._ward = Ward(self._hospital, known, values)
        self._messages = Messages(self._hospital)
        self._examinations = Examinations(self._hospital)
        self._seen = len(session.writes)
        self._begun = False
        self._given_up = False
        self._news = ""

    # --- what a stay tells -------------------------------------------------------------------------------------------

    @property
    def course(self) -> StayRecord:
        """The course so far."""
        self._hospital.told.minute = self._hospital.minute
        return self._hospital.told

    @property
    def news(self) -> str:
        """The simulated time and what came in with the last request, in a line."""
        return self._news

    def finish(self) -> None:
        """Goes on to the horizon with what is ordered; the record system is written to no more."""
        hospital, told = self._hospital, self._hospital.told
        if told.finished:
            return
        hospital.writing = False
        self._begin()
        told.left = hospital.minute
        hospital.go_on(hospital.course.horizon)
        told.minute, told.finished = hospital.minute, True

    # --- a record session --------------------------------------------------------------------------------------------

    def release(self) -> None:
        """Ends the episode; see `RecordSession.release`."""
        self._hospital.writing = False
        self._given_up = True
        self._session.release()

    def reset(self) -> None:
        """Goes back to the snapshot; the stay is over and cannot begin again."""
        self._hospital.writing = False
        self._given_up = True
        self._session.reset()

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Refuses: a stay begins on a session that is prepared.

        Raises:
            UsageError: Always.
        """
        raise UsageError("prepare the session first, then begin the stay")

    def handle(self, request: Request) -> Response:
        """Answers a request of the agent after the minutes that it takes.

        Raises:
            InfrastructureError: The record system failed.
        """
        hospital = self._hospital
        if self._given_up or hospital.told.finished:
            return self._session.handle(request)
        hospital.news.clear()
        hospital.paged = False
        self._begin()
        waiting = _wait.asks_to_wait(request.target)
        response = self._waited(request) if waiting else self._answered(request)
        self._news = self._in_a_line(told=not waiting)
        if len(hospital.told.actions) < MOST_ACTIONS:
            target = request.target[:_TARGET_KEPT]
            hospital.told.actions.append(AgentAction(hospital.minute, request.method, target, response.status))
        return response

    # --- the clock ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Takes over what stands in the chart, with the first request."""
        if self._begun:
            return
        self._begun = True
        for resource in self._hospital.course.standing:
            address = f"{resource['resourceType']}/{resource['id']}"
            if resource["resourceType"] == "MedicationRequest":
                self._pharmacy.take(address, resource, by_agent=False)
            elif resource["resourceType"] == "ServiceRequest" and not is_consult(resource):
                self._laboratory.take(address, resource, by_agent=False)
        self._ward.begin()
        self._hospital.go_on(0)

    def _pass(self, minutes: int) -> None:
        self._hospital.go_on(self._hospital.minute + minutes)
        self._session.tell_time(self._hospital.clock.at(self._hospital.minute))

    def _answered(self, request: Request) -> Response:
        self._pass(self._minutes)
        base_url = self._hospital.course.chart.base_url
        reads = request.method in ("GET", "HEAD")
        if reads and _wait.is_definition(request.target):
            return _wait.definition(base_url)
        response = self._session.handle(request)
        if reads:
            if request.target.partition("?")[0].strip("/") == "metadata" and response.status == 200:
                return Response(200, _amended(response.body, base_url), response.headers, response.content)
            return response
        self._take_orders()
        return response

    def _waited(self, request: Request) -> Response:
        hospital = self._hospital
        before = hospital.minute
        if request.method != "POST":
            self._pass(self._minutes)
            return _wait.refusal("it is asked by POST, with Parameters as its body.", 405)
        try:
            until, wakes = _wait.read_wait(request.body, before, hospital.clock, hospital.course.horizon)
        except _wait.WaitRefusedError as refused:
            self._pass(self._minutes)
            return _wait.refusal(str(refused))
        hospital.go_on(until, wakes=wakes)
        self._session.tell_time(hospital.clock.at(hospital.minute))
        news = [(hospital.clock.at(minute), address, words) for minute, address, words in hospital.news]
        ended = hospital.minute >= hospital.course.horizon
        return _wait.answer(hospital.clock.at(hospital.minute), hospital.minute - before, news, ended)

    def _take_orders(self) -> None:
        """Reads what the agent has written with its request."""
        writes = self._session.writes
        for write in writes[self._seen :]:
            address = f"{write.resource_type}/{write.logical_id}"
            match write.resource_type:
                case "MedicationRequest":
                    if self._is_ours(write.resource):
                        self._pharmacy.take(address, write.resource)
                case "ServiceRequest":
                    if self._is_ours(write.resource):
                        self._take_request(address, write)
                case "NutritionOrder":
                    if write.resource is None or self._is_ours(write.resource, "patient"):
                        self._ward.take_nutrition(write.resource)
                case "Communication" | "CommunicationRequest":
                    if write.resource is not None and write.interaction == "create":
                        self._messages.take(address, write.resource)
        self._seen = len(writes)
        self._say_refused()

    def _take_request(self, address: str, write: Write) -> None:
        if write.resource is not None and is_consult(write.resource):
            if write.interaction == "create" and write.resource.get("status") == "active":
                self._messages.take_consult(address, write.resource)
            return
        active = write.resource is not None and write.resource.get("status") == "active"
        words = " ".join(map(str, words_of((write.resource or {}).get("code"))))[:_TARGET_KEPT]
        if active and self._ward.limit_fluid(words):
            self._hospital.note(address, "accepted", "fluid limit")
            return
        if self._examinations.take(address, write.resource):
            return
        if active and _NURSING.search(words):
            self._hospital.note(address, "accepted", "nursing")
            return
        self._laboratory.take(address, write.resource)

    def _is_ours(self, resource: Mapping[str, Any] | None, element: str = "subject") -> bool:
        """Tells if a resource is about this stay's patient; one that was deleted may be."""
        if resource is None:
            return True
        subject = resource.get(element)
        reference = str(subject.get("reference", "")) if isinstance(subject, Mapping) else ""
        return reference.split("/_history")[0].endswith(f"Patient/{self._hospital.course.patient}")

    def _say_refused(self) -> None:
        """Has pharmacy and laboratory say which orders they do not carry out, and why."""
        course = self._hospital.course
        for refused, sender in (
            (self._pharmacy.refused, course.pharmacist),
            (self._laboratory.refused, course.laboratory),
        ):
            if not refused:
                continue
            lines = [f"{address} is not carried out: {why}." for address, why in refused[:_REFUSALS_TOLD]]
            if len(refused) > _REFUSALS_TOLD:
                lines.append(f"{len(refused) - _REFUSALS_TOLD} further orders are not carried out either.")
            about = tuple(address for address, _ in refused[:_REFUSALS_TOLD])
            self._hospital.send(" ".join(lines), about, sender=sender or course.nurse, category="alert")
            refused.clear()

    def _in_a_line(self, *, told: bool) -> str:
        hospital = self._hospital
        line = f"It is {hospital.time()}."
        if hospital.minute >= hospital.course.horizon:
            line += " The stay has ended."
        if not told or not hospital.news:
            return line
        named = [f"{address} ({words})" if address else words for _, address, words in hospital.news[:_NEWS_TOLD]]
        more = len(hospital.news) - len(named)
        return f"{line} New: {'; '.join(named)}{f'; and {more} more' if more else ''}."


@lru_cache(maxsize=4)
def _amended(body: str, base_url: str) -> str:
    return _wait.with_wait(body, base_url)
