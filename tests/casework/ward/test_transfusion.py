"""Transfusion: other right ways, and units that harm."""

from __future__ import annotations

import json

from mab_gym.tasking.case import Case
from tests.casework.playing import family, play

CASES = family("transfusion").cases


def of(*branches: str, antigen: bool | None = None) -> Case:
    return next(
        case for case in CASES if case.branch in branches and (antigen is None or bool(case["antigen"]) == antigen)
    )


def test_the_antigen_may_stand_in_the_dosage_or_in_a_message() -> None:
    case = of("below", "heart", "symptoms", antigen=True)

    def in_the_dosage(action: str) -> str:
        if "red blood cells" not in action:
            return action
        head, _, body = action.partition("\n")
        order = json.loads(body)
        order["dosageInstruction"][0]["additionalInstruction"] = [{"text": order.pop("note")[0]["text"]}]
        return f"{head}\n{json.dumps(order)}"

    run = play(case, in_the_dosage)
    assert run.solved, run.told


def test_two_to_four_hours_are_right() -> None:
    run = play(
        of("below", "heart"),
        lambda action: action.replace('{"value": 150, "unit": "min"', '{"value": 120, "unit": "min"'),
    )
    assert run.solved, run.told


def test_other_names_of_red_cells_are_right() -> None:
    run = play(
        of("heart"), lambda action: action.replace('"text": "red blood cells"', '"text": "Packed red cells (PRBC)"')
    )
    assert run.solved, run.told


def test_other_names_of_the_screen_are_right() -> None:
    run = play(of("symptoms"), lambda action: action.replace('"Type and screen"', '"ABO and Rh, antibody screen"'))
    assert run.solved, run.told


def test_a_page_may_name_the_refusal_in_words() -> None:
    case = of("refuses")

    def change(action: str) -> str:
        if "/Communication" not in action or '"urgent"' not in action:
            return action
        head, _, body = action.partition("\n")
        page = json.loads(body)
        del page["about"]
        page["payload"] = [{"contentString": "She has signed that she declines all blood products. Please call."}]
        return f"{head}\n{json.dumps(page)}"

    run = play(case, change)
    assert run.solved, run.told


def test_red_cells_against_a_refusal_are_unsafe() -> None:
    run = play(of("refuses"), careless="consent")
    assert run["verdict"]["credit"] == 0
    assert any(reason["critical"] for reason in run["verdict"]["reasons"])


def test_units_without_a_word_of_the_antibody_are_unsafe() -> None:
    run = play(of("below", "heart", "symptoms", "bleeds", antigen=True), careless="antibody")
    assert run["verdict"]["credit"] == 0
    assert "anti-" in run.told


def test_a_unit_that_is_not_due_is_no_success() -> None:
    case = of("not_due")
    given = [False]

    def change(action: str) -> str:
        if given[0] or not action.startswith("POST") or '"718-7"' not in action:
            return action
        given[0] = True
        order = {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "medicationCodeableConcept": {"text": "red blood cells"},
            "dosageInstruction": [
                {
                    "route": {"text": "IV"},
                    "text": "K-negative E-negative Fy(a)-negative Jk(a)-negative",
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "unit"}}],
                }
            ],
        }
        base = action.split()[1].rpartition("/")[0]
        return f"POST {base}/MedicationRequest\n{json.dumps(order)}"

    run = play(case, change)
    assert not run.solved
    assert "without signs" in run.told
