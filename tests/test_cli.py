"""The command line as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mab_gym.cli.app import COMMANDS
from mab_gym.runs._records import read_records
from tests import command_line
from tests.conftest import hear_ctrl_c
from tests.processes import PATIENCE, complaints, started, until

COMMAND = [sys.executable, "-m", "mab_gym.cli"]


def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """The command in this process."""
    return command_line.typed(arguments, typed, {**os.environ, "COLUMNS": "160"})


def run_apart(*arguments: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    env = {**os.environ, "COLUMNS": "160", **environment}
    return subprocess.run(
        [*COMMAND, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env=env,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_each_command_what_its_own_help_says(name: str) -> None:
    command = COMMANDS[name].load(name)
    assert command.name == name
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name].summary


@pytest.mark.parametrize(
    "program", ["import mab_gym", "import mab_gym.cli.app as a; a.app(['--help'], standalone_mode=False)"]
)
def test_what_is_not_needed_is_not_imported(program: str) -> None:
    heavy = [
        "mab_gym.fhir.http._server",
        "mab_gym.tasking._family",
        "mab_gym.envs._env",
        "mab_gym.cohort._spec",
        "httpx",
        "click",
    ]
    told = f"; import sys; print('IMPORTED', [name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program + told], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "IMPORTED []"


def test_eval_writes_one_line_an_episode(tmp_path: Path) -> None:
    done = run_apart("eval", "--agent", "oracle", "--family", "replace_magnesium", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "100.0" in done.stdout
    records = list(read_records(tmp_path / "run"))
    assert [record["case"] for record in records] == [f"replace_magnesium/{number:02d}" for number in range(1, 31)]
    assert set(records[0]) >= {
        "case", "family", "kind", "difficulty", "seed", "reward", "steps", "terminated", "truncated", "verdict",
    }  # fmt: skip
    assert records[0]["verdict"]["reasons"][0]["code"] == "solved"
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["env"] == "mab_gym/MedAgentBench-v0"
    assert len(about["archive"]) == 64


def test_eval_never_overwrites_a_run(tmp_path: Path) -> None:
    arguments = ("eval", "--agent", "finish", "--limit", "2", "--out", str(tmp_path / "run"))
    assert run(*arguments).returncode == 0
    before = (tmp_path / "run" / "episodes.jsonl").read_bytes()
    again = run(*arguments)
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == before


def test_eval_plays_environments_that_draw_their_cases(tmp_path: Path) -> None:
    done = run("eval", "--env", "MedAgentBench-Train-v0", "--limit", "20", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert sum(record["reward"] for record in read_records(tmp_path / "run")) == 20


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_leaves_whole_records(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    path = folder / "episodes.jsonl"
    command = [*COMMAND, "eval", "--agent", "finish", "--repeat", "1000", "--out", str(folder)]
    with started(command, stderr=subprocess.PIPE, preexec_fn=hear_ctrl_c) as process:
        until(lambda: path.is_file() and path.stat().st_size > 20_000, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    records = list(read_records(folder))
    assert f"stopped after {len(records)} of" in errors
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("eval", "--out", "x", "--env", "nonsense"), "mab_gym/MedAgentBench-v0"),
        (("eval", "--out", "x", "--agent", "nonsense"), "oracle, finish, random, constant"),
        (("eval", "--out", "x", "--family", "nonsense"), "check_a1c"),
        (("eval", "--out", "x", "--limit", "0"), "from 1"),
        (("eval", "--out", "x", "--env", "missing.toml"), "missing.toml"),
        (("tasks", "show", "nonsense/01"), "check_a1c"),
        (("tasks", "list", "nonsense"), "check_a1c"),
        (("tasks", "list", "--folder", "/nonsense"), "nonsense"),
        (("data", "build", "nonsense"), "canonical"),
        (("play", "--case", "check_a1c/99"), "check_a1c/30"),
    ],
)
def test_wrong_input_is_one_clear_line(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = run(*(str(tmp_path / "x") if a == "x" else a for a in arguments))
    assert done.returncode == 2
    (line,) = complaints(done.stderr)
    assert words in line


def test_a_person_plays_an_episode() -> None:
    mrn = json.loads(run_case("record_blood_pressure/01"))["mrn"]
    reading = json.loads(run_case("record_blood_pressure/01"))["reading"]
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": "http://hl7.org/fhir/observation-category", "code": "vital-signs"}]}],
        "code": {"text": "BP"},
        "subject": {"reference": f"Patient/{mrn}"},
        "effectiveDateTime": "2023-11-13T10:15:00Z",
        "valueString": reading,
    }
    typed = f"POST http://localhost:8080/fhir/Observation\n{json.dumps(resource, indent=1)}\n\nFINISH([])\n"
    done = run_apart("play", "--case", "record_blood_pressure/01", typed=typed)
    assert done.returncode == 0, done.stderr
    assert "stored as http://localhost:8080/fhir/Observation/" in done.stdout
    assert "solved: Everything asked for was done" in done.stdout


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        ("get http://localhost:8080/fhir/Patient", "begins with GET, POST or FINISH("),
        ("FINISH [1]", "begins with GET, POST or FINISH("),
        ("FINISH([1)", "FINISH([...])"),
        ("FINISH([Jane])", "text in double quotes"),
        ("FINISH(1)", "the brackets even around one value"),
        ("GET http://localhost:8080/Patient", "outside the FHIR base"),
        ("GET", "begins with GET, POST or FINISH("),
        ("POST http://localhost:8080/fihr/Observation", "outside the FHIR base"),
        ('POST http://localhost:8080/fhir/Observation\n{"resourceType": "Observation",}\n', "at line 1, column"),
        ("POST http://localhost:8080/fhir/Observation\n[1]\n", "no resource"),
        ("POST http://localhost:8080/fhir/Observation\n", "cannot be read"),
    ],
)
def test_a_slip_of_the_keyboard_costs_a_person_nothing(slip: str, said: str) -> None:
    done = run("play", "--case", "patient_lookup/01", typed=f"{slip}\n{slip}\nFINISH([0])\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Not sent, no step is counted") == 2
    assert said in done.stdout
    assert "1 steps" in done.stdout
    assert "not solved: misread_chart" in done.stdout


def test_a_person_who_leaves_after_a_slip_has_no_verdict() -> None:
    for typed in ("FINISH [1]\n", "FINISH [1]\n\n", "POST x"):
        done = run("play", "--case", "patient_lookup/01", typed=typed)
        assert done.returncode == 0, done.stderr
        assert "there is no verdict" in done.stdout


def run_case(case_id: str) -> str:
    from mab_gym.tasking._catalogue import load_catalogue

    return json.dumps(dict(load_catalogue().case(case_id).params))


def test_leaving_early_and_wrong_answers_in_the_terminal() -> None:
    assert "You left before the end" in run("play", "--seed", "1", typed="\n").stdout
    wrong = run("play", "--family", "patient_age", "--seed", "1", typed="FINISH([1])\n")
    assert "not solved: misread_chart" in wrong.stdout
    assert "answer_wrong: The answer should be [" in wrong.stdout


def test_tasks_are_listed_and_shown() -> None:
    families = run_apart("tasks", "list").stdout
    assert families.count("30") >= 10
    assert "replace_potassium" in families
    cases = run("tasks", "list", "check_a1c").stdout
    assert "out_of_date" in cases
    shown = run("tasks", "show", "check_a1c/01").stdout
    assert "FINISH" in shown
    assert "haemoglobin A1c" in shown


def test_data_info_and_build_of_what_is_there(scenario: object) -> None:
    info = run_apart("data", "info").stdout
    assert "785,207" in info
    assert "563,426" in info
    assert "is there already (and whole)" in run("data", "build").stdout


def test_a_damaged_archive_is_named_and_built_anew(tmp_path: Path, scenario: object) -> None:
    from mab_gym.cohort._locate import archive_path
    from mab_gym.cohort._spec import CANONICAL

    whole = archive_path(CANONICAL).read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    (tmp_path / archive_path(CANONICAL).name).write_bytes(damaged)
    told = run_apart("data", "info", MAB_GYM_CACHE=str(tmp_path))
    assert told.returncode == 2
    assert "damaged" in told.stderr
    assert run_apart("data", "build", MAB_GYM_CACHE=str(tmp_path)).returncode == 0
    assert (tmp_path / archive_path(CANONICAL).name).read_bytes()[8:40] == whole[8:40], "the build is not reproducible"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="bash completion")
def test_shell_completion_works() -> None:
    done = run_apart(
        _MAB_GYM_COMPLETE="complete_bash", COMP_WORDS="mab-gym da", COMP_CWORD="1", _TYPER_COMPLETE_ARGS="mab-gym da"
    )
    assert "data" in done.stdout.split()
    # Which shell this is cannot be seen everywhere; named, it need not be.
    shown = run_apart("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "complete -o default -F" in shown.stdout


def test_version() -> None:
    assert run_apart("--version").stdout.startswith("mab-gym 0.")
