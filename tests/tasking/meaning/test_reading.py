"""Reading by value: every element of FHIR R4 is accounted for, statements agree or are refused, nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mab_gym.fhir.model._definitions import elements
from mab_gym.tasking.meaning._elements import EVERYWHERE, HARMLESS, NOT_UNDERSTOOD
from mab_gym.tasking.meaning._reading import READERS, read
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
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine it is
@given(data=st.data())
def test_nothing_that_stands_in_a_resource_raises(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(elements(kind)))
    resource = {**data.draw(st.dictionaries(names, JSON, max_size=6)), "resourceType": kind}
    order = read(json.loads(json.dumps(resource)))
    for due in (medication(), service(), service(at=medication().now, note="x"), hold(), allergy(), reading()):
        if due.resource_type == kind:
            assert all(check.met or check.sentence.endswith(".") for check in due.checks(order))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine it is
@given(dosage=st.dictionaries(st.sampled_from(sorted(elements("Dosage"))), JSON, max_size=5))
def test_no_dosage_raises(dosage: dict[str, Any]) -> None:
    assert [check.met for check in medication().checks(read({**GIVEN, "dosageInstruction": [dosage]}))]
