"""Reading by value: every element of FHIR R4 is accounted for, statements agree or are refused, nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mab_gym.fhir.definitions import elements
from mab_gym.tasking.meaning.elements import EVERYWHERE, HARMLESS, NOT_UNDERSTOOD
from mab_gym.tasking.meaning.often import ONCE, Often, every
from mab_gym.tasking.meaning.reading import READERS, read
from mab_gym.tasking.meaning.said import Facet, Order
from mab_gym.tasking.meaning.schedules import read_timing
from mab_gym.tasking.meaning.units import hours
from tests.tasking.meaning.people import GIVEN, HELD, TESTED, allergy, hold, medication, reading, service, unmet

MODIFIERS = {"implicitRules", "modifierExtension", "status", "doNotPerform", "intent", "verificationStatus"}
"""Names of modifier elements (FHIR R4, isModifier) of the types that are read; none of them may be harmless."""


@pytest.mark.parametrize("kind", sorted(READERS))
def test_every_element_is_read_harmless_or_refused(kind: str) -> None:
    defined, readers, harmless = set(elements(kind)), set(READERS[kind]), set(HARMLESS[kind])
    refused = set(NOT_UNDERSTOOD[kind]) | {"modifierExtension"}
    everywhere = set(EVERYWHERE) - {"resourceType"}
    assert defined <= readers | harmless | refused | everywhere
    assert (readers | harmless | NOT_UNDERSTOOD[kind]) <= defined
    assert not readers & harmless
    assert not readers & NOT_UNDERSTOOD[kind]
    assert not harmless & NOT_UNDERSTOOD[kind]
    assert not (harmless | everywhere) & MODIFIERS
    assert all(reason and not reason.endswith(".") for reason in HARMLESS[kind].values())


def test_gold_writes_are_understood() -> None:
    for resource in (GIVEN, TESTED, HELD):
        assert read(resource).refused == []
    assert unmet(medication(), GIVEN) == unmet(service(), TESTED) == unmet(hold(), HELD) == []


TIMINGS: list[tuple[dict[str, Any], list[Often | None], bool]] = [
    ({}, [], True),
    ({"event": ["2023-11-13T10:15:00Z"]}, [ONCE], True),
    ({"event": ["2023-11-13T10:15:00Z", "2023-11-14T10:15:00Z"]}, [Often(2)], True),
    ({"repeat": {"count": 1}}, [ONCE], True),
    ({"repeat": {"frequency": 1, "count": 1}}, [ONCE], True),
    ({"repeat": {"frequency": 1}}, [ONCE], True),
    ({"repeat": {"frequency": 2, "count": 1}}, [ONCE], False),
    ({"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}, [every(8)], True),
    ({"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}, [every(8)], True),
    ({"repeat": {"period": 1, "periodUnit": "wk"}}, [every(168)], True),
    ({"repeat": {"frequency": 1, "frequencyMax": 1, "period": 8, "periodMax": 8, "periodUnit": "h"}}, [every(8)], True),
    ({"repeat": {"frequency": 1, "frequencyMax": 4, "period": 8, "periodUnit": "h"}}, [every(8)], False),
    ({"repeat": {"period": 8, "periodUnit": "fortnight"}}, [], False),
    ({"repeat": {"period": 8}}, [], False),
    ({"repeat": {"periodUnit": "h"}}, [], False),
    ({"repeat": {"count": 5, "period": 8, "periodUnit": "h"}}, [Often(5), every(8)], True),
    ({"repeat": {"timeOfDay": ["06:00", "14:00:00", "22:00"]}}, [every(8)], True),
    ({"repeat": {"timeOfDay": ["06:00", "07:00"]}}, [], False),
    ({"repeat": {"dayOfWeek": ["mon"]}}, [], False),
    ({"repeat": {"when": ["HS"], "period": 1, "periodUnit": "d"}}, [every(24), every(24)], True),
    ({"repeat": {"when": ["C"]}}, [], False),
    ({"repeat": {"offset": 30}}, [], False),
    ({"repeat": {"duration": 30, "durationUnit": "min"}}, [], True),
    ({"repeat": {"duration": 30}}, [], False),
    ({"repeat": {"unknown": 1}}, [], False),
    ({"code": {"coding": [{"code": "Q8H"}]}}, [every(8)], True),
    ({"code": {"coding": [{"code": "BED"}], "text": "at bedtime"}}, [every(24), every(24)], True),
    ({"code": {"text": "once"}}, [ONCE], True),
    ({"code": {"text": "STAT"}}, [ONCE], True),
    ({"code": {"text": "whenever"}}, [], False),
    ({"code": {"coding": [{"code": "XYZ"}]}}, [], False),
    ({"modifierExtension": [{"url": "x"}]}, [], False),
]


@pytest.mark.parametrize(("timing", "often", "understood"), TIMINGS)
def test_timings(timing: dict[str, Any], often: list[Often | None], understood: bool) -> None:
    order = Order("MedicationRequest")
    read_timing(order, timing, "timing")
    assert [said.value for said in order.of(Facet.OFTEN)] == often
    assert (not order.refused) is understood


def test_bounds_and_durations() -> None:
    order = Order("MedicationRequest")
    bounds = {"start": "2023-11-13", "end": "2023-11-14T08:00:00Z"}
    read_timing(order, {"repeat": {"boundsPeriod": bounds, "duration": 2, "durationUnit": "h"}}, "timing")
    assert [said.value.low_day for said in order.of(Facet.START)] == [20231113]
    assert [said.value.low == said.value.high for said in order.of(Facet.END)] == [True]
    assert [said.value for said in order.of(Facet.LASTS)] == [hours(2)]
    turned = Order("MedicationRequest")
    read_timing(turned, {"repeat": {"boundsPeriod": {"start": "2024-01-01", "end": "2023-01-01"}}}, "timing")
    assert [refusal.why for refusal in turned.refused] == ["it ends before it begins"]


def test_a_refusal_names_the_element_and_the_value() -> None:
    order = read({**GIVEN, "implicitRules": "http://a.example/rules"})
    told = str(order.refused[0])
    assert (
        told == "implicitRules is 'http://a.example/rules': it can change the meaning, and cannot be understood here."
    )
    nested = read({**GIVEN, "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "smoot"}}]}]})
    assert nested.refused[0].element == "dosageInstruction[0].doseAndRate[0].doseQuantity.unit"
    assert read({"resourceType": "Basic"}).refused[0].element == "resourceType"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
    | st.sampled_from(["Patient/S1", "2023-11-13", "mEq", "oral", "once", "active"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["coding", "text", "reference", "value", "unit", "code", "system", "start", "end", "repeat",
                         "period", "event", "display", "identifier", "low", "high", "numerator", "denominator"]),
        inner, max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.parametrize("kind", sorted(kind for kind in READERS if "." not in kind and kind != "Dosage"))
@given(data=st.data())
def test_nothing_that_stands_in_a_resource_raises(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(elements(kind)))
    resource = {**data.draw(st.dictionaries(names, JSON, max_size=6)), "resourceType": kind}
    order = read(json.loads(json.dumps(resource)))
    for due in (medication(), service(), service(at=medication().now, note="x"), hold(), allergy(), reading()):
        if due.resource_type == kind:
            assert all(check.met or check.sentence.endswith(".") for check in due.checks(order))


@given(dosage=st.dictionaries(st.sampled_from(sorted(elements("Dosage"))), JSON, max_size=5))
def test_no_dosage_raises(dosage: dict[str, Any]) -> None:
    assert [check.met for check in medication().checks(read({**GIVEN, "dosageInstruction": [dosage]}))]
