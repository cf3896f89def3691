"""Runs that are handed on: what is whole passes and packs to equal bytes; every tampering is refused, and named."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mab_gym.cli.app import app
from mab_gym.errors import UsageError
from mab_gym.runs._driver import Driver
from mab_gym.runs._evaluation import Plan, evaluate, prepare
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import RunFolder
from mab_gym.runs._submission import check_submission, pack_submission
from mab_gym.runs._summary import sum_up
from tests.evaluation.commands import evaluation
from tests.evaluation.commands import run as command
from tests.evaluation.scripted import Speaks, endpoint, with_tools


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four cases, each twice, by an agent that writes and answers at random."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    evaluate(agent="random", family="replace_potassium", limit=4, repeat=2, seed=5, out=folder)
    return folder


Lines = list[dict[str, Any]]


def spoiled(run: Path, to: Path, change: Callable[[Lines], Any]) -> Path:
    """Copies a run and changes its records."""
    shutil.copytree(run, to)
    path = to / "episodes.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return to


def wrong(folder: Path) -> dict[str, str]:
    """Returns what each failed check says."""
    return {check.name: check.said for check in check_submission(folder).checks if not check.ok}


def test_a_whole_run_passes_and_packs_to_equal_bytes(run: Path, tmp_path: Path) -> None:
    found = check_submission(run)
    assert found.ok, found.checks
    assert found.covers == "4 of 300 cases"
    first, second = (pack_submission(run, tmp_path / name) for name in ("a.zip", "b.zip"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["run.json", "episodes.jsonl", "summary.json", "manifest.json"]
        assert archive.read("episodes.jsonl") == (run / "episodes.jsonl").read_bytes()
    assert check_submission(first).ok
    with pytest.raises(UsageError, match="there already"):
        pack_submission(run, first)


def change_action(lines: Lines) -> None:
    line = next(line for line in lines if line["actions"][-1].startswith("FINISH"))
    line["actions"] = [*line["actions"][:-1], "FINISH([4.2])"]


def change_reply(lines: Lines) -> None:
    line = next(line for line in lines if len(line["messages"]) > 2)
    line["messages"][2]["content"] += " "


TAMPERED: Mapping[str, tuple[Callable[[Lines], Any], str, str]] = {
    "a verdict": (lambda lines: lines[0]["verdict"].update(success=True), "verdicts", "another verdict"),
    "the words of a verdict": (
        lambda lines: lines[0]["verdict"]["reasons"][0].update(text="Well done."), "verdicts", "another verdict",
    ),
    "a reward": (lambda lines: lines[0].update(reward=1.0), "verdicts", "reward is 0.0, not 1.0"),
    "an action": (change_action, "verdicts", "not those of its messages"),
    "a reply": (change_reply, "verdicts", "answers otherwise"),
    "the steps": (lambda lines: lines[0].update(steps=1000), "verdicts", "steps is"),
    "the kind": (lambda lines: lines[0].update(kind="query"), "verdicts", "kind is 'action', not 'query'"),
    "a missing episode": (lambda lines: lines.pop(2), "whole", "is missing"),
    "an episode twice": (lambda lines: lines.append(lines[2]), "whole", "is there 2 times"),
    "an episode that does not count": (
        lambda lines: lines[0].update(agent_error="the endpoint was down"), "whole", "does not count",
    ),
    "another seed": (lambda lines: lines[0].update(seed=77), "seeds", "with seed 77"),
    "another case": (lambda lines: lines[0].update(case="replace_potassium/09"), "seeds", "not replace_potassium/09"),
    "another agent": (lambda lines: lines[0].update(agent="gpt"), "run.json", "is of gpt"),
    "another run": (lambda lines: lines[0]["run"].update(seed=6), "run.json", "seed differ from run.json"),
    "an added field": (lambda lines: lines[0].update(score=1.0), "records", "has score, which no record has"),
    "a field less": (lambda lines: lines[0].pop("calls"), "records", "lacks calls"),
    "a field of another form": (lambda lines: lines[0].update(seed=[1]), "form", "of another form"),
    "the tokens": (lambda lines: lines[0].update(tokens_in=1, tokens_out=1), "summary.json", "tokens_in"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_changed_in_the_records_is_named(what: str, run: Path, tmp_path: Path) -> None:
    change, check, said = TAMPERED[what]
    found = wrong(spoiled(run, tmp_path / "run", change))
    assert said in found[check], found


@pytest.mark.parametrize(
    ("name", "changes", "check"),
    [
        ("run.json", {"agent": "gpt"}, "run.json"),
        ("run.json", {"seed": 6}, "run.json"),
        ("run.json", {"repeat": 1}, "run.json"),
        ("run.json", {"episodes": 6}, "seeds"),
        ("run.json", {"max_steps": 3}, "verdicts"),
        ("run.json", {"mab_gym": "0.0.1"}, "version"),
        ("run.json", {"archive": "0" * 64}, "form"),
        ("run.json", {"cases": "0" * 64}, "digests"),
        ("run.json", {"environment": None}, "digests"),
        ("run.json", {"env": "nonsense-v0"}, "environment"),
        ("run.json", {"file": "/tmp/own.toml"}, "environment"),
        ("run.json", {"repeat": 0}, "form"),
        ("summary.json", {"result": {"value": 1.0}}, "summary.json"),
        ("summary.json", {"remark": "state of the art"}, "summary.json"),
    ],
)
def test_what_was_changed_in_a_file_is_named(
    name: str, changes: Mapping[str, Any], check: str, run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    assert check in wrong(folder)


def test_a_run_that_was_stopped_is_not_whole(run: Path, tmp_path: Path) -> None:
    assert (
        "is missing" in wrong(spoiled(run, tmp_path / "run", lambda lines: lines.__delitem__(slice(5, None))))["whole"]
    )


def test_runs_of_drawn_cases_and_of_variants_pass(tmp_path: Path) -> None:
    evaluate("MedAgentBench-Train-v0", limit=3, seed=3, out=tmp_path / "drawn")
    assert check_submission(tmp_path / "drawn").ok
    evaluate(family="latest_glucose", limit=2, variant="distractors+by_name", out=tmp_path / "v", max_obs_chars=900)
    found = check_submission(tmp_path / "v")
    assert found.ok, found.checks
    assert found.covers == "2 of 300 cases, variant distractors+by_name, max_obs_chars 900 in place of None"


@pytest.mark.parametrize("form", ["text", "tools"])
def test_a_model_plays_and_hands_on(form: str, solution: Speaks, tmp_path: Path) -> None:
    speaks = with_tools(solution) if form == "tools" else solution
    with endpoint(speaks) as there:
        done = command(*evaluation(there, tmp_path / "run", "--limit", "12", "--form", form, "--concurrency", "3"))
    assert done.returncode == 0, done.stderr
    packed = tmp_path / "run.zip"
    done = command("submit", "check", str(tmp_path / "run"), "--out", str(packed), "--json")
    assert done.returncode == 0, done.stdout
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert all(check["ok"] for check in told["checks"])
    again = command("submit", "check", str(packed))
    assert again.returncode == 0
    assert "this run can be believed" in again.stdout

    folder = spoiled(tmp_path / "run", tmp_path / "changed", change_action)
    assert "not those of its messages" in wrong(folder)["verdicts"]


def test_messages_with_thoughts_prose_and_several_actions_pass(tmp_path: Path) -> None:
    run = prepare(Plan(agent="finish", family="patient_age", limit=2))
    driver, progress = Driver(run.first), RunProgress(len(run.todo))
    with RunFolder(tmp_path / "run", run.about("talks")) as folder:
        for each in run.todo:
            driver.begin(each.seed, {"case": each.case})
            driver.hear("<think>hm</think>First:\nGET http://localhost:8080/fhir/Patient?_count=1\n\nFINISH([1])")
            assert "Only the first was carried out" in driver.observation["text"]
            driver.hear("I would say: FINISH([1])" if each.seed else "I give up.")
            record = driver.record("talks", run=run.about("talks"))
            folder.add(record)
            progress.add(record)
        sum_up(folder, progress, 1.0)
    found = check_submission(tmp_path / "run")
    assert found.ok, found.checks


def test_the_command_refuses_packs_nothing_and_says_why(run: Path, tmp_path: Path) -> None:
    folder = spoiled(run, tmp_path / "run", TAMPERED["a verdict"][0])
    done = CliRunner().invoke(app, ["submit", "check", str(folder), "--out", str(tmp_path / "a.zip")])
    assert done.exit_code == 1
    assert "another verdict" in " ".join(done.stdout.split())
    assert not (tmp_path / "a.zip").exists()


def test_a_changed_archive_is_refused(run: Path, tmp_path: Path) -> None:
    packed = pack_submission(run, tmp_path / "run.zip")
    with zipfile.ZipFile(packed) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for changes in ({"episodes.jsonl": b""}, {"../evil": b"x"}, {"manifest.json": b"[1]"}, {"manifest.json": b"{"}):
        with zipfile.ZipFile(tmp_path / "changed.zip", "w") as archive:
            for name, content in {**contents, **changes}.items():
                archive.writestr(name, content)
        with pytest.raises(UsageError, match=r"changed after it was packed|no packed run"):
            check_submission(tmp_path / "changed.zip")
    (tmp_path / "text.zip").write_text("no archive")
    for path in (tmp_path / "text.zip", tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="neither a run's folder nor a packed run"):
            check_submission(path)
