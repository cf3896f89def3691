"""Rewritings of gold writes: those that mean the same pass, and none that means something else does.

They are made from FHIR's elements (see `tests.contract.rewritings`); whoever adds a family gets them for nothing.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from mab_gym.tasking.case import Case
from tests.contract.rewritings import Person, Scene, rewritings
from tests.contract.rewritings.grammar import Rewriting
from tests.contract.rewritings.playing import FOLDERS, Played, gold, of_family, played, scene_of, writing_families

pytestmark = pytest.mark.once
LEAST_WRONG, LEAST_RIGHT = 60, 40
WRITING = writing_families()


@cache
def outcomes(family: str) -> list[tuple[Case, Played]]:
    """The outcomes of a family's rewritings."""
    return list(played(family))


def disputed(family: str, right: bool) -> list[str]:
    """The cases and labels of those that the judge sees otherwise."""
    found = [(case, each) for case, each in outcomes(family) if each.rewriting.right is right and each.disputed]
    return [f"{case.id} {each.rewriting.label}: {each.rewriting.why}" for case, each in found]


@pytest.mark.parametrize("family", FOLDERS)
def test_no_wrong_rewriting_passes(family: str) -> None:
    assert disputed(family, right=False) == []


@pytest.mark.parametrize("family", WRITING)
def test_every_right_rewriting_passes_and_is_safe(family: str) -> None:
    assert disputed(family, right=True) == []


@pytest.mark.parametrize("family", FOLDERS)
def test_there_are_many_of_each_kind(family: str) -> None:
    tried = Counter(each.rewriting.right for _, each in outcomes(family) if each.verdict is not None)
    assert tried[False] >= LEAST_WRONG
    assert tried[True] >= (LEAST_RIGHT if family in WRITING else 0)


@pytest.mark.parametrize("family", WRITING)
def test_the_server_takes_what_is_called_right(family: str) -> None:
    refused = [each.rewriting.label for _, each in outcomes(family) if each.rewriting.right and each.verdict is None]
    assert refused == []


@pytest.mark.parametrize("family", FOLDERS)
def test_labels_and_writes_are_told_apart(family: str) -> None:
    for case, made in of_family(family):
        assert len({each.label for each in made}) == len(made), case.id
        assert len({_content(each) for each in made}) == len(made), case.id


@pytest.mark.parametrize("family", WRITING)
def test_nothing_is_called_right_and_wrong(family: str) -> None:
    """Rewritings made in different ways may be alike; the first one stands, and the others agree with it."""
    for case, record in gold(family).values():
        if record["writes"]:
            scene: Scene = scene_of(family, case, record)
            alike: dict[str, set[bool | None]] = {}
            for each in rewritings(record["writes"], scene, once=False):
                alike.setdefault(_content(each), set()).add(each.right)
            assert all(len(kinds) == 1 for kinds in alike.values()), case.id


def _content(rewriting: Rewriting) -> str:
    return f"{rewriting.unserved} {rewriting.writes!r}"


NEW = (
    {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "H01BA02"}]},
        "subject": {"reference": "Patient/S1"},
        "dosageInstruction": [
            {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, "route": {"text": "nasal"},
             "doseAndRate": [{"doseQuantity": {"value": 10, "code": "ug", "system": "http://unitsofmeasure.org"}}]}
        ],
    },
    {
        "resourceType": "DeviceRequest",
        "status": "active",
        "intent": "order",
        "codeCodeableConcept": {"text": "wheelchair"},
        "subject": {"reference": "Patient/S1"},
        "occurrenceDateTime": "2023-11-14T08:00:00+00:00",
    },
    {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]},
        "patient": {"reference": "Patient/S1"},
        "occurrenceDateTime": "2023-11-13T10:15:00+00:00",
        "doseQuantity": {"value": 0.5, "unit": "mL"},
    },
    {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2023-11-14T08:00:00+00:00",
        "participant": [{"actor": {"reference": "Patient/S1"}, "status": "accepted"}],
    },
)  # fmt: skip


@pytest.mark.parametrize("resource", NEW, ids=lambda resource: str(resource["resourceType"]))
def test_what_no_family_writes_yet_has_rewritings_too(resource: dict[str, Any]) -> None:
    one, other = (Person(mrn, f"Person {mrn}", {"value": mrn}, {}) for mrn in ("S1", "S2"))
    made = rewritings([resource], Scene(datetime(2023, 11, 13, 10, 15, tzinfo=UTC), one, other))
    tried = Counter(each.right for each in made)
    assert tried[False] >= LEAST_WRONG
    assert tried[True] >= LEAST_RIGHT // 2
