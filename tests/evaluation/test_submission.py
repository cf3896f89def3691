"""Runs that are handed on: what is whole passes and packs to equal bytes; every tampering is refused, and named."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mab_gym.agents import Account, ChatFunction, ChatModel
from mab_gym.cli.app import app
from mab_gym.envs._environment_file import environment_file
from mab_gym.errors import UsageError
from mab_gym.runs._driver import Driver
from mab_gym.runs._evaluation import Plan, evaluate, prepare
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import RunFolder
from mab_gym.runs._submission import check_submission, pack_submission
from mab_gym.runs._summary import sum_up
from tests.evaluation.commands import evaluation, run_apart
from tests.evaluation.commands import run as command
from tests.evaluation.scripted import KEY, Messages, Speaks, calls_tools, endpoint, with_tools


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
        ("run.json", {"grading": 0}, "version"),
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
    again = run_apart("submit", "check", str(packed))
    assert again.returncode == 0
    assert "this run can be believed" in again.stdout

    folder = spoiled(tmp_path / "run", tmp_path / "changed", change_action)
    assert "not those of its messages" in wrong(folder)["verdicts"]


def talking(solution: Speaks) -> Speaks:
    """A model that thinks and talks before each action, and whose answer has a field called action."""

    def speak(messages: Messages) -> Mapping[str, Any]:
        said = f"<think>GET nothing</think>I go on.\n\n{solution(messages)['content']}"
        return {"role": "assistant", "content": said, "reasoning_content": "So be it.", "action": "wave"}

    return speak


def two_at_once(solution: Speaks) -> Speaks:
    """A model that first makes two calls in one message, the second of which is the first action of the solution."""
    calls = with_tools(solution)
    first = ("get", json.dumps({"url": "http://localhost:8080/fhir/Patient?_count=1"}))

    def speak(messages: Messages) -> Mapping[str, Any]:
        said = sum(message["role"] == "assistant" for message in messages)
        (call,) = calls(messages)["tool_calls"]
        return calls_tools(*([] if said else [first]), (call["function"]["name"], call["function"]["arguments"]))

    return speak


@pytest.fixture(scope="module")
def spoken(solution: Speaks, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Runs of models in all forms of requests."""
    folder = tmp_path_factory.mktemp("spoken")
    models: Mapping[str, tuple[Speaks, Mapping[str, Any]]] = {
        "text": (talking(solution), {}),
        "tools": (two_at_once(solution), {"form": "tools"}),
        "responses": (solution, {"api": "responses"}),
        "cut": (lambda messages: {**talking(solution)(messages), "finish_reason": "length"}, {}),
        "refused": (lambda messages: {"role": "assistant", "content": None, "refusal": "No."}, {}),
    }
    for name, (speaks, settings) in models.items():
        with endpoint(speaks) as there:
            model = ChatModel("scripted", there.base_url, api_key=KEY, pause=0.01, **settings)
            evaluate(agent=model, limit=12, out=folder / name)
    evaluate(agent=ChatFunction(talking(solution)), limit=12, out=folder / "function")
    evaluate(agent=ChatFunction(models["cut"][0]), limit=12, out=folder / "cut function")
    return {each.name: each for each in folder.iterdir()}


@pytest.mark.parametrize("name", ["text", "tools", "responses", "cut", "refused", "function", "cut function"])
def test_what_models_write_is_read_again_and_passes(name: str, spoken: Mapping[str, Path]) -> None:
    found = check_submission(spoken[name])
    assert found.ok, found.checks
    assert "not compared" not in str(found.checks)


def beside(lines: Lines) -> None:
    """Another action, beside the message and in the actions; the message itself stays as it is."""
    for line in lines:
        change_action([line])
        next(m for m in reversed(line["messages"]) if m["role"] == "assistant")["action"] = line["actions"][-1]


def in_the_message(lines: Lines) -> None:
    """Another action in the message and in the actions; what the endpoint sent stays as it is."""
    change_action(lines[:1])
    message = next(m for m in reversed(lines[0]["messages"]) if m["role"] == "assistant")
    message["content"] = message["action"] = lines[0]["actions"][-1]


def in_another_order(lines: Lines) -> None:
    line = next(line for line in lines if len(line["actions"]) > 2)
    line["actions"][:2] = reversed(line["actions"][:2])


READ_AGAIN: Mapping[str, tuple[str, Callable[[Lines], Any], str]] = {
    "an action beside its message": ("text", beside, "its actions are not those of its messages"),
    "an action beside a function's message": ("function", beside, "its actions are not those of its messages"),
    "a message": ("text", in_the_message, "its messages are not those of its calls"),
    "thoughts": (
        "text", lambda lines: lines[0]["messages"][1].update(thoughts="Ha!"), "its messages are not those of its calls",
    ),
    "a call less": ("text", lambda lines: lines[0]["calls"].pop(), "its messages are not those of its calls"),
    "no call at all": (
        "text", lambda lines: lines[0].update(calls=[]), "its messages are not those of its calls",
    ),
    "an action less": ("text", lambda lines: lines[0]["actions"].pop(), "its actions are not those of its messages"),
    "the order of calls": ("tools", in_another_order, "its actions are not those of its messages"),
    "a cause": ("text", lambda lines: lines[0].update(cause="refused"), "its cause is not 'refused'"),
    "a cause less": ("refused", lambda lines: lines[0].update(cause=None), "its cause is not None"),
    "the tokens": ("text", lambda lines: lines[0].update(tokens_in=1), "by its calls, not 1"),
    "the tokens of responses": ("responses", lambda lines: lines[0].update(tokens_out=1), "by its calls, not 1"),
    "tokens that nobody counted": ("function", lambda lines: lines[0].update(tokens_out=1), "None by its calls, not 1"),
}  # fmt: skip


@pytest.mark.parametrize("what", READ_AGAIN)
def test_what_does_not_follow_from_the_messages_is_named(what: str, spoken: Mapping[str, Path], tmp_path: Path) -> None:
    name, change, said = READ_AGAIN[what]
    found = wrong(spoiled(spoken[name], tmp_path / "run", change))
    assert said in found["verdicts"], found


def test_earlier_tries_may_have_cost_more_tokens_than_the_calls_say(spoken: Mapping[str, Path], tmp_path: Path) -> None:
    for tokens, refused in ((1_000_000, False), (1, True), (None, False)):
        folder = tmp_path / str(tokens)
        changed = spoiled(spoken["text"], folder, lambda lines: lines[0].update(retries=1, tokens_in=tokens))  # noqa: B023
        assert ("verdicts" in wrong(changed)) == refused


class Scaffold:
    """A user's agent that makes its messages itself: an example, and thoughts before each action."""

    name = "scaffold"

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        self._messages: list[dict[str, Any]] = [
            {"role": "user", "content": "Question: 1 + 1"},
            {"role": "assistant", "content": "Thought: easy.\nAction: FINISH([2])"},
        ]

    def act(self, observation: Mapping[str, Any]) -> str:
        self._messages.append({"role": "user", "content": f"Observation: {observation['text']}"})
        action = "FINISH([7])" if len(self._messages) > 3 else "GET http://localhost:8080/fhir/Patient?_count=1"
        self._messages.append({"role": "assistant", "content": f"Thought: hm.\nAction: {action}"})
        return action

    def account(self, last: Mapping[str, Any] | None) -> Account:
        return Account(tuple(self._messages), tokens_in=77, tokens_out=7)


def test_runs_of_scaffolds_pass_and_the_check_says_how_far_it_goes(tmp_path: Path) -> None:
    evaluate(agent=Scaffold, limit=3, out=tmp_path / "run")
    found = check_submission(tmp_path / "run")
    assert found.ok, found.checks
    assert "not compared: messages with actions" in str(found.checks)

    def change(lines: Lines) -> None:
        lines[0]["messages"][4]["content"] = "Observation: all is well."

    assert "replies in order" in wrong(spoiled(tmp_path / "run", tmp_path / "changed", change))["verdicts"]


def test_runs_on_another_record_system_are_compared_by_outcomes_and_statuses(
    spoken: Mapping[str, Path], tmp_path: Path
) -> None:
    name = "mab_gym/MedAgentBench-HAPI-v0"
    digest = hashlib.sha256(environment_file(name).read_text("utf-8").encode()).hexdigest()

    def elsewhere(lines: Lines) -> None:
        for line in lines:
            line["env"] = name
            line["run"] |= {"env": name, "environment": digest}
            line["messages"][2]["content"] += " (in another order)"
            line["verdict"]["reasons"][0]["text"] += " (in other words)"

    folder = spoiled(spoken["text"], tmp_path / "run", elsewhere)
    for file in ("run.json", "summary.json"):
        told = json.loads((folder / file).read_text())
        told.get("run", told).update(env=name, environment=digest)
        (folder / file).write_text(json.dumps(told))
    found = check_submission(folder)
    assert found.ok, found.checks
    assert "another record system than the embedded one" in str(found.checks)

    changed = spoiled(folder, tmp_path / "changed", lambda lines: lines[0]["messages"][2].update(status=404))
    assert "answers otherwise" in wrong(changed)["verdicts"]


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
