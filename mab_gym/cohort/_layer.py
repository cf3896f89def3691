"""A layer over the charts of a cohort, and the resources in it, written as the charts below write them.

Ages are in minutes before now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from typing import Any, Final, TypeVar

from numpy.random import RandomState

from mab_gym.cohort._elements import HL7, ICD, LABORATORY, VITAL_SIGNS, concept, measured, quantity, subject
from mab_gym.cohort._history import Someone
from mab_gym.cohort._measurement import ANALYTES, NUMBER
from mab_gym.cohort._spec import HOUR_MINUTES, NOW
from mab_gym.cohort._streams import LAYER, integers, stream

WITHDRAWN: Final = 0.4
"""Share of people with a last result that was entered in error; our choice: a quarter of thirty cases then has one."""
PRESENT: Final = datetime.fromtimestamp(NOW, UTC)
ZONES: Final = (UTC, UTC, UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=-5)))
Resource = dict[str, Any]
S = TypeVar("S")
T = TypeVar("T")


class Topic(IntEnum):
    """The topics of a layer, numbered as their random streams."""

    WARFARIN = 1
    KIDNEYS = 2
    RATIOS = 3
    HAEMOGLOBINS = 4
    ORDERS = 5
    ALLERGIES = 6


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer over the charts of a cohort.

    Attributes:
        added: Resources to be loaded, without id and meta, each with the MRN of the person it is about.
        gone: By MRN and code, up to which age in minutes the chart's own results are left out.
    """

    added: list[tuple[str, Resource]] = field(default_factory=list)
    gone: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, someone: Someone, resource: Resource) -> None:
        """Adds a resource about somebody."""
        self.added.append((someone.mrn, resource))

    def replace(self, someone: Someone, codes: Sequence[str], age: int) -> None:
        """Leaves out somebody's own results of some codes, up to an age in minutes."""
        for code in codes:
            self.gone[someone.mrn, code] = max(age, self.gone.get((someone.mrn, code), 0))


def write(
    seed: int,
    topic: Topic,
    people: Sequence[Someone],
    presentations: Mapping[int, S],
    rows: Callable[[RandomState, Someone, S, Layer], None],
    layer: Layer,
) -> None:
    """Adds the rows of each person's presentation to a layer, drawn from a random stream of their own.

    ``presentations`` are by the people's numbers, in the order in which they are written; ``rows`` adds those of one.
    """
    for number, presentation in presentations.items():
        rows(stream(seed, LAYER, 10 + topic, number), people[number], presentation, layer)


def one(rng: RandomState, choices: Sequence[T]) -> T:
    """Draws one of several."""
    return choices[int(integers(rng, 0, len(choices), 1)[0])]


def between(rng: RandomState, low: int, high: int) -> int:
    """Draws a whole number from ``low`` to below ``high``."""
    return int(integers(rng, low, high, 1)[0])


def written(rng: RandomState, age: int) -> str:
    """The moment a number of minutes ago, in one of the hospital's time zones."""
    moment = PRESENT - timedelta(minutes=age)
    return moment.astimezone(one(rng, ZONES)).isoformat()


def result(rng: RandomState, someone: Someone, code: str, whole: int, age: int) -> Resource:
    """A laboratory result or a flowsheet row; ``whole`` counts units of its last digit."""
    number = NUMBER[code]
    laboratory = number < ANALYTES
    zone, taken = one(rng, ZONES), PRESENT - timedelta(minutes=age)
    resource: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": LABORATORY if laboratory else VITAL_SIGNS,
        "code": measured(number),
        "subject": subject(someone.mrn, identified=laboratory),
        "effectiveDateTime": taken.astimezone(zone).isoformat(),
    }
    if laboratory:
        issued = min(taken + timedelta(minutes=between(rng, 9, 95)), PRESENT)
        resource["issued"] = issued.astimezone(zone).isoformat()
    return resource | {"valueQuantity": quantity(number, whole)}


def withdrawn(resource: Mapping[str, Any]) -> Resource:
    """A result that was entered in error."""
    return {**resource, "status": "entered-in-error"}


def problem(rng: RandomState, someone: Someone, code: str, display: str, age: int) -> Resource:
    """A condition on the problem list that began a number of minutes ago."""
    began = PRESENT - timedelta(minutes=age)
    return {
        "resourceType": "Condition",
        "clinicalStatus": concept(f"{HL7}condition-clinical", "active"),
        "verificationStatus": concept(f"{HL7}condition-ver-status", "confirmed"),
        "category": [concept(f"{HL7}condition-category", "problem-list-item")],
        "code": concept(ICD, code, display, display),
        "subject": subject(someone.mrn),
        "onsetDateTime": began.date().isoformat(),
        "recordedDate": (began + timedelta(minutes=between(rng, 0, 10 * HOUR_MINUTES))).isoformat(),
    }
