"""Runs go on: killed at any moment, torn or interrupted, they come to what an undisturbed run comes to."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest

from mab_gym import __version__
from mab_gym.envs._scenario import Scenario
from mab_gym.runs._evaluation import Watcher, at_once
from mab_gym.runs._records import RunFolder, read_records
from tests.conftest import hear_ctrl_c
from tests.evaluation.commands import COMMAND, environment, evaluation, lines, one_line, only_line, run, told
from tests.evaluation.scripted import Fault, Messages, Speaks, endpoint
from tests.processes import PATIENCE, started, until

CASES = 40
KILLS = 5
"""Each comes at another moment of a run; where a kill can tear a line is tried out below, place by place."""
DRAWN = 60
"""Cases that take seconds after the first one is stored: no kill that comes at once comes too late."""


def size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
@pytest.mark.once
def test_a_run_that_is_killed_at_any_moment_comes_to_what_an_undisturbed_one_does(
    tmp_path: Path, solution: Speaks
) -> None:
    chance = random.Random(11)
    more = ("--limit", str(CASES), "--concurrency", "4", "--seed", "3")
    killed_in_the_middle = 0
    with endpoint(solution, seconds=0.03) as there:
        assert run(*evaluation(there, tmp_path / "whole", *more)).returncode == 0
        path = tmp_path / "killed" / "episodes.jsonl"
        for _ in range(KILLS):
            before = size(path)
            command = [*COMMAND, *evaluation(there, tmp_path / "killed", *more)]
            streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
            with started(command, env=environment(), **streams) as process:
                until(lambda: process.poll() is not None or size(path) > before)  # noqa: B023
                time.sleep(chance.uniform(0.0, 0.15))
                process.send_signal(signal.SIGKILL)
                _, errors = process.communicate(timeout=PATIENCE)
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL, errors
            killed_in_the_middle += 1
        last = run(*evaluation(there, tmp_path / "killed", *more))
    assert killed_in_the_middle >= 3
    assert last.returncode == 0, last.stderr
    assert "100.0" in last.stdout
    assert told(tmp_path / "killed") == told(tmp_path / "whole")
    assert len(lines(tmp_path / "killed")) == CASES, "an episode was kept twice"


@pytest.mark.once
def test_a_torn_last_line_is_played_again_wherever_it_is_torn(tmp_path: Path, solution: Speaks) -> None:
    chance = random.Random(5)
    out = tmp_path / "run"
    with endpoint(solution) as there:
        arguments = evaluation(there, out, "--limit", "3")
        assert run(*arguments).returncode == 0
        whole, path = told(out), out / "episodes.jsonl"
        data = path.read_bytes()
        second = data.index(b"\n") + 1
        for cut in (0, second - 1, second + 1, chance.randrange(len(data))):
            path.write_bytes(data[:cut])
            assert len(list(read_records(out))) == data[:cut].count(b"\n")
            done = run(*arguments)
            assert done.returncode == 0, done.stderr
            assert told(out) == whole
            assert len(lines(out)) == 3


def test_a_finished_run_is_shown_again_and_not_played_again(tmp_path: Path, solution: Speaks) -> None:
    with endpoint(solution) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "3")
        first = run(*arguments)
        asked = len(there.requests)
        again = run(*arguments)
    assert (first.returncode, again.returncode) == (0, 0)
    assert "pass@1: 100.0 %" in again.stdout
    assert len(there.requests) == asked


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--temperature", "0.5"), "settings is {} there and"),
        (("--max-steps", "3"), "max_steps is 8 there and 3 here"),
        (("--form", "tools"), 'form is "text" there'),
        (("--model", "another"), 'model is "scripted" there and "another" here'),
        (("--limit", "2"), "episodes is 1 there and 2 here"),
        (("--env", "MedAgentBench-Easy-v0"), "env is"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(
    tmp_path: Path, solution: Speaks, more: tuple[str, ...], words: str
) -> None:
    with endpoint(solution) as there:
        assert run(*evaluation(there, tmp_path / "run", "--limit", "1")).returncode == 0
        before = (tmp_path / "run" / "episodes.jsonl").read_bytes()
        done = run(*evaluation(there, tmp_path / "run", *(("--limit", "1") if "--limit" not in more else ()), *more))
    assert done.returncode == 2
    assert words in only_line(done)
    assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == before


def test_what_says_nothing_of_the_result_may_differ(tmp_path: Path, solution: Speaks) -> None:
    with endpoint(solution) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "1")
        assert run(*arguments).returncode == 0
        done = run(*arguments, "--concurrency", "3", "--price-in", "1", "--price-out", "2", "--attempts", "2")
    assert done.returncode == 0, done.stderr


def test_a_folder_of_another_version_is_refused(tmp_path: Path, solution: Speaks) -> None:
    with endpoint(solution) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "1")
        assert run(*arguments).returncode == 0
        path = tmp_path / "run" / "run.json"
        path.write_text(path.read_text().replace(f'"mab_gym": "{__version__}"', '"mab_gym": "0.0.9"'))
        done = run(*arguments)
    assert done.returncode == 2
    assert f'mab_gym is "0.0.9" there and "{__version__}" here' in one_line(done)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no lock here")
def test_two_processes_do_not_play_into_one_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {"mab_gym": __version__}):
        done = run("eval", "--agent", "finish", "--limit", "1", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "another process" in one_line(done)


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_a_run_at_once_although_the_model_thinks(tmp_path: Path, solution: Speaks) -> None:
    def fails(number: int, messages: Messages) -> Fault | None:
        return Fault("hang") if number >= 9 else None

    with endpoint(solution, fails) as there:
        command = [*COMMAND, *evaluation(there, tmp_path / "run", "--limit", "20", "--concurrency", "3")]
        with started(command, env=environment(), stderr=subprocess.PIPE, preexec_fn=hear_ctrl_c) as process:
            until(lambda: len(there.requests) >= 12, process)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE)
            took = time.monotonic() - begun
    assert process.returncode == 130
    assert took < 29, "it waited for the model, which thinks for 30 s"
    kept = len(list(read_records(tmp_path / "run")))
    assert kept > 0
    assert f"stopped after {kept} of 20 episodes" in errors


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
@pytest.mark.once
def test_a_reference_agents_run_goes_on_as_well_and_drawn_cases_stay_the_same(tmp_path: Path) -> None:
    """Each record says its case and seed: drawn otherwise after the kill, the first of the rest would differ."""
    arguments = ("eval", "--env", "MedAgentBench-Train-v0", "--agent", "oracle", "--limit", str(DRAWN), "--out")
    assert run(*arguments, str(tmp_path / "whole")).returncode == 0
    path = tmp_path / "killed" / "episodes.jsonl"
    with started([*COMMAND, *arguments, str(tmp_path / "killed")], stderr=subprocess.DEVNULL) as process:
        until(lambda: path.is_file() and b"\n" in path.read_bytes(), process)  # a whole record
        process.kill()
    assert 0 < len(list(read_records(tmp_path / "killed"))) < DRAWN
    assert run(*arguments, str(tmp_path / "killed")).returncode == 0
    assert told(tmp_path / "killed") == told(tmp_path / "whole")
    assert f"0 of {DRAWN} verdicts changed" in run("regrade", str(tmp_path / "killed")).stdout


def test_no_more_episodes_are_under_way_than_the_record_system_can_take(scenario: Scenario) -> None:
    assert at_once(scenario, 8, Watcher()) == 8
    two = copy(scenario.backend)
    two.capacity = 2
    assert [at_once(replace(scenario, backend=two), wanted, Watcher()) for wanted in (1, 2, 8)] == [1, 2, 2]
