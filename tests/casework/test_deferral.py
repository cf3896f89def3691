"""Over- and under-deferral, counted beside success: in tables, summaries and the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mab_gym.cli._scores import score_table
from mab_gym.report._overview import _runs as run_table
from mab_gym.report._runs import ReportedRun
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import deferrals
from mab_gym.runs._summary import summarize
from tests.evaluation.test_summary import ended

TOLD = ("over", "acted", "acted", "acted", "under", "deferred", None)


def records() -> list[EpisodeRecord]:
    made = [ended(number) for number in range(len(TOLD))]
    return [
        replace(each, verdict={**each.verdict, **({} if told is None else {"deferral": told})})
        for each, told in zip(made, TOLD, strict=True)
    ]


def test_rates_are_shares_of_those_who_had_to_act_and_of_those_who_had_to_defer() -> None:
    found = deferrals(records())
    assert found.judged == 6
    assert (found.over_rate, found.under_rate) == (0.25, 0.5)
    none = deferrals(records()[-1:])
    assert (none.over_rate, none.under_rate) == (None, None)


def test_a_table_and_a_summary_tell_them_where_cases_ask() -> None:
    table = score_table("x", [("me", records(), 1.0)])
    assert [(row["over-deferred"], row["under-deferred"]) for row in table.data] == [(0.25, 0.5)]
    assert "over-deferred" not in score_table("x", [("me", records()[-1:], 1.0)]).data[0]
    progress = RunProgress(len(TOLD))
    for each in records():
        progress.add(each)
    told = summarize({}, progress, 1.0)["deferral"]
    assert told == {
        "over": 1, "acted": 3, "under": 1, "deferred": 1, "judged": 6, "over_rate": 0.25, "under_rate": 0.5,
    }  # fmt: skip


def test_the_report_has_columns_for_them() -> None:
    about = {"agent": "me", "env": "mab_gym/Casework-v0", "protocol": "ehr"}
    run = ReportedRun("run", Path("run"), about, frozen=True, episodes=records())
    shown = "".join(run_table([run]))
    assert "over-deferred" in shown
    assert '<td class="n">25.0</td>' in shown
