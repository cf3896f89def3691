"""The hospital during one stay: the clock, the queue of what is due, and what all departments share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from mab_gym.dynamics._chance import uniform
from mab_gym.dynamics._timing import Clock
from mab_gym.fhir.model._json_text import repeated
from mab_gym.tasking.stay import Message, Ordered, StayEvent, StayRecord

if TYPE_CHECKING:
    from mab_gym.backends import RecordSession
    from mab_gym.dynamics._settings import Settings

SAMPLED: Final = 15
"""Minutes between two looks at the true values."""
MOST_DUE: Final = 2000
"""Things that can be due at once; further orders are refused."""
_MOST_NEWS: Final = 400
"""Things that came in since the last request that are told; they can all be searched for."""
_PAGED_AFTER: Final = 2
"""Minutes from an event to the nurse's page."""

Resource = dict[str, Any]


class Hospital:
    """The state that all departments share.

    Args:
        course: The stay.
        session: The session that it is written to.
        case_id: Decides chance.
        clock: The simulated time.

    Attributes:
        case: The case's id, which decides chance.
        minute: The minute of the stay.
        told: The record of the stay.
        news: What came in since it was last emptied: minute, address, and a few words.
        paged: True if somebody was paged since it was last set to False.
        writing: False once the agent is gone, so that nobody reads the record any more.
        nil_by_mouth: True while the patient eats and drinks nothing.
    """

    __slots__ = (
        "_due", "_kept", "_number", "_of_order", "_session", "case", "clock", "course", "minute", "news",
        "nil_by_mouth", "on_event", "paged", "told", "writing",
    )  # fmt: skip

    def __init__(self, course: Settings, session: RecordSession, case_id: str, clock: Clock) -> None:
        self.course = course
        self.clock = clock
        self.minute = 0
        self.told = StayRecord(clock.begun, course.horizon)
        self.news: list[tuple[int, str, str]] = []
        self.paged = False
        self.writing = True
        self.nil_by_mouth = course.nil_by_mouth
        self._session = session
        self.case = case_id
        self._due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self._of_order: dict[str, int] = {}
        self._kept = 0
        self.told.truth[0] = course.body.truth()

    # --- time ------------------------------------------------------------------------------------------------------

    def at(self, minute: int, do: Callable[..., None], *arguments: Any, ordered: bool = False) -> bool:
        """Schedules something, now at the earliest; returns False if it was ordered and too much is due already.

        What would come after the horizon is dropped.
        """
        if minute > self.course.horizon:
            return True
        if ordered and len(self._due) >= MOST_DUE:
            return False
        self._number += 1
        heappush(self._due, (max(minute, self.minute), self._number, do, arguments))
        return True

    def go_on(self, until: int, *, wakes: bool = False) -> None:
        """Lets time pass, to a minute at most the horizon's.

        Args:
            until: The minute.
            wakes: True to stop when somebody is paged.
        """
        until = min(until, self.course.horizon)
        while self._due and self._due[0][0] <= until and not (wakes and self.paged):
            minute, _, do, arguments = heappop(self._due)
            self._live(minute)
            do(*arguments)
        if not (wakes and self.paged):
            self._live(until)

    def _live(self, until: int) -> None:
        """Lets the body live to a minute, and looks at it every quarter of an hour."""
        body, truth = self.course.body, self.told.truth
        while self.minute < until:
            step = min(until, self.minute - self.minute % SAMPLED + SAMPLED) - self.minute
            events = body.advance(step)
            self.minute += step
            if events or self.minute % SAMPLED == 0:
                truth[self.minute] = body.truth()
            if events:
                self.happened(events)

    def happened(self, events: Sequence[StayEvent]) -> None:
        """Notes what happened to the body; a nurse pages the attending."""
        for event in events:
            self.told.events.append(event._replace(minute=min(event.minute, self.minute)))
            self.at(self.minute + _PAGED_AFTER, self.page, event.text, ())
        if events:
            self.told.truth[self.minute] = self.course.body.truth()

    def chance(self, *about: object) -> float:
        """Returns a number from 0 to below 1 for this case."""
        return uniform(self.case, *about)

    def number_of(self, order: str) -> int:
        """Returns the number of an order in this stay, from 1; ids are not the same on every record system."""
        return self._of_order.setdefault(order, len(self._of_order) + 1)

    def time(self, minute: int | None = None) -> str:
        """Returns the time of a minute, now if None, as a FHIR dateTime in the hospital's zone."""
        wanted = self.minute if minute is None else minute
        begun = self.clock.begun
        return _written_out(begun, begun.tzinfo, wanted)

    # --- the record ------------------------------------------------------------------------------------------------

    def write(self, *resources: Resource, news: str = "") -> list[str]:
        """Writes resources, stamped with the patient and the encounter.

        Args:
            resources: The resources, without subject and encounter; one that is written anew as it is.
            news: The words by which the agent is told of each; empty to tell nothing.

        Returns:
            Their addresses.
        """
        if not self.writing:
            self._kept += len(resources)
            return [
                f"{each['resourceType']}/{each.get('id', f'after-{self._kept - place}')}"
                for place, each in enumerate(resources)
            ]
        addresses = self._session.record(resources, self.clock.at(self.minute))
        if news:
            for address in addresses:
                self.tell(address, news)
        return addresses

    def tell(self, address: str, words: str) -> None:
        """Notes something that the agent is told of with its next answer."""
        if len(self.news) < _MOST_NEWS:
            self.news.append((self.minute, address, words))

    def stamped(self, resource: Resource) -> Resource:
        """Returns a new resource with the patient and the encounter."""
        resource["subject"] = reference(f"Patient/{self.course.patient}")
        if self.course.encounter:
            resource["encounter"] = reference(self.course.encounter)
        return resource

    def page(self, text: str, about: Sequence[str], to: str = "", sender: str = "") -> None:
        """Sends an urgent message, to the attending unless it says another."""
        self.send(text, about, to=to, sender=sender, urgent=True)
        self.paged = True

    def send(
        self,
        text: str,
        about: Sequence[str] = (),
        *,
        to: str = "",
        sender: str = "",
        urgent: bool = False,
        answers: str = "",
        category: str = "notification",
    ) -> str:
        """Sends a message (a Communication) and returns its address.

        Args:
            text: The words.
            about: Addresses that it is about.
            to: Reference of who gets it; the attending if empty.
            sender: Reference of who sends it; the nurse if empty.
            urgent: True for a page.
            answers: The address that it answers.
            category: ``alert``, ``notification``, ``reminder`` or ``instruction``.
        """
        recipient, sender = to or self.course.attending, sender or self.course.nurse
        resource = self.stamped(
            {
                "resourceType": "Communication",
                "status": "completed",
                "category": [{"coding": [{"system": _CATEGORIES, "code": "alert" if urgent else category}]}],
                "priority": "urgent" if urgent else "routine",
                "sent": self.time(),
                "payload": [{"contentString": text}],
            }
        )
        if about:
            resource["about"] = [{"reference": address} for address in about]
        if answers:
            resource["inResponseTo" if answers.startswith("Communication/") else "basedOn"] = [{"reference": answers}]
        if recipient:
            resource["recipient"] = [{"reference": recipient}]
        if sender:
            resource["sender"] = {"reference": sender}
        (address,) = self.write(resource, news=f"{'page: ' if urgent else ''}{text}")
        self.told.messages.append(Message(self.minute, sender, recipient, text, False, urgent, address))
        return address

    def note(self, order: str, what: str, text: str, *, by_agent: bool = True) -> None:
        """Notes what became of an order."""
        self.told.orders.append(Ordered(self.minute, order, what, text, by_agent))


_CATEGORIES: Final = "http://terminology.hl7.org/CodeSystem/communication-category"


@lru_cache(maxsize=16_384)
def _written_out(begun: datetime, zone: tzinfo | None, minute: int) -> str:
    """Returns the time of a minute as a FHIR dateTime; what is written in one minute shares it, over episodes, too.

    The zone is an argument because equal times of different zones are equal.
    """
    return (begun + timedelta(minutes=minute)).isoformat()


@lru_cache(maxsize=512)
def concept(system: str, code: str, display: str, text: str = "") -> Mapping[str, Any]:
    """Returns a CodeableConcept, not to be changed; text alone where there is no code."""
    if not code:
        return repeated({"text": text or display})
    return repeated({"coding": [{"system": system, "code": code, "display": display}], "text": text or display})


@lru_cache(maxsize=512)
def concepts(system: str, code: str, display: str) -> list[Mapping[str, Any]]:
    """Returns a list of one CodeableConcept, not to be changed."""
    return repeated([concept(system, code, display)])


@lru_cache(maxsize=1024)
def reference(address: str) -> Mapping[str, str]:
    """Returns a Reference, not to be changed."""
    return repeated({"reference": address})


@lru_cache(maxsize=512)
def references(address: str) -> list[Mapping[str, str]]:
    """Returns a list of one Reference, not to be changed."""
    return repeated([reference(address)])
