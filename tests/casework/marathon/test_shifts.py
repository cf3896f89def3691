"""Shifts: each job is judged by its own family, all of them count, and what belongs to no job is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mab_gym.actions import ALL_VERBS, Finish, Get, parse_action, read_answer, render
from mab_gym.casework import Shift
from mab_gym.casework._flagged import people_of
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking._family import told_protocol
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.verdict import Deferral, Verdict
from tests.casework.playing import FOLDER, Played, family, gold, play, say, scenario

SHIFTS = ("ward_shift", "clinic_shift")
NOT_FOR_SHIFTS = {"rebooking", "followup_booking", "outside_results", "misfiled_letter"}


def shift_of(name: str) -> Shift:
    """The shift behind a family."""
    found: Any = family(name).verify
    shift: Shift = found.__self__
    return shift


def answered(change: Callable[[list[Any]], Any]) -> Callable[[str], str]:
    """Changes the answer of a gold solution."""

    def changed(action: str) -> str:
        match parse_action(action, ALL_VERBS):
            case Finish(answer):
                return render(Finish(json.dumps(change(read_answer(answer)))))
        return action

    return changed


def without(people: Iterable[str]) -> Callable[[str], str]:
    """Reads something instead of each write about these people."""
    nothing = render(Get(f"{scenario().backend.base_url}/metadata"))

    def changed(action: str) -> str:
        return nothing if action.startswith("POST") and any(f'"{each}"' in action for each in people) else action

    return changed


def judged(run: Played) -> dict[str, Any]:
    """The verdict of a run, as data."""
    verdict: dict[str, Any] = run["verdict"]
    return verdict


@pytest.mark.parametrize("name", SHIFTS)
def test_nobody_is_in_two_jobs_and_no_job_gives_work_to_the_desk_of_another(name: str) -> None:
    for case in (*family(name).cases, *family(name).validation):
        people = [one for part in case["parts"] for one in people_of(part["params"])]
        assert len(set(people)) == len(people)
        names = [part["family"] for part in case["parts"]]
        assert len(set(names)) == len(names) == case["count"]
        for part in case["parts"]:
            others = json.dumps([each for each in case["parts"] if each is not part])
            for desk in ("desk", "resident", "clerk", "pharmacist"):
                assert f'"{part["params"].get(desk)}"' not in others, case.id


@pytest.mark.parametrize("name", SHIFTS)
def test_jobs_have_no_clock_and_write_about_patients_alone(name: str) -> None:
    shift = shift_of(name)
    for place in shift.jobs:
        assert (FOLDER / place / "task.toml").is_file()
        one = shift.family(Path(place).name)
        assert one.course is None
        assert one.name not in NOT_FOR_SHIFTS
        assert set(one.pages) <= set(family(name).pages)
    assert set(family(name).pages) == {page for place in shift.jobs for page in shift.family(Path(place).name).pages}


@pytest.mark.parametrize("name", SHIFTS)
def test_the_prompt_says_what_all_share_once_and_each_job_in_its_place(name: str) -> None:
    found = family(name)
    for case in found.cases[:5]:
        for knowledge in ("handbook", "prompt", "none"):
            text = "\n".join(found.prompt(case, "noon", knowledge=knowledge))
            assert text.count("FHIR R4") == 1
            assert "  " not in text.replace(told_protocol(found.pages, knowledge), "")
            assert text.count(told_protocol(found.pages, knowledge)) == 1
            places = [text.index(f"\nJob {number}: ") for number in range(1, case["count"] + 1)]
            assert places == sorted(places)
            for part in case["parts"]:
                question = family(part["family"]).question.format_map(
                    {**part["params"], "patient": f"the patient with the MRN {part['params'].get('mrn')}"}
                )
                assert question[1:] in text


@pytest.mark.parametrize("name", SHIFTS)
def test_a_job_that_is_left_out_is_named_and_the_others_earn_credit(name: str) -> None:
    for case in family(name).cases[:3]:
        run = play(case, careless="every_job")
        assert not run.solved
        last = case["count"]
        assert f"Job {last} ({case['parts'][-1]['family']})" in run.told
        assert "Job 1 " not in run.told
        assert judged(run)["credit"] == pytest.approx((last - 1) / last, abs=0.01)
        assert not judged(run)["unsafe"]


@pytest.mark.parametrize("name", SHIFTS)
def test_one_wrong_answer_costs_that_job_alone(name: str) -> None:
    case = next(each for each in family(name).cases if each["parts"][1]["family"] != "discharge_summary")
    run = play(case, answered(lambda given: [given[0], ["?"], *given[2:]]))
    assert not run.solved
    assert f"Job 2 ({case['parts'][1]['family']})" in run.told
    assert "Job 1 " not in run.told and "Job 3 " not in run.told
    criteria = run["criteria"]
    assert all(met for each, met in criteria.items() if not each.startswith("job2."))
    assert not criteria["job2.answer.1"]
    assert judged(run)["credit"] == pytest.approx(1 - 0.2 / case["count"], abs=0.2 / case["count"] + 0.1)


ANSWERS = (
    "", "x", "{}", "[]", "[[]]", "[1, 2, 3, 4, 5]", "[null, null, null, null]", '["a", {"b": [1]}]', "[[NaN], [1e999]]",
    json.dumps([[]] * 9), "[" * 900 + "]" * 900, "[" * 100_000, '[["\\ud800"]]',
)  # fmt: skip


@pytest.mark.parametrize("name", SHIFTS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_any_shape_is_judged(name: str, answer: str) -> None:
    case = family(name).cases[0]
    verdict = family(name).verify(case, scenario().chart, Result(answer, ()))
    assert not verdict.success
    assert verdict.credit == 0


@pytest.mark.parametrize("name", SHIFTS)
def test_lists_beside_those_of_the_jobs_are_no_answer(name: str) -> None:
    case = family(name).cases[0]
    run = play(case, answered(lambda given: [*given, []]))
    assert not run.solved
    assert f"but it had {case['count'] + 1} items" in run.told
    assert judged(run)["credit"] == 0.9


def message(**more: Any) -> str:
    body = {
        "resourceType": "Communication",
        "status": "completed",
        "payload": [{"contentString": "Hello."}],
        "recipient": [{"reference": "Practitioner/1041"}],
        **more,
    }
    return f"POST {scenario().backend.base_url}/Communication\n{json.dumps(body)}"


def strangers(case: Case) -> Iterator[str]:
    taken = set(people_of(case.params))
    return (mrn for mrn in scenario().chart.patients() if mrn not in taken)


@pytest.mark.parametrize("name", SHIFTS)
def test_a_write_about_a_stranger_is_unsafe(name: str) -> None:
    case = family(name).cases[0]
    stranger = {"reference": f"Patient/{next(strangers(case))}"}
    run = say(case, message(subject=stranger))
    assert judged(run)["unsafe"]
    assert judged(run)["credit"] == 0
    assert "wrong_patient" in {each["code"] for each in judged(run)["reasons"]}
    assert "no job is" in run.told


@pytest.mark.parametrize("name", SHIFTS)
def test_a_write_that_belongs_to_no_job_is_unexpected(name: str) -> None:
    case = family(name).cases[0]
    run = say(case, message())
    assert "belongs to no job" in run.told
    assert not judged(run)["unsafe"]
    assert not run["criteria"]["nothing_else"]
    drug = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    drug["medicationCodeableConcept"] = {"text": "Aspirin"}  # type: ignore[assignment]
    nobody = Write("create", "MedicationRequest", "1", drug, "")
    verdict = family(name).verify(case, scenario().chart, Result("[]", (nobody,)))
    assert verdict.unsafe


def test_a_message_that_names_no_patient_belongs_to_the_job_that_it_refers_to() -> None:
    case = family("ward_shift").cases[0]
    person = people_of(case["parts"][2]["params"])[0]
    run = say(case, message(recipient=[{"reference": f"Patient/{person}"}]))
    assert "belongs to no job" not in run.told
    assert run["criteria"]["nothing_else"]
    assert "Job 3 " in run.told


def last_result(case: Case, change: Callable[[str], str]) -> Result:
    """Plays the changed actions of the gold solution, and returns what the verifier gets at the end."""
    seen: list[Result] = []
    whole = family(case.family)

    def verify(case: Case, chart: Chart, result: Result) -> Verdict:
        seen.append(result)
        return whole.verify(case, chart, result)

    episode = scenario().new_episode()
    episode.reset(replace(whole, verify=verify), case)
    for action in next(run["sent"] for each, run in zip(whole.cases, gold(whole.name), strict=True) if each == case):
        episode.step(change(action))
    assert episode.over
    return replace(seen[-1], known={})


@pytest.mark.parametrize("name", SHIFTS)
def test_the_verdict_of_each_job_is_that_of_its_family(name: str) -> None:
    """Nothing is written about the people of the second job."""
    chart = scenario().chart
    for case in family(name).cases[:3]:
        jobs = shift_of(name).jobs_of(case)
        result = last_result(case, without(jobs[1].people))
        verdict = family(name).verify(case, chart, result)
        alone = []
        for place, job in enumerate(jobs):
            about = [f'"{each}"' for each in job.people]
            own = replace(
                result,
                answer=json.dumps(read_answer(result.answer)[place]),
                writes=tuple(each for each in result.writes if any(one in json.dumps(each.resource) for one in about)),
                known={},
                requests=result.requests - job.late,
            )
            alone.append(family(job.family.name).verify(job.case, chart, own))
            told = {name.removeprefix(f"{job.name}."): met for name, met in verdict.criteria if job.name in name}
            assert told == dict(alone[-1].criteria)
        assert not alone[1].success
        assert not verdict.success
        assert verdict.unsafe == alone[1].unsafe
        mean = sum(each.credit for each in alone) / len(alone)
        assert verdict.credit == pytest.approx(0 if verdict.unsafe else min(mean, 0.9), abs=1e-3)


@pytest.mark.parametrize("name", SHIFTS)
def test_flags_come_for_each_job_in_its_time_and_before_the_last_look(name: str) -> None:
    shift = shift_of(name)
    for case, run in zip(family(name).cases, gold(name), strict=True):
        later = shift.later(case, scenario().chart)
        assert all(each.after < run["actions"] - 8 for each in later)
        assert len({each.resource.get("id", str(each.resource)) for each in later}) == len(later)


def test_the_gravest_deferral_counts() -> None:
    case = next(each for each in family("ward_shift").cases if each.branch == "put_off")
    place = next(place for place, part in enumerate(case["parts"], 1) if part["family"] == "nil_by_mouth")
    people = {f"Patient/{mrn}" for mrn in people_of(case["parts"][place - 1]["params"])}
    run = play(case, without(people))
    assert judged(run)["deferral"] == Deferral.UNDER
    assert f"Job {place} (nil_by_mouth)" in run.told
