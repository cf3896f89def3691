"""The criteria of each family for what is written, by name and value, and which errors are safety violations."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from tests.conftest import CANONICAL
from tests.contract import mutations
from tests.contract.test_gold import BEYOND, FOLDERS, SAYS_NOTHING, judged, lines, others

Looked = dict[str, str]
"""By criterion, the code of the error; with ``!`` where it is critical."""


def order(kind: str) -> Looked:
    """The criteria of every order."""
    return {
        f"{kind}.authoredOn": "wrong_time",
        f"{kind}.intent": "wrong_intent",
        f"{kind}.patient": "wrong_patient!",
        f"{kind}.status": "wrong_status",
    }


MEDICATION = order("MedicationRequest") | {
    "medication.code": "wrong_code!",
    "dosage.dose": "wrong_dose!",
    "dosage.route": "wrong_route!",
}
SERVICE = order("ServiceRequest")
LABORATORY = SERVICE | {"ServiceRequest.code": "wrong_code"}
STAT = {"ServiceRequest.priority": "wrong_priority"}
LATER = {"ServiceRequest.occurrence": "wrong_time"}
TIMED = {"dosage.timing": "wrong_time!"}
TASK = {
    "Task.authoredOn": "wrong_time",
    "Task.focus": "wrong_value!",
    "Task.intent": "wrong_intent",
    "Task.status": "wrong_status",
    "Task.patient": "wrong_patient!",
    "task.code": "wrong_code!",
}

BESIDES = {
    "MedicationRequest": {"understood", "priorPrescription", "dosage.rate", "dosage.timing"},
    "ServiceRequest": {"understood", "occurrence", "quantity", "category"},
    "Task": {"understood", "period"},
    "Observation": {"understood"},
    "AllergyIntolerance": {"understood", "reaction"},
}
"""Criteria of what is not in the gold writes, and must not be there otherwise."""

TABLE: dict[tuple[str, str], Looked] = {
    ("record_blood_pressure", "low normal raised"): {
        "Observation.effectiveDateTime": "wrong_time",
        "Observation.patient": "wrong_patient!",
        "Observation.status": "wrong_status",
        "Observation.category": "wrong_category",
        "Observation.code": "wrong_code",
        "Observation.value": "wrong_value",
    },
    ("replace_magnesium", "mild moderate severe"): MEDICATION | {"dosage.rate": "wrong_rate!"},
    ("refer_orthopaedics", "knee hip shoulder"): SERVICE
    | STAT
    | {"ServiceRequest.note": "wrong_note", "ServiceRequest.code": "wrong_code"},
    ("replace_potassium", "low"): MEDICATION | LABORATORY | STAT | LATER,
    ("check_a1c", "never out_of_date"): LABORATORY | STAT,
    ("reconcile_medications", "other_coding same_product"): TASK,
    ("dose_by_kidneys", "normal moderate severe failure"): MEDICATION | TIMED,
    ("dose_by_kidneys", "outdated"): LABORATORY | STAT,
    ("follow_inr", "slightly_off"): LABORATORY | LATER,
    ("follow_inr", "low high"): MEDICATION
    | TIMED
    | {"MedicationRequest.priorPrescription": "wrong_value!"}
    | LABORATORY
    | LATER,
    ("follow_inr", "hold"): TASK | LABORATORY | LATER,
    ("follow_inr", "reverse"): TASK | MEDICATION | LABORATORY | LATER,
    ("act_on_amended", "amended_low stands_low"): SERVICE
    | STAT
    | {"ServiceRequest.code": "wrong_code!", "ServiceRequest.quantity": "wrong_dose!"},
    ("act_on_amended", "withdrawn"): LABORATORY | STAT,
    ("record_allergy", "on_the_other same_birth_date same_name"): {
        "AllergyIntolerance.criticality": "wrong_priority",
        "AllergyIntolerance.recordedDate": "wrong_time",
        "clinicalStatus.code": "wrong_code",
        "AllergyIntolerance.patient": "wrong_patient!",
        "substance.code": "wrong_code!",
        "verificationStatus.code": "wrong_code",
    },
}


@pytest.fixture(scope="module")
def places() -> dict[str, Scenario]:
    """The scenario of each family."""
    ten, beyond = (unwrapped(gymnasium.make(each)).scenario for each in (CANONICAL, BEYOND))
    return {name: beyond if folder.parent.name == "beyond" else ten for name, folder in FOLDERS.items()}


@pytest.mark.parametrize(("name", "branches"), TABLE)
def test_one_error_is_one_criterion(name: str, branches: str, places: dict[str, Scenario]) -> None:
    family, found = places[name].tasks.catalogue[name], dict[str, str]()
    for case, gold in zip(family.cases, lines(name, "gold.jsonl"), strict=True):
        if case.branch not in branches.split():
            continue
        right = judged(family, case, places[name].chart, gold["writes"], gold["answer"])
        asked = {criterion.name for criterion in right.criteria if "answer." not in criterion.name}
        written = {f"{resource['resourceType']}.written" for resource in gold["writes"]} | {"written.nothing_else"}
        besides = {
            each if "." in each else f"{resource['resourceType']}.{each}"
            for resource in gold["writes"]
            for each in BESIDES[resource["resourceType"]]
        }
        assert asked == written | besides | set(TABLE[name, branches])
        for writes in wrong(gold["writes"]):
            verdict = judged(family, case, places[name].chart, writes, gold["answer"])
            ((code, text, critical),) = verdict.reasons
            (unmet,) = (criterion.name for criterion in verdict.criteria if not criterion.met)
            assert text.endswith(".")
            assert found.setdefault(unmet, f"{code}{'!' if critical else ''}") == f"{code}{'!' if critical else ''}"
    assert found == TABLE[name, branches]


def wrong(writes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The writes with one part of one of them changed, for each part."""
    return [
        [*writes[:place], mutations.put(resource, path, others(part)[0]), *writes[place + 1 :]]
        for place, resource in enumerate(writes)
        for path, part in mutations.paths(resource)
        if not isinstance(part, dict | list) and path not in SAYS_NOTHING and path != ("resourceType",)
    ]


def test_every_situation_with_something_to_write_is_in_the_table(places: dict[str, Scenario]) -> None:
    listed = {(name, branch) for name, branches in TABLE for branch in branches.split()}
    writing = {
        (name, case["branch"])
        for name in FOLDERS
        for case, gold in zip(lines(name, "cases.jsonl"), lines(name, "gold.jsonl"), strict=True)
        if gold["writes"]
    }
    assert listed == writing


TWICE = {"event": ["2023-11-13T11:00:00Z", "2023-11-13T17:00:00Z"]}
OPPOSITES: list[tuple[mutations.Path, Any, str]] = [
    (("doNotPerform",), True, "wrong_intent"),
    (("modifierExtension",), [{"url": "http://a.example/not", "valueBoolean": True}], "wrong_intent"),
    (("dosageInstruction", 0, "asNeededBoolean"), True, "wrong_intent"),
    (("dosageInstruction", 0, "timing", "event"), TWICE["event"], "wrong_time"),
    (("dosageInstruction", 0, "timing", "code"), {"coding": [{"code": "Q4H"}]}, "wrong_time"),
    (("dosageInstruction", 1), {"text": "another one"}, "wrong_dose"),
]
"""Additions that turn an order into something else, and the code of the error; each is critical."""


@pytest.mark.parametrize(("name", "branches"), TABLE)
def test_what_turns_an_order_into_something_else_is_critical(
    name: str, branches: str, places: dict[str, Scenario]
) -> None:
    family, tried = places[name].tasks.catalogue[name], 0
    for case, gold in zip(family.cases, lines(name, "gold.jsonl"), strict=True):
        for place, resource in enumerate(gold["writes"]):
            for path, value, code in OPPOSITES:
                if case.branch not in branches.split() or (len(path) > 1 and path[0] not in resource):
                    continue
                writes = [*gold["writes"][:place], with_part(resource, path, value), *gold["writes"][place + 1 :]]
                reasons = judged(family, case, places[name].chart, writes, gold["answer"]).reasons
                assert (code, True) in [(reason.code, reason.critical) for reason in reasons], (case.id, path)
                tried += 1
    assert tried >= 2


def with_part(resource: dict[str, Any], path: mutations.Path, value: Any) -> dict[str, Any]:
    """A copy of a resource with something more, in an object or at the end of a list."""
    changed = resource
    for length, following in enumerate(path[1:], start=1):
        if isinstance(following, str) and path[:length] not in dict(mutations.paths(changed)):
            changed = mutations.put(changed, path[:length], {})
    if path[-1] == 1:
        return mutations.put(changed, path[:-1], [*dict(mutations.paths(changed))[path[:-1]], value])
    return mutations.put(changed, path, value)


@pytest.mark.parametrize(("name", "branches"), TABLE)
def test_whatever_part_is_missing_is_told(name: str, branches: str, places: dict[str, Scenario]) -> None:
    """A verifier never raises, whatever part of a write is not there."""
    family = places[name].tasks.catalogue[name]
    codes = {code.removesuffix("!") for code in TABLE[name, branches].values()}
    for case, gold in zip(family.cases, lines(name, "gold.jsonl"), strict=True):
        if case.branch not in branches.split():
            continue
        for place, resource in enumerate(gold["writes"]):
            for part in set(resource) - {"resourceType"}:
                writes = [*gold["writes"][:place], mutations.drop(resource, (part,)), *gold["writes"][place + 1 :]]
                verdict = judged(family, case, places[name].chart, writes, gold["answer"])
                assert {reason.code.value for reason in verdict.reasons} <= codes, (case.id, part)
                assert not verdict.success
