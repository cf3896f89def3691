"""Flags on charts: what they ask of whoever writes, when they ask for nothing, and what is read as what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mab_gym.actions import ALL_VERBS, Patch, Post, parse_action, render
from mab_gym.casework._flagged import late_flags, planted
from mab_gym.casework._flags import FLAG_KINDS, active_flags
from mab_gym.cohort.hospital._pages import page_text
from mab_gym.tasking.case import Case
from tests.casework.playing import FAMILIES, Played, family, gold, plain, play, scenario

FLAGGED = tuple(name for name in FAMILIES if "flag_kinds" in family(name).cases[0].params)
NOW = datetime(2024, 11, 12, 13, tzinfo=UTC)


def cases_with(kind: str) -> Iterator[tuple[Case, Played]]:
    """The frozen cases in which a flag of a kind asks for something, with their gold runs."""
    for name in FLAGGED:
        for case, run in zip(family(name).cases, gold(name), strict=True):
            if f"checkpoint.flag.{kind}" in run["criteria"]:
                yield case, run


def without(kind: str) -> Callable[[str], str | None]:
    """Returns a change that takes out of each write what flags of a kind ask for."""

    def change(action: str) -> str | None:
        request = parse_action(action, ALL_VERBS)
        if isinstance(request, Patch):
            marks = '"/meta/security"' if kind == "confidential" else '"Flag/'
            return f"GET {scenario().backend.base_url}/metadata" if marks in request.body else action
        if not isinstance(request, Post):
            return action
        body = json.loads(request.body)
        if kind == "confidential":
            body.pop("meta", None)
        elif FLAG_KINDS[kind].is_told:
            if "For your information" in request.body:
                return None
        else:
            for name in ("supportingInfo", "supportingInformation", "about"):
                kept = [each for each in body.get(name, ()) if "Flag/" not in each.get("reference", "")]
                if name in body:
                    body[name] = kept
        return render(Post(request.url, json.dumps(body)))

    return change


def test_most_families_have_flags_and_each_kind_bites() -> None:
    assert len(FLAGGED) >= 27
    for kind in FLAG_KINDS:
        assert len({case.family for case, _ in cases_with(kind)}) >= 3, kind


@pytest.mark.parametrize("kind", FLAG_KINDS)
def test_who_heeds_all_but_one_kind_is_told_which_page_it_was(kind: str) -> None:
    seen = set()
    for case, run in cases_with(kind):
        if case.family in seen:
            continue
        seen.add(case.family)
        careless = play(case, without(kind))
        assert not careless.solved, case.id
        assert FLAG_KINDS[kind].page in careless.told
        assert not careless["verdict"]["unsafe"]
        assert 0 < careless["verdict"]["credit"] < run["verdict"]["credit"]


@pytest.mark.parametrize("name", FLAGGED)
def test_without_a_handbook_nobody_can_know(name: str) -> None:
    case, run = next(
        (case, run)
        for case, run in zip(family(name).cases, gold(name), strict=True)
        if any("flag." in each for each in run["criteria"])
    )
    told = play(case, knowledge="none")
    assert not any("flag." in each for each in told["criteria"])
    assert any("flag." in each for each in play(case, knowledge="prompt")["criteria"]) == any(
        f"flag.{kind}" in "".join(run["criteria"]) for kind in case["flag_kinds"]
    )


def one_flag(case: Case, **state: int) -> Case:
    """The case with one flag, of a trial."""
    flag = {"mrn": case["mrn"], "kind": "trial", "author": "Practitioner/1097", "days": 90, **state}
    return replace(case, params={**case.params, "flags": [flag]})


def test_the_author_of_a_flag_that_has_ended_is_told_nothing() -> None:
    case = family("order_review").cases[0]
    message = next(each for each in play(one_flag(case))["sent"] if "For your information" in each)
    ended = one_flag(case, ended=5)
    assert play(ended).solved
    sent = iter([message])
    talkative = play(ended, lambda action: next(sent, action) if action.startswith("GET") else action)
    assert not talkative.solved
    assert "nothing called for it" in talkative.told


def second_looks(case: Case) -> dict[str, Played]:
    """Plays a case by gold and by who looks at flags in the beginning alone."""
    return {"gold": play(case), "once": play(case, careless="flag_late")}


def test_a_flag_that_comes_while_the_agent_works_asks_for_something() -> None:
    case = family("order_review").cases[0]
    runs = second_looks(one_flag(case, comes=12))
    assert runs["gold"].solved
    assert not runs["once"].solved
    assert "RES-701" in runs["once"].told
    marked = {**one_flag(case)["flags"][0], "kind": "confidential", "comes": 12}
    runs = second_looks(replace(case, params={**one_flag(case).params, "flags": [marked]}))
    assert runs["gold"].solved
    assert any(each.startswith("PATCH") and "/meta/security" in each for each in runs["gold"]["sent"])
    assert "ADM-560" in runs["once"].told


def test_a_flag_that_comes_with_the_last_requests_asks_for_nothing() -> None:
    case = family("order_review").cases[0]
    length = play(plain(case))["actions"]
    assert all(run.solved for run in second_looks(one_flag(case, comes=length - 3)).values())
    assert all(run.solved for run in second_looks(one_flag(case, comes=length + 9)).values())


def test_a_flag_that_ends_while_the_agent_works_asks_for_nothing_and_forgives_what_it_asked_for() -> None:
    case = one_flag(family("order_review").cases[0], ends=12)
    runs = second_looks(case)
    assert runs["gold"].solved
    assert not any("For your information" in each for each in runs["gold"]["sent"])
    assert any("For your information" in each for each in runs["once"]["sent"])
    assert runs["once"].solved


def test_on_the_clock_a_trial_may_begin_hours_later() -> None:
    case = family("transfusion").cases[0]
    runs = second_looks(one_flag(next(one for one in (case, *family("transfusion").cases) if drugs(one)), comes=60))
    assert runs["gold"].solved
    assert "RES-701" in runs["once"].told


def drugs(case: Case) -> bool:
    """Tells if gold orders drugs in a case."""
    return any("/MedicationRequest" in each.partition("\n")[0] for each in play(plain(case))["sent"] if "POST" in each)


def test_a_reset_takes_late_flags_back() -> None:
    found = scenario()
    case = one_flag(family("order_review").cases[0], comes=1)
    episode = found.new_episode()
    episode.reset(family(case.family), case)
    query = f"GET {found.backend.base_url}/Flag?patient={case['mrn']}"
    first, second = episode.step(query), episode.step(query)
    assert "clinical trial" not in first.observation["fhir"]
    assert "clinical trial" in second.observation["fhir"]
    episode.reset(family(case.family), plain(case))
    assert "clinical trial" not in episode.step(query).observation["fhir"]


def test_the_pages_say_what_is_checked() -> None:
    for kind in FLAG_KINDS.values():
        text = page_text(kind.page)
        assert kind.text in text
        assert "inactive" in text
        if not kind.is_told:
            assert any(word in text for word in ("supportingInfo", "supportingInformation", "meta.security"))
        else:
            assert "author" in text and "about names" in text


def blood(**code: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": code}


@pytest.mark.parametrize(
    ("text", "arm", "germ"),
    [
        ("Potassium", True, False),
        ("Basic metabolic panel", True, False),
        ("Blood cultures, two sets", True, False),
        ("Type and screen", True, False),
        ("HIV screening", True, False),
        ("Hepatitis B vaccine", False, False),
        ("Urine creatinine", False, False),
        ("Sodium, urine", False, False),
        ("Urinalysis with microscopy", False, False),
        ("CT of the chest with contrast", False, True),
        ("Mammogram", False, True),
        ("DXA", False, True),
        ("Colonoscopy", False, True),
        ("Electrocardiogram", False, False),
        ("Nephrology consult", False, False),
        ("Pulmonology consult: nodule in the CT", False, False),
        ("Bladder scan", False, False),
        ("", False, False),
    ],
)
def test_requests_are_told_apart(text: str, arm: bool, germ: bool) -> None:
    request = blood(text=text)
    assert FLAG_KINDS["arm"].counts(request, None) == arm
    assert FLAG_KINDS["germ"].counts(request, None) == germ
    assert not FLAG_KINDS["arm"].counts({**request, "status": "revoked"}, None)
    assert not FLAG_KINDS["germ"].counts(request, request)


@pytest.mark.parametrize(
    ("code", "arm"), [("2823-3", True), ("2161-8", False), ("2955-3", False), ("24356-8", False), ("24323-8", True)]
)
def test_requests_are_told_apart_by_code(code: str, arm: bool) -> None:
    request = blood(coding=[{"system": "http://loinc.org", "code": code}])
    assert FLAG_KINDS["arm"].counts(request, None) == arm


@pytest.mark.parametrize("odd", [None, 7, "x", [], [None], {}, {"coding": 3}, {"text": ["a"]}])
def test_odd_writes_are_read_without_an_error(odd: Any) -> None:
    for kind in FLAG_KINDS.values():
        for name in ("ServiceRequest", "MedicationRequest", "Communication", "Task", "Appointment", "Observation"):
            one = {"resourceType": name, "status": odd, "intent": "order", "code": odd, "meta": odd, "about": odd}
            one |= {"recipient": odd, "supportingInfo": odd, "supportingInformation": odd, "subject": odd}
            kind.counts(one, None)
            if not kind.is_told:
                assert not kind.is_met(one, [])


def flag(**more: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "status": "active",
        "code": {"text": "Contact isolation"},
        "subject": {"reference": "Patient/H1"},
        "author": {"reference": "Practitioner/2"},
        **more,
    }


def test_only_flags_that_are_active_and_ask_for_something_count() -> None:
    assert [(each.kind, each.author) for each in active_flags([flag()])] == [("germ", "Practitioner/2")]
    for ended in (
        {"status": "inactive"},
        {"status": "entered-in-error"},
        {"code": {"text": "Fall risk"}},
    ):
        assert active_flags([flag(**ended)]) == []
    fistula = {"text": "No blood pressure or puncture at the arm of the fistula"}
    assert active_flags([flag(code=fistula)])[0].kind == "arm"


def test_flags_come_in_with_the_case_and_differ_in_nothing_but_what_they_say() -> None:
    for name in FLAGGED:
        case = family(name).cases[0]
        for one in planted(case, scenario().chart):
            assert one["status"] == ("inactive" if "end" in one["period"] else "active")
        for late in late_flags(case, scenario().chart):
            assert ("id" in late.resource) == (late.resource["status"] == "inactive")
            assert datetime.fromisoformat(one["period"]["start"]) < NOW
    assert not planted(plain(family("kidney_injury").cases[0]), scenario().chart)


@pytest.mark.parametrize("name", FLAGGED)
def test_the_time_of_entry_does_not_tell_what_came_in_with_a_case(name: str) -> None:
    now = scenario().chart.now
    arrive = family(name).arrive
    assert arrive is not None
    for case in family(name).cases[:3]:
        for one in arrive(case, scenario().chart):
            made = next((one[each] for each in ("issued", "authoredOn", "sent", "date") if each in one), "")
            if len(made) > 10 and datetime.fromisoformat(made) < now - timedelta(days=1):
                assert datetime.fromisoformat(one["meta"]["lastUpdated"]) < now - timedelta(hours=12)
