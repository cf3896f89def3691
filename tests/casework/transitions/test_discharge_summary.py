"""Discharge summaries: nested lists, reports in place of requests, one message to both; odd sections do not raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mab_gym.actions import Post, parse_action, render
from mab_gym.tasking.case import Case
from tests.casework.playing import family, plain, play, say, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NAME = "discharge_summary"
Summary = dict[str, Any]


def cases() -> list[Case]:
    return list(family(NAME).cases)


def changing(change: Callable[[Summary], Summary]) -> Callable[[str], str]:
    """Returns a change of actions that changes the summary alone."""

    def changed(action: str) -> str:
        match parse_action(action, VERBS):
            case Post(url, body) if url.endswith("/Composition"):
                return render(Post(url, json.dumps(change(json.loads(body)))))
        return action

    return changed


def nested(summary: Summary) -> Summary:
    """Puts the lists of drugs into a section of their own, with other words in their titles."""
    lists = [each for each in summary["section"] if each["title"] in ("New", "Changed", "Stopped")]
    rest = [each for each in summary["section"] if each not in lists]
    for each in lists:
        each["title"] = f"Medications: {each['title'].lower()}"
    return {**summary, "section": [*rest, {"title": "Medications at discharge", "section": lists}]}


def test_lists_of_drugs_may_lie_in_a_section() -> None:
    for case in cases()[:6]:
        run = play(case, changing(nested))
        assert run.solved, run.told


def test_pending_results_may_be_told_by_their_reports() -> None:
    found = 0
    for case in cases():
        reports = {pair[0]: pair[1] for pair in case["pending"] if len(pair) > 1}
        if not reports:
            continue
        found += 1

        def change(summary: Summary, reports: dict[str, str] = reports) -> Summary:
            text = json.dumps(summary)
            for request, report in reports.items():
                text = text.replace(f'"{request}"', f'"{report}"')
            return dict(json.loads(text))

        run = play(case, changing(change))
        assert run.solved, run.told
    assert found


def test_one_message_may_go_to_both() -> None:
    case = cases()[0]
    seen: list[str] = []

    def change(action: str) -> str | None:
        match parse_action(action, VERBS):
            case Post(url, body) if url.endswith("/Communication"):
                seen.append(body)
                both = [{"reference": case["doctor"]}, {"reference": case["next"][0]}]
                return (
                    render(Post(url, json.dumps({**json.loads(body), "recipient": both}))) if len(seen) == 1 else None
                )
        return action

    run = play(case, change)
    assert run.solved, run.told


@pytest.mark.parametrize("part", ["Results", "Pending results", "Stopped", "Code status"])
def test_a_section_that_is_missing_is_told(part: str) -> None:
    run = play(
        cases()[0], changing(lambda all_: {**all_, "section": [s for s in all_["section"] if s["title"] != part]})
    )
    assert not run.solved
    assert 0 < run["verdict"]["credit"] < 1


@pytest.mark.parametrize("odd", [None, 7, "x", [None], {}, [[]], [{"title": 3, "entry": 4, "code": "x", "section": 5}]])
def test_odd_sections_do_not_raise(odd: Any) -> None:
    run = play(cases()[0], changing(lambda all_: {**all_, "section": odd}))
    assert not run.solved
    assert not any(each["code"] == "unjudged" for each in run["verdict"]["reasons"])


def with_findings() -> list[Case]:
    """Cases of people of whom a report of the hospital itself tells a finding with which something is due."""
    return [case for case in cases() if case["findings"]]


def test_a_finding_in_the_hospitals_own_report_is_due_like_one_that_the_case_brings() -> None:
    assert len(with_findings()) >= 3
    for case in with_findings():
        own = {one for each in case["findings"] for one in each}

        def silent(summary: Summary, own: set[str] = own) -> Summary:
            for part in summary["section"]:
                part["entry"] = [each for each in part["entry"] if each["reference"] not in own]
            return {**summary, "section": [each for each in summary["section"] if each["entry"]]}

        def nobody(action: str, own: set[str] = own) -> str | None:
            match parse_action(action, VERBS):
                case Post(url, body) if url.endswith("/Task") and json.loads(body)["focus"]["reference"] in own:
                    return None
            return action

        for missing in (changing(silent), nobody):
            run = play(case, missing)
            assert not run.solved
            assert "inding" in run.told or "incidental" in run.told


def test_a_report_is_cited_by_its_note_or_by_its_diagnostic_report() -> None:
    for case in with_findings():
        pairs = [each for each in case["findings"] if len(each) > 1]
        assert pairs

        def change(action: str, pairs: list[list[str]] = pairs) -> str:
            for note, report in pairs:
                action = action if action.startswith("GET") else action.replace(f'"{note}"', f'"{report}"')
            return action

        run = play(case, change)
        assert run.solved, run.told


def test_where_a_finding_is_a_matter_of_judgement_it_may_be_given_to_somebody_or_left() -> None:
    unsure = [plain(case) for case in cases() if case["findings_perhaps"]]
    assert unsure
    for case in unsure:
        left = play(case)
        assert left.solved, left.told
        task = {
            "resourceType": "Task", "status": "requested", "intent": "order",
            "for": {"reference": f"Patient/{case['mrn']}"},
            "owner": {"reference": case["doctor"]}, "focus": {"reference": case["findings_perhaps"][0][0]},
        }  # fmt: skip
        base = scenario().backend.base_url

        def also(summary: Summary, report: Any = task["focus"]) -> Summary:
            parts = {each["title"]: each for each in summary["section"]}
            parts.setdefault("Incidental findings", {"title": "Incidental findings", "entry": []})["entry"].append(
                report
            )
            return {**summary, "section": list(parts.values())}

        given = play(case, changing(also))["sent"]
        run = say(case, *given[:-1], f"POST {base}/Task\n{json.dumps(task)}")
        assert run.solved, run.told
        elsewhere = {**task, "focus": {"reference": f"Patient/{case['mrn']}"}}
        assert not say(case, *given[:-1], f"POST {base}/Task\n{json.dumps(elsewhere)}").solved
