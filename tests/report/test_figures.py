"""The numbers of a report, against those counted by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from mab_gym.errors import UsageError
from mab_gym.report._figures import failures, groups, histogram, pairs, repeated, success
from mab_gym.report._runs import ReportedRun, labels, read_run
from mab_gym.runs._records import EpisodeRecord


def episode(case: str, solved: bool, seed: int = 0, repeat: int = 0, failure: str = "misread_chart") -> EpisodeRecord:
    family = case.partition("/")[0]
    verdict = {
        "success": solved, "failure": None if solved else failure, "credit": 0.0, "unsafe": False,
        "reasons": [] if solved else [{"code": "answer_wrong", "text": "It is wrong.", "critical": False}],
    }  # fmt: skip
    return EpisodeRecord(
        env="e-v0", agent="a", case=case, family=family, branch="b", kind="query", difficulty="easy", seed=seed,
        reward=float(solved), steps=2, terminated=True, truncated=False, verdict=verdict, repeat=repeat,
    )  # fmt: skip


def run(label: str, outcomes: Iterable[tuple[str, bool]], frozen: bool = True, seed: int = 0) -> ReportedRun:
    episodes = [episode(case, solved, seed + place) for place, (case, solved) in enumerate(outcomes)]
    return ReportedRun(label, Path(label), {"archive": "d"}, frozen, episodes)


def test_runs_are_compared_on_the_cases_that_both_played() -> None:
    one = run("one", [("a/01", True), ("a/02", True), ("a/03", True), ("a/04", False), ("a/05", True)])
    other = run("other", [("a/02", False), ("a/01", False), ("a/03", True), ("a/04", False), ("a/09", True)])
    (pair,) = pairs([one, other])
    assert pair.comparison.cases == 4
    assert (pair.comparison.difference, pair.comparison.better, pair.comparison.worse) == (0.5, 2, 0)
    assert pair.comparison.p == 0.5  # both of two discordant cases on one side: 2 * (1/2)^2
    assert [record.case for record in pair.only_ours] == ["a/01", "a/02"]
    assert list(pair.only_theirs) == []
    assert pair.same_records


def test_drawn_cases_are_the_same_where_their_seeds_are() -> None:
    one, other = (run(name, [("a/01", True)] * 3, frozen=False, seed=seed) for name, seed in (("x", 0), ("y", 2)))
    (pair,) = pairs([one, other])
    assert pair.comparison.cases == 1
    assert pairs([one, run("far", [("a/01", True)], frozen=False, seed=50)]) == []


def test_what_does_not_count_is_in_no_rate() -> None:
    spoiled = replace(episode("a/01", False), infrastructure_error="gone")
    found = success([episode("a/01", True), spoiled])
    assert found is not None
    assert (found.value, found.cases) == (1.0, 1)
    assert failures([spoiled]) == []


def test_repeated_tries_give_pass_at_k_and_pass_hat_k() -> None:
    tried = [episode("a/01", True, 0, 0), episode("a/01", False, 0, 1), episode("a/02", True, 1, 0)]
    tried.append(episode("a/02", True, 1, 1))
    ((k, at, hat),) = repeated(ReportedRun("r", Path("r"), {}, True, tried))
    assert (k, at.value, hat.value) == (2, 1.0, 0.5)
    assert repeated(run("once", [("a/01", True)])) == []


def test_failures_are_ordered_and_their_examples_are_of_different_families() -> None:
    failed = [episode("a/01", False), episode("a/02", False), episode("b/01", False), episode("c/01", False)]
    failed.append(episode("c/02", False, failure="gave_up"))
    most, least = failures([*failed, episode("z/01", True)])
    assert (most.kind, most.count, least.kind, least.count) == ("misread_chart", 4, "gave_up", 1)
    assert [record.case for record in most.examples] == ["a/01", "b/01", "c/01"]
    assert most.reasons == [("answer_wrong", 4)]


def test_groups_keep_their_usual_order() -> None:
    records = [episode(f"a/0{n}", True) for n in range(3)]
    assert list(groups(records, lambda record: {0: "hard", 1: "easy"}.get(int(record.case[-1]), "medium"))) == [
        "easy", "medium", "hard",
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[1.0, 2.0, 2.5, 9.0], [5.0, 5.0], [0.0002, 0.00031], [1200.0, 98000.0, 4.0], [0.0]])
def test_a_histogram_holds_every_value_in_its_stretch(values: list[float]) -> None:
    stretches = histogram(values)
    assert sum(count for _, _, count in stretches) == len(values)
    assert len(stretches) <= 14
    for low, high, count in stretches:
        assert count == sum(low - 1e-12 <= value < high - 1e-12 for value in values)
    assert histogram([]) == []


def test_labels_are_as_short_as_they_can_be_and_differ(tmp_path: Path) -> None:
    folders = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "other"]
    assert labels(folders) == ["a/run", "b/run", "other"]
    with pytest.raises(UsageError, match="named twice"):
        labels([tmp_path / "x", tmp_path / "y" / ".." / "x"])


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no run \(there is no run.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "episodes.jsonl").touch()
    with pytest.raises(UsageError, match="without episodes"):
        read_run(tmp_path)
