"""Ablations: every setting is a run as any other, on the same cases, and the figures are those of its records."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gymnasium
import pytest

from mab_gym.runs._records import read_records
from tests.conftest import CANONICAL, OUR_OFFICIAL_FILES, needs_official_files, official_files, our_official_files
from tests.evaluation.commands import COMMAND, environment, lines, one_line, only_line, run, run_apart, told
from tests.evaluation.scripted import Endpoint, Fault, Messages, Speaks, endpoint, gold, refuses
from tests.processes import PATIENCE, started, until

CASES = 12
FAMILY = ("--family", "replace_magnesium", "--limit", str(CASES))


def question(opening: str) -> str:
    """The part of an opening message that does not tell of limits."""
    return opening.rpartition("\nContext: ")[2]


@pytest.fixture(scope="module")
def knows() -> Speaks:
    """A model that solves what it can read whole, however many steps it has, and else gives up."""
    solutions = {
        question(opening): actions
        for opening, actions in gold(gymnasium.make(CANONICAL), family="replace_magnesium", limit=CASES).items()
    }

    def speak(messages: Messages) -> Mapping[str, Any]:
        said = sum(message["role"] == "assistant" for message in messages)
        actions = solutions.get(question(messages[0]["content"]), ["FINISH([])"])
        return {"role": "assistant", "content": actions[said]}

    return speak


def ablation(there: Endpoint, out: Path, *what: str) -> list[str]:
    return [
        "ablate", *what, "--model", "scripted", "--base-url", there.base_url, "--pause", "0.01", "--out", str(out)
    ]  # fmt: skip


def figures_of(out: Path) -> dict[str, dict[str, Any]]:
    told = json.loads((out / "ablation.json").read_text(encoding="utf-8"))
    return {each["setting"]: each for each in told["figures"]}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def official(monkeypatch: pytest.MonkeyPatch, files: Mapping[str, Path]) -> None:
    for name, path in files.items():
        monkeypatch.setenv(f"MAB_GYM_OFFICIAL_{name.upper()}", str(path))


def test_each_setting_is_the_run_that_eval_makes(tmp_path: Path, knows: Speaks) -> None:
    more = (*FAMILY, "--seed", "5", "--price-in", "2", "--price-out", "30")
    with endpoint(knows) as there:
        done = run(*ablation(there, tmp_path / "out", "steps", "3,1,8", *more))
        assert done.returncode == 0, done.stderr
        alone = run(
            "eval", "--model", "scripted", "--base-url", there.base_url, *more, "--max-steps", "1",
            "--out", str(tmp_path / "alone"),
        )  # fmt: skip
        assert alone.returncode == 0, alone.stderr
    for name in ("run.json", "episodes.jsonl"):
        assert (tmp_path / "out" / "1" / name).exists()
    assert (tmp_path / "out" / "1" / "run.json").read_text() == (tmp_path / "alone" / "run.json").read_text()
    assert told(tmp_path / "out" / "1") == told(tmp_path / "alone")
    found = figures_of(tmp_path / "out")
    assert list(found) == ["3", "1", "8"]
    played = {name: list(read_records(tmp_path / "out" / name)) for name in found}
    for name, records in played.items():
        assert [(each["case"], each["seed"]) for each in records] == [
            (each["case"], each["seed"]) for each in played["8"]
        ]
        assert f"You have {name} messages" in records[0]["messages"][0]["content"]
        assert found[name]["rates"]["overall"]["value"] == sum(each["reward"] for each in records) / CASES
        assert found[name]["steps"] == pytest.approx(sum(each["steps"] for each in records) / CASES)
        assert found[name]["tokens_in"] == pytest.approx(sum(each["tokens_in"] for each in records) / CASES)
        assert found[name]["cost"] == pytest.approx(sum(each["cost"] for each in records) / CASES)
    assert found["8"]["difference"] is None, "the environment's own limit is the reference"
    assert found["1"]["difference"]["value"] == -1.0
    assert (found["8"]["rates"]["overall"]["value"], found["1"]["rates"]["overall"]["value"]) == (1.0, 0.0)
    with (tmp_path / "out" / "ablation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["setting"] for row in rows] == ["3", "1", "8"]
    assert [float(row["overall"]) for row in rows] == [each["rates"]["overall"]["value"] for each in found.values()]
    assert re.search(r"^ *8 +100\.0 +– +100\.0 ", done.stdout, re.MULTILINE)
    assert "-100.0" in done.stdout
    assert "0 of 12 verdicts changed" in run("regrade", str(tmp_path / "out" / "3")).stdout


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
@pytest.mark.once
def test_an_ablation_that_is_killed_at_any_moment_goes_on(tmp_path: Path, knows: Speaks) -> None:
    chance = random.Random(3)
    more = ("steps", "2,4,8", *FAMILY, "--concurrency", "2")
    killed_in = set()
    with endpoint(knows, seconds=0.03) as there:
        assert run(*ablation(there, tmp_path / "whole", *more)).returncode == 0
        out = tmp_path / "killed"
        for _ in range(3):
            before = {path: path.stat().st_size for path in out.glob("*/episodes.jsonl")}

            def grown() -> set[str]:
                paths = out.glob("*/episodes.jsonl")
                return {path.parent.name for path in paths if path.stat().st_size > before.get(path, 0)}  # noqa: B023

            command = [*COMMAND, *ablation(there, out, *more)]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            with started(command, env=environment(), **quiet) as process:
                until(lambda: process.poll() is not None or grown())
                time.sleep(chance.uniform(0.0, 0.2))
                process.send_signal(signal.SIGKILL)
                if process.wait(PATIENCE) == 0:
                    break
                killed_in |= grown()
        last = run(*ablation(there, out, *more))
    assert killed_in, "nothing was killed in the middle"
    assert last.returncode == 0, last.stderr
    for setting in ("2", "4", "8"):
        assert told(out / setting) == told(tmp_path / "whole" / setting)
        assert len(lines(out / setting)) == CASES, "an episode was kept twice"
    assert figures_of(out) == figures_of(tmp_path / "whole")
    assert (out / "ablation.csv").read_bytes() == (tmp_path / "whole" / "ablation.csv").read_bytes()


def test_an_endpoint_that_dies_leaves_what_was_finished_and_settings_can_be_added(
    tmp_path: Path, knows: Speaks
) -> None:
    broken = [True]

    def fails(number: int, messages: Messages) -> Fault | None:
        return refuses(401, "who are you") if broken[0] and number >= 20 else None

    out = tmp_path / "out"
    with endpoint(knows, fails) as there:
        done = run(*ablation(there, out, "steps", "1,8", *FAMILY))
        assert done.returncode == 1
        assert "refuses the key" in one_line(done)
        assert "goes on from there" in one_line(done)
        assert len(lines(out / "1")) == CASES
        broken[0] = False
        assert run(*ablation(there, out, "steps", "1,8", *FAMILY)).returncode == 0
        asked = len(there.requests)
        again = run(*ablation(there, out, "steps", "1,8", *FAMILY))
        assert again.returncode == 0
        assert len(there.requests) == asked, "a finished ablation is shown and not played"
        added = run(*ablation(there, out, "steps", "1,2,8", *FAMILY))
    assert added.returncode == 0, added.stderr
    assert list(figures_of(out)) == ["1", "2", "8"]


def test_a_shorter_observation_is_what_the_model_is_sent(tmp_path: Path, knows: Speaks) -> None:
    def reads(messages: Messages) -> Mapping[str, Any]:
        """Goes on only where it was shown a reply as a whole."""
        cut = any("\n[cut off here: " in message["content"] for message in messages)
        return {"role": "assistant", "content": "FINISH([])"} if cut else knows(messages)

    with endpoint(reads) as there:
        done = run(*ablation(there, tmp_path / "out", "length", "600,none", *FAMILY))
    assert done.returncode == 0, done.stderr
    assert "opening message" not in done.stdout, "the task itself is whole"
    found = figures_of(tmp_path / "out")
    assert found["none"]["rates"]["overall"]["value"] == 1.0
    assert found["600"]["rates"]["overall"]["value"] < 1.0
    for each in read_records(tmp_path / "out" / "600"):
        assert each["run"]["max_obs_chars"] == 600
        for message in each["messages"][1:]:
            if message["role"] == "user":
                assert len(message["content"].partition("\n[cut off here: ")[0]) <= 600


def test_a_limit_never_cuts_off_the_task_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official(monkeypatch, official_files())
    env = ("--env", "MedAgentBench-Official-v0", "--limit", "3", "--agent", "finish")
    done = run("ablate", "length", "200,none", *env, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    short, whole = ([r["messages"][0] for r in read_records(tmp_path / "out" / name)] for name in ("200", "none"))
    assert short == whole


def test_difficulties_are_one_run_that_is_split(tmp_path: Path) -> None:
    done = run("ablate", "difficulty", "--agent", "constant", "--limit", "7", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["all"]
    records = list(read_records(tmp_path / "out" / "all"))
    assert len({each["seed"] for each in records}) == len(records) == 21
    found = figures_of(tmp_path / "out")
    for name, each in found.items():
        mine = [entry["reward"] for entry in records if entry["difficulty"] == name]
        assert (each["episodes"], each["rates"]["overall"]["value"]) == (7, sum(mine) / 7)
    assert found["easy"]["difference"] is None
    assert "between different cases" in done.stdout


@pytest.mark.parametrize(
    ("files", "tasks", "right"),
    [
        # An empty answer is right where nothing is to be ordered: three times magnesium, four potassium, two HbA1c.
        (our_official_files() | {"chart": OUR_OFFICIAL_FILES / "chart.ndjson"}, 74, 9),
        pytest.param(official_files(), 300, 45, marks=needs_official_files),
    ],
)
def test_protocols_are_played_where_their_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, Path], tasks: int, right: int
) -> None:
    official(monkeypatch, files)
    done = run("ablate", "protocol", "--agent", "finish", "--repeat", "1", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    found = figures_of(tmp_path / "out")
    assert found["ehr"]["rates"]["overall"]["value"] == 0.0
    assert found["official"]["rates"]["overall"]["value"] == right / tasks, "the official grading takes an empty answer"
    assert found["official"]["unsafe"] is None, "it does not judge safety"
    assert f"0 of {tasks} verdicts changed" in run("regrade", str(tmp_path / "out" / "official")).stdout


def test_a_plot_has_its_settings_as_ticks_and_both_files(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    done = run("ablate", "steps", "2,9", "--agent", "oracle", "--limit", "3", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    pixels = image.imread(tmp_path / "out" / "ablation.png")
    assert pixels.shape[:2] == (1020, 1500)
    assert 0.01 < (pixels[..., :3].min(axis=2) < 0.5).mean() < 0.2, "nothing or too much was drawn"
    svg = (tmp_path / "out" / "ablation.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(svg)
    # Letters are drawn as paths, which carry their text as a comment.
    drawn = set(re.findall(r"<!-- (.+?) -->", svg))
    assert {"2", "9", "0", "100", "Step limit (actions)", "Success rate (%), 95 % interval"} <= drawn


def test_without_matplotlib_there_is_the_table_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing" / "matplotlib"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError('not here', name='matplotlib')")
    monkeypatch.setenv("PYTHONPATH", str(missing.parent))
    done = run_apart("ablate", "steps", "2,8", "--agent", "finish", "--limit", "2", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "pip install 'mab-gym[report]'" in one_line(done)
    assert "success rate in % by steps" in done.stdout
    assert not (tmp_path / "out" / "ablation.png").exists()
    assert (tmp_path / "out" / "ablation.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("weather", "1,2"), "there are: steps, difficulty"),
        (("steps",), "needs settings"),
        (("steps", "2,2"), "there twice"),
        (("steps", "2,many"), "'many'"),
        (("steps", "2,4", "--max-steps", "3"), "leave --max-steps out"),
        (("length", "1000,none", "--max-obs-chars", "3"), "leave --max-obs-chars out"),
        (("difficulty", "--difficulty", "hard"), "leave --difficulty out"),
        (("difficulty", "--family", "patient_age"), "is easy or hard"),
        (("difficulty", "--env", "MedAgentBench-Train-v0"), "frozen cases"),
        (("protocol",), "protocol official cannot be played here: mab_gym/MedAgentBench-Official-v0 needs"),
        (("protocol", "--env", "MedAgentBench-Beyond-v0"), "protocol official cannot be played here"),
        (("steps", "2,4", "--model", "m", "--agent", "oracle", "--base-url", "http://127.0.0.1/v1"), "not both"),
        (("steps", "2,4", "--model", "m"), "--base-url"),
        (("steps", "2,4", "--agent", "nonsense"), "oracle, finish, random, constant"),
        (("steps", "2,4", "--limit", "0"), "from 1"),
    ],
)
def test_wrong_input_is_one_clear_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAB_GYM_OFFICIAL_TASKS", "MAB_GYM_OFFICIAL_FUNCTIONS"):
        monkeypatch.delenv(name, raising=False)
    done = run("ablate", *arguments, "--out", str(tmp_path / "x"))
    assert done.returncode == 2, done.stderr
    assert words in only_line(done)
    assert not (tmp_path / "x").exists()


def test_a_folder_that_holds_something_else_stays_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    steps = ("--agent", "finish", "--limit", "2", "--out", str(out))
    assert run("ablate", "steps", "2,4", *steps).returncode == 0
    before = everything(out)
    for arguments, words in (
        (("ablate", "length", "1000,none", *steps), "holds another ablation: steps 2,4"),
        (("ablate", "steps", "2,8", *steps), "holds another ablation: steps 2,4"),
        (("ablate", "steps", "2,4,8", *steps, "--seed", "3"), "seed is 0 there and 3 here"),
        (("ablate", "steps", "2,4,8", *steps, "--agent", "oracle"), 'agent is "instant FINISH([])" there'),
        (("ablate", "steps", "2,4", *steps[:-1], str(out / "2")), "holds a run"),
        (("ablate", "steps", "2,4", *steps[:-1], str(out / "ablation.csv")), "is a file"),
        (("ablate", "steps", "2,4", *steps[:-1], str(out / "ablation.csv" / "x")), "cannot take an ablation"),
    ):
        done = run(*arguments)
        assert done.returncode == 2, done.stdout
        assert words in only_line(done)
        assert everything(out) == before
    (out / "ablation.json").write_text("{}")
    assert "does not describe an ablation" in one_line(run("ablate", "steps", "2,4", *steps))
