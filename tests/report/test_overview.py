"""The first screen: one sentence, one plot, the causes of failures; and what may stand on one axis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mab_gym.actions import NoAction
from mab_gym.report._figures import pairs, settings
from mab_gym.report._overview import MEANING, headline, overview
from mab_gym.report._runs import ReportedRun
from mab_gym.report._trajectories import index_entry, packed
from mab_gym.runs._causes import CAUSES
from tests.report.test_figures import episode, run
from tests.report.test_page import unpacked

NO = str(NoAction("it is empty"))
TOLD = str(NoAction("there is no tool 'put'", ends=False))


def told(html: Iterable[str]) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", "".join(html))).replace(" ,", ",").strip()


def solved(label: str, right: int, of: int = 100, first: int = 0) -> ReportedRun:
    """A run that solves some of its cases, from the given one on."""
    return run(label, [(f"a/{n}", first <= n < first + right) for n in range(of)])


def about(which: ReportedRun, **entries: str | int) -> ReportedRun:
    return replace(which, about={**which.about, **entries})


def sentence(*runs: ReportedRun) -> str:
    (setting,) = settings(runs)
    return told([headline(setting, pairs(runs))])


def test_one_run_is_a_sentence_with_its_interval() -> None:
    assert sentence(solved("one", 70)) == "one solved 70.0 % of 100 cases (95 % interval 60.4 to 78.1)."


def test_the_best_of_several_is_compared_with_the_next_one() -> None:
    said = sentence(solved("low", 20), solved("best", 90), solved("next", 50))
    assert said.startswith(
        "best solved most, 90.0 % of 100 cases (95 % interval 82.6 to 94.5), 40.0 points more than next"
    )
    assert said.endswith("p &lt; 0.001, adjusted for 3 comparisons).")


def test_runs_that_are_too_close_are_not_ranked() -> None:
    said = sentence(solved("one", 50), solved("other", 51))
    assert "other with 51.0 % of 100 cases" in said
    assert "cannot be told apart: the difference is 1.0 points" in said
    assert "p = 1.000)" in said


def test_nothing_that_counts_and_nothing_in_common_is_said() -> None:
    spoiled = replace(episode("a/01", False), agent_error="gone")
    assert "No episode counts" in sentence(ReportedRun("r", Path("r"), {}, True, [spoiled]))
    assert "no case in common with two" in sentence(run("one", [("a/1", True)]), run("two", [("b/1", False)]))


def test_only_what_can_be_compared_shares_an_axis() -> None:
    runs = [
        about(solved("a", 50), env="mab_gym/X-v0"), about(solved("b", 60), env="mab_gym/X-v0"),
        about(solved("c", 40), env="mab_gym/Y-v0"), about(solved("d", 40), env="mab_gym/X-v0", family="age"),
        about(solved("e", 40), env="mab_gym/X-v0", archive="other"),
        about(solved("g", 40), env="mab_gym/Y-v0", grading=23),
        about(solved("f", 40), env="mab_gym/O-v0", protocol="official"),
    ]  # fmt: skip
    found = settings(runs)
    assert [(each.title, [one.label for _, one in each.runs]) for each in found] == [
        ("X-v0, records d", ["a", "b"]), ("Y-v0, grading unknown", ["c"]), ("X-v0, family age", ["d"]),
        ("X-v0, records other", ["e"]), ("Y-v0, grading 23", ["g"]), ("O-v0", ["f"]),
    ]  # fmt: skip
    page = "".join(overview(runs))
    panels = page.split('id="causes"')[0].split('class="forest"')[1:]
    assert [panel.count("row r") for panel in panels] == [2, 1, 1, 1, 1, 1]
    assert ["Claude 3.5 Sonnet v2" in panel for panel in panels] == [False, False, False, False, False, True]
    assert "c less g <small>(by another grading)</small>" in page


def test_published_results_stand_beside_official_ones_alone() -> None:
    official = about(solved("f", 40), protocol="official")
    assert "Beside published results" in told(overview([official]))
    assert "not comparable" not in told(overview([official]))
    assert "Beside published results" not in told(overview([solved("a", 40)]))


def test_another_protocol_is_not_compared() -> None:
    assert pairs([solved("a", 50), about(solved("b", 60), protocol="official")]) == []


@pytest.mark.parametrize("count", [1, 2, 7, 8, 20])
def test_every_line_has_a_label_and_a_cell_for_each_run(count: int) -> None:
    runs = [solved(f"run {number}", 10 + number) for number in range(count)]
    lines = re.findall(r'<div class="line.*?</div>(?=<div class="line|</div>|</summary>|<p>)', "".join(overview(runs)))
    assert len(lines) > 6
    for line in lines:
        assert line.count('<div class="label">') == 1
        assert len(re.findall(r"<div>", line)) == count


def test_failures_are_counted_by_cause_and_lead_to_their_episodes() -> None:
    failed = [
        replace(episode(f"a/{n}", False, n), cause=cause) for n, cause in enumerate(["refused", "empty", "refused"])
    ]
    one = ReportedRun("one", Path("one"), {}, True, [*failed, episode("a/9", False, 9), episode("a/8", True, 8)])
    page = "".join(overview([one]))
    causes = page[page.index('id="causes"') : page.index('id="runs"')]
    assert "the model refused 2 40.0 % empty message 1 20.0 % chart misread 1 20.0 %" in told([causes])
    assert 'href="#run=one&amp;failure=refused"' in causes


def test_every_cause_has_a_sentence() -> None:
    assert MEANING.keys() == CAUSES.keys()


def steps(messages: list[dict[str, Any]], actions: list[str], cause: str | None = None) -> list[Mapping[str, Any]]:
    played = replace(episode("a/1", False), messages=[{"role": "user", "content": "Task"}, *messages], actions=actions)
    return list(unpacked(packed(replace(played, cause=cause), {}))["steps"])


def test_thoughts_and_the_whole_message_are_beside_the_action() -> None:
    said = "I look.\n```\nGET http://x/fhir/Patient\n```"
    message = {"role": "assistant", "content": said, "thoughts": "Hmm.", "action": "GET http://x/fhir/Patient"}
    reply = {"role": "user", "content": "{}", "status": 200}
    (step,) = steps([message, reply], ["GET http://x/fhir/Patient"])
    assert (step["thoughts"], step["said"], step["status"]) == ("Hmm.", said, 200)
    assert step["action"] == {"kind": "get", "text": "GET http://x/fhir/Patient", "url": "http://x/fhir/Patient"}


@pytest.mark.parametrize("field", ["thoughts", "reasoning_content", "reasoning"])
def test_thoughts_of_older_records_are_found(field: str) -> None:
    (step,) = steps([{"role": "assistant", "content": "FINISH([])", field: "Hmm."}], ["FINISH([])"])
    assert (step["thoughts"], step["said"]) == ("Hmm.", "")


@pytest.mark.parametrize(
    ("message", "actions", "cause", "shown"),
    [
        ({"content": ""}, [""], None, ("", MEANING["empty"])),
        ({"content": None}, [], None, ("", MEANING["empty"])),
        ({"content": None, "refusal": "I won't."}, [], "refused", ("I won't.", MEANING["refused"])),
        ({"content": "Hello."}, ["Hello."], None, ("Hello.", MEANING["wrong_tool_use"])),
        ({"content": "Hello."}, [], "no_action", ("Hello.", MEANING["no_action"])),
        ({"content": "Hello.", "action": NO}, [NO], "no_action", ("Hello.", MEANING["no_action"])),
        (
            {"content": "", "thoughts": "Wait.", "action": NO},
            [NO],
            "endless_thoughts",
            ("", MEANING["endless_thoughts"]),
        ),
        ({"content": "", "refusal": "I won't.", "action": NO}, [NO], "refused", ("I won't.", MEANING["refused"])),
        ({"content": 'put({"url": 1})', "action": TOLD}, [TOLD], None, ('put({"url": 1})', "there is no tool 'put'.")),
    ],
)
def test_a_message_without_an_action_says_its_cause(
    message: dict[str, Any], actions: list[str], cause: str | None, shown: tuple[str, str]
) -> None:
    (step,) = steps([{"role": "assistant", **message}], actions, cause)
    assert step["action"]["kind"] == "none"
    assert (step["action"]["text"], step["action"]["why"]) == shown
    assert step["said"] == ""


def test_thoughts_in_the_text_are_not_shown_as_words() -> None:
    (step,) = steps(
        [{"role": "assistant", "content": "<think>Hmm.</think>\nNo.", "thoughts": "Hmm.", "action": NO}],
        [NO],
        "no_action",
    )
    assert (step["action"]["text"], step["thoughts"]) == ("No.", "Hmm.")
    assert "Hmm." in step["said"]


def test_an_earlier_message_without_an_action_is_a_step_with_its_own_reply() -> None:
    messages = [
        {"role": "assistant", "content": "put()", "action": TOLD}, {"role": "user", "content": "That was no action."},
        {"role": "assistant", "content": "FINISH([])"},
    ]  # fmt: skip
    first, last = steps(messages, [TOLD, "FINISH([])"], "refused")
    assert (first["action"]["why"], first["reply"]) == ("there is no tool 'put'.", "That was no action.")
    assert last["action"]["kind"] == "finish"


def test_the_list_says_the_cause() -> None:
    assert index_entry(0, replace(episode("a/1", False), cause="refused"))["failure"] == "refused"
    assert index_entry(0, episode("a/1", False))["failure"] == "misread_chart"
    assert index_entry(0, episode("a/1", True))["failure"] is None
