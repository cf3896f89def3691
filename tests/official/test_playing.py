"""The official tasks as a Gymnasium id, the reference agents on them, and the commands that do both."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from mab_gym.agents._official import OfficialGold
from mab_gym.agents._reference import InstantFinish, Oracle
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._environment_file import read_environment
from mab_gym.errors import ContentError, UsageError
from mab_gym.fhir.store._archive import write_archive
from mab_gym.official import _solution as solution
from mab_gym.official._conversation import body_of_reply, read_opening
from mab_gym.official._records import open_chart
from mab_gym.official._regrade import read_trajectories, regrade, replay
from mab_gym.official._rules import OfficialRules
from mab_gym.official._synthetic_chart import stand_in, write_chart
from mab_gym.official._tasks import NOW, read_tasks
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play, play_all
from mab_gym.runs._scores import OFFICIAL_AGENTS, violations
from tests.conftest import OFFICIAL, OFFICIAL_FILES, OUR_OFFICIAL_FILES, needs_official_files, our_official_files
from tests.conftest import make as make_official
from tests.official.commands import run, run_apart
from tests.test_serve import serving

from .conftest import BASE, finish, post
from .tasks_of_our_own import CONTEXTS, PEOPLE, all_tasks, find, mrn, task, write_functions, write_tasks

Env = gymnasium.Env[Any, str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("official")
    return {"tasks": write_tasks(folder), "functions": write_functions(folder)}


@pytest.fixture
def env(files: dict[str, Path]) -> Env:
    return make(files)


def make(files: dict[str, Path], **more: Any) -> Env:
    arguments: dict[str, Any] = {**files, **more}
    made: Env = gymnasium.make(OFFICIAL, **arguments)
    return made


def begin(env: Env, case: str) -> str:
    observation, info = env.reset(options={"case": case})
    assert info["case"] == case
    return str(observation["text"])


# --- the id ----------------------------------------------------------------------------------------------------------


def test_check_env_passes_without_warnings(env: Env) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_equal_seeds_give_equal_episodes(files: dict[str, Path]) -> None:
    def episode(seed: int) -> list[Any]:
        env = make(files)
        env.action_space.seed(seed)
        steps: list[Any] = [env.reset(seed=seed)]
        while not (len(steps) > 1 and (steps[-1][2] or steps[-1][3])):
            steps.append(env.step(env.action_space.sample()))
        return steps

    assert [repr(episode(seed)) for seed in range(6)] == [repr(episode(seed)) for seed in range(6)]
    assert len({episode(seed)[0][1]["case"] for seed in range(12)}) > 3


def test_an_episode_is_the_official_conversation(env: Env) -> None:
    text = begin(env, "task4_2")
    assert read_opening(text) == (BASE, CONTEXTS[4], f"What is the magnesium of {mrn(2)}?")
    observation, reward, terminated, truncated, info = env.step(f"GET {BASE}/Patient?identifier={mrn(2)}")
    assert observation["text"].startswith("Here is the response from the GET request:\n{")
    assert body_of_reply(observation["text"]) == observation["fhir"]
    assert (observation["status"], info["status"], reward, terminated, truncated) == (200, 200, 0.0, False, False)
    assert "verdict" not in info
    observation, _, _, _, info = env.step(f"GET {BASE}/Patient/nobody?")
    assert observation["text"].startswith("Error in sending the GET request: 404 Client Error:  for url: ")
    assert (observation["fhir"], observation["status"]) == ("", 404)
    assert body_of_reply(observation["text"]) == ""
    observation, _, _, _, info = env.step("POST x")
    assert (observation["text"], observation["status"]) == ("Invalid POST request", 0)
    observation, reward, terminated, truncated, info = env.step(finish(1.5))
    assert (observation["text"], reward, terminated, truncated) == ("", 0.0, True, False)
    assert info["official"] == {"status": "completed", "result": "[1.5]"}
    assert info["verdict"]["failure"] == "official_rule"
    assert "a turn contains POST" in info["verdict"]["reasons"][0]["text"]
    assert (info["step"], info["kind"], info["difficulty"], info["family"]) == (4, "query", "medium", "task4")


def test_a_post_is_judged_and_never_stored(env: Env) -> None:
    begin(env, "task3_1")
    pressure = solution._pressure(mrn(1), "118/77 mmHg")
    found = f"GET {BASE}/Observation?patient={mrn(1)}&_count=0&_total=accurate"
    before = json.loads(env.step(found)[0]["fhir"])["total"]
    assert env.step(post(pressure))[0]["text"].startswith("POST request accepted and executed successfully.")
    assert json.loads(env.step(found)[0]["fhir"])["total"] == before > 0
    _, reward, terminated, _, info = env.step("FINISH()")
    assert (reward, terminated, info["verdict"]["success"]) == (1.0, True, True)


def test_eight_turns_then_truncated(env: Env) -> None:
    begin(env, "task7_1")
    steps = [env.step(f"GET {BASE}/Patient?_id={mrn(1)}") for _ in range(8)]
    assert [step[3] for step in steps] == [False] * 7 + [True]
    assert not any(step[2] for step in steps)
    assert steps[-1][4]["official"] == {"status": "task limit reached", "result": None}
    assert steps[-1][4]["verdict"]["failure"] == "step_limit"
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(finish())


def test_what_is_no_action_ends_the_episode(env: Env) -> None:
    begin(env, "task7_1")
    _, reward, terminated, truncated, info = env.step("I would say 5.")
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info["official"]["status"] == "agent invalid action"
    assert info["verdict"]["failure"] == "wrong_tool_use"


def test_fewer_turns_and_shorter_texts_where_asked_for(files: dict[str, Path]) -> None:
    env = make(files, max_steps=2, max_obs_chars=10)
    assert begin(env, "task7_1") == begin(make(files), "task7_1")  # the task itself is never cut
    assert env.step("GET x")[0]["text"][10:].startswith("\n[cut off here")
    assert env.step("GET x")[3]
    for wrong in ({"max_steps": 0}, {"max_obs_chars": True}):
        with pytest.raises(UsageError, match="whole number from 1"):
            make(files, **wrong)


def test_options_choose_the_task(env: Env) -> None:
    assert env.reset(seed=1, options={"family": "task9"})[1]["family"] == "task9"
    assert env.reset(seed=1, options={"difficulty": "easy"})[1]["family"] in ("task1", "task3", "task8")
    for option, said in (
        ({"case": "task4_99"}, "no official task 'task4_99'"),
        ({"case": 4}, "a case id is a text"),
        ({"family": "replace_potassium"}, "task1, task2"),
        ({"task": "task4_1"}, "case, family, difficulty"),
    ):
        with pytest.raises(UsageError, match=said):
            env.reset(options=option)


def test_a_part_of_the_categories(files: dict[str, Path]) -> None:
    made = make(files, kind="action", difficulty="hard")
    assert [family.name for family in unwrapped(made).scenario.tasks.catalogue.values()] == [
        "task5",
        "task9",
        "task10",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "task file (test_data_v2.json) and the function list (funcs_v1.json)"),
        (("functions",), "pass tasks=PATH to gymnasium.make, or set MAB_GYM_OFFICIAL_TASKS"),
        (("tasks",), "pass functions=PATH to gymnasium.make, or set MAB_GYM_OFFICIAL_FUNCTIONS"),
    ],
)
def test_what_is_missing_is_one_sentence(
    files: dict[str, Path], arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TASKS", "FUNCTIONS", "CHART"):
        monkeypatch.delenv(f"MAB_GYM_OFFICIAL_{name}", raising=False)
    with pytest.raises(UsageError) as caught:
        make({name: files[name] for name in arguments})
    assert said in str(caught.value)
    assert str(caught.value).startswith(OFFICIAL)
    assert "\n" not in str(caught.value)


def test_environment_variables_name_the_files(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAB_GYM_OFFICIAL_TASKS", str(files["tasks"]))
    monkeypatch.setenv("MAB_GYM_OFFICIAL_FUNCTIONS", str(files["functions"]))
    assert begin(make({}), "task2_1")
    with pytest.raises(UsageError, match=r"none at .*nowhere\.json: pass tasks=PATH"):
        make({"tasks": tmp_path / "nowhere.json"})
    monkeypatch.setenv("MAB_GYM_OFFICIAL_CHART", str(tmp_path / "nowhere.ndjson"))
    with pytest.raises(UsageError, match=r"nowhere\.ndjson cannot be read"):
        make({})


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([task(4, 1), task(4, 1)], r"tasks\.json, task 2 \(task4_1\): its id stands there twice"),
        ([task(4, 1), {**task(4, 2), "id": "task11_2"}], r"tasks\.json, task 2 \(task11_2\): its id is none of"),
        ([{**task(4, 1), "new": 1}], r"task 1 \(task4_1\): .*of another version"),
        ([{**task(4, 1), "context": f"It is {NOW}."}], r"task 1 \(task4_1\): its context does not name"),
    ],
)
def test_another_task_file_is_told(files: dict[str, Path], tmp_path: Path, entries: Any, said: str) -> None:
    with pytest.raises(ContentError, match=said):
        make({**files, "tasks": write_tasks(tmp_path, entries)})


def test_another_function_list_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "functions.json"
    for text, said in (('[{"name": "x"}, {}]', "function 2"), ("[]", "a function list"), ("{", "not JSON")):
        path.write_text(text)
        with pytest.raises(ContentError, match=rf"functions\.json.*{said}"):
            make({**files, "functions": path})


def test_official_tasks_are_never_drawn_and_of_no_other_protocol(files: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="cases are frozen alone"):
        make(files, cases="drawn")
    with pytest.raises(UsageError, match="ehr, official"):
        make(files, protocol="nonsense")
    with pytest.raises(UsageError, match="its reward is sparse alone"):
        make(files, reward="partial")
    with pytest.raises(UsageError, match="played as they are, not us_dates"):
        make(files).reset(seed=0, options={"variant": "us_dates"})
    with pytest.raises(UsageError, match="chart's seed"):
        make(files, chart_seed=-1)


def test_a_chart_is_a_file_of_resources_or_an_archive(files: dict[str, Path], tmp_path: Path) -> None:
    chart = stand_in(read_tasks(files["tasks"]).values(), 5)
    write_chart(chart, tmp_path / "chart.ndjson.gz")
    write_archive(tmp_path / "chart.mab", chart.tables, {})
    search = f"GET {BASE}/Observation?patient={mrn(3)}&code=MG"

    def seen(env: Env) -> str:
        begin(env, "task4_3")
        return str(env.step(search)[0]["text"])

    texts = {seen(make(files, chart=tmp_path / name)) for name in ("chart.ndjson.gz", "chart.mab")}
    assert texts == {seen(make(files, chart_seed=5))}
    assert texts != {seen(make(files))}


def test_a_running_server_may_hold_the_records(files: dict[str, Path], tmp_path: Path) -> None:
    write_chart(stand_in(read_tasks(files["tasks"]).values(), 0), tmp_path / "chart.ndjson.gz")
    with serving("--records", str(tmp_path / "chart.ndjson.gz")) as base:
        env = make(files, server=base)
        records = list(play_all(env, OfficialGold(), assignments(unwrapped(env))))
        assert [record.case for record in records if record.reward != 1.0] == []
        assert base in begin(env, "task4_3")
        file = tmp_path / "remote.toml"
        file.write_text(
            f'id = "a/Remote-v0"\n[episode]\nprotocol = "official"\nbackend = "remote"\n[remote]\nserver = "{base}"\n'
        )
        assert base in begin(MedicalRecordEnv(read_environment(file, files)), "task4_3")
    with pytest.raises(UsageError, match=r"named by server="):
        make(files, backend="remote")
    with pytest.raises(UsageError, match="not both"):
        make(files, server=base, chart=tmp_path / "chart.ndjson.gz")


# --- the agents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("agent", [OfficialGold, Oracle])
def test_gold_solves_every_task(files: dict[str, Path], agent: Any, seed: int) -> None:
    env = make(files, chart_seed=seed)
    records = list(play_all(env, agent(), assignments(unwrapped(env))))
    assert len(records) == len(all_tasks())
    assert [record.case for record in records if record.reward != 1.0] == []


@needs_official_files
@pytest.mark.parametrize("seed", [0, 1])
def test_gold_solves_the_official_three_hundred(seed: int) -> None:
    env = make_official(OFFICIAL, chart_seed=seed)
    records = list(play_all(env, OfficialGold(), assignments(unwrapped(env))))
    assert len(records) == 300
    assert [record.case for record in records if record.reward != 1.0] == []
    assert Counter(record.kind for record in records) == {"query": 150, "action": 150}
    assert violations(records).rate is None  # nobody judged that


def test_gold_solves_tasks_on_a_chart_that_no_code_has_made() -> None:
    env = make(our_official_files(), chart=OUR_OFFICIAL_FILES / "chart.ndjson")
    records = list(play_all(env, OfficialGold(), assignments(unwrapped(env))))
    assert len(records) == 74
    assert [record.case for record in records if record.reward != 1.0] == []


@needs_official_files
def test_gold_solves_them_on_a_chart_that_is_not_of_our_making() -> None:
    chart = OFFICIAL_FILES.parent / "golden" / "verdicts-chart.ndjson"
    env = make_official(OFFICIAL, chart=chart)
    assert sum(record.reward for record in play_all(env, OfficialGold(), assignments(unwrapped(env)))) == 300


def test_whoever_reads_the_first_page_alone_is_often_wrong(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solution, "PAGE", "20")
    monkeypatch.setattr(solution, "MOST_PAGES", 1)
    env = make(files)
    todo = [each for each in assignments(unwrapped(env)) if str(each.case).startswith(("task7", "task9"))]
    assert sum(record.reward for record in play_all(env, OfficialGold(), todo)) < 0.8 * len(todo)


def test_gold_turns_pages(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solution, "PAGE", "20")
    env = make(files)
    todo = [each for each in assignments(unwrapped(env)) if str(each.case).startswith("task7")]
    records = list(play_all(env, OfficialGold(), todo))
    assert [record.reward for record in records] == [1.0] * len(todo)
    assert max(record.steps for record in records) > 3


def test_gold_reads_the_messages_alone(env: Env) -> None:
    agent = OfficialGold()
    text = begin(env, "task9_2")
    agent.reset({"text": text}, {}, 0)
    observation: dict[str, Any] = {"text": text}
    over = False
    rewards: list[float] = []
    while not over:
        seen, reward, terminated, truncated, _ = env.step(agent.act(observation))
        observation, over = {"text": seen["text"]}, terminated or truncated  # no body, no status, no case
        rewards.append(float(reward))
    assert rewards[-1] == 1.0
    with pytest.raises(UsageError, match="no opening message"):
        agent.reset({"text": "hello"}, {}, 0)


def test_gold_gives_up_politely_on_a_chart_that_lacks_what_it_wants(files: dict[str, Path], tmp_path: Path) -> None:
    odd = {"resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{mrn(1)}"}}
    lines = [
        {"resourceType": "Patient", "id": mrn(1), "identifier": [{"value": mrn(1)}], "birthDate": "1960"},
        {**odd, "id": "o1", "code": {"coding": [{"code": "K"}]}, "valueQuantity": {"value": 3}},
        {**odd, "id": "o2", "code": {"coding": [{"code": "K"}]}, "effectiveDateTime": "2023-11-13", "valueString": "x"},
    ]
    path = tmp_path / "odd.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)))
    env = make(files, chart=path)
    records = list(play_all(env, OfficialGold(), assignments(unwrapped(env))))
    solved = Counter(record.family for record in records if record.reward)
    # Nobody is there: what needs no chart is right, and so is whatever is right where nothing was measured.
    assert solved["task2"] == 0
    assert solved["task3"] == solved["task8"] == 9
    assert solved["task1"] == 1


def test_environments_side_by_side_in_processes(files: dict[str, Path]) -> None:
    envs = gymnasium.vector.AsyncVectorEnv([partial(make, files)] * 2, shared_memory=False)
    _, infos = envs.reset(seed=[1, 2])
    assert infos["case"][0] != infos["case"][1]
    _, rewards, terminated, _, _ = envs.step(("FINISH([-99])", "no action"))
    assert rewards.tolist() == [0.0, 0.0]
    assert terminated.all()
    envs.close()


def test_a_blind_constant_does_better_than_nothing_and_worse_than_reading(env: Env) -> None:
    todo = assignments(unwrapped(env))
    constant = OFFICIAL_AGENTS["constant"](env, todo)
    solved = Counter[str]()
    for assignment in todo:
        record = play(env, constant, assignment)
        rules = unwrapped(env).episode.rules
        assert isinstance(rules, OfficialRules)
        assert not any("GET" in turn for turn in rules.conversation.turns)
        solved[record.family] += int(record.reward)
    instant = Counter[str]()
    for record in play_all(env, InstantFinish(), todo):
        instant[record.family] += int(record.reward)
    assert all(solved[family] >= instant[family] for family in solved)
    assert solved["task3"] == solved["task8"] == 9  # which need no reading
    assert solved["task1"] < len(PEOPLE)  # an MRN is nothing that the prompt names
    assert sum(solved.values()) < len(todo)


# --- the commands ----------------------------------------------------------------------------------------------------


def test_playing_writes_what_regrade_agrees_with(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ("--tasks", files["tasks"], "--functions", files["functions"])
    done = run("play", *given, "--out", out)
    assert done.returncode == 0, done.stderr
    total = len(all_tasks())
    assert f"{total}/{total}" in done.stdout
    for part in ("gold", "instant FINISH([])", "blind constant", "Claude 3.5 Sonnet v2", "69.67", "stand-in chart"):
        assert part in done.stdout
    missing = next(line for line in done.stdout.splitlines() if "Llama 3.3" in line)
    assert missing.count("–") == 4
    tasks = read_tasks(files["tasks"])
    backend = open_chart(out / "chart.ndjson.gz")
    rewards = {}
    for name in ("gold", "finish", "constant"):
        trajectories = read_trajectories(out / f"{name}.jsonl", tasks)
        assert [each.task for each in trajectories] == list(tasks)
        assert all(comparison.agrees for comparison in regrade(backend, tasks, trajectories))
        rewards[name] = sum(each.correct for each in trajectories)
        assert f"{rewards[name]}/{total}" in done.stdout
    assert rewards["gold"] == total > rewards["constant"] > rewards["finish"]
    told = run("regrade", "--chart", out / "chart.ndjson.gz", "--tasks", files["tasks"], out / "gold.jsonl")
    assert (told.returncode, told.stdout) == (0, f"agree {total} of {total}\n"), told.stderr
    again = run("play", *given, "--out", out, "--agent", "finish")
    assert (again.returncode, again.stdout) == (2, "")
    assert "holds finish.jsonl already" in again.stderr


def test_a_wrong_verdict_would_be_noticed(files: dict[str, Path], tmp_path: Path) -> None:
    tasks = read_tasks(files["tasks"])
    chart = stand_in(tasks.values())
    wrong = {"task": "task2_1", "actions": [finish(-5)], "status": "completed", "result": "[-5]", "correct": True}
    path = tmp_path / "wrong.jsonl"
    path.write_text(json.dumps(wrong))
    (comparison,) = regrade(chart.backend(), tasks, read_trajectories(path, tasks))
    assert not comparison.agrees
    assert replay(chart.backend(), [finish(-5)]).status == "completed"


def test_limit_takes_the_categories_in_turn(files: dict[str, Path], tmp_path: Path) -> None:
    given = {"MAB_GYM_OFFICIAL_TASKS": str(files["tasks"]), "MAB_GYM_OFFICIAL_FUNCTIONS": str(files["functions"])}
    done = run_apart("play", "--agent", "gold", "--limit", 12, "--out", tmp_path / "run", **given)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "run" / "gold.jsonl").read_text().splitlines()
    played = [json.loads(line)["task"] for line in lines]
    assert played == ["task1_1", "task1_2", "task2_1", "task2_2", *(f"task{number}_1" for number in range(3, 11))]
    assert not (tmp_path / "run" / "finish.jsonl").exists()


def test_the_chart_command(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "charts" / "chart.ndjson"
    done = run_apart("chart", "--tasks", files["tasks"], "--out", out, "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"{len(out.read_text().splitlines()):,} resources for" in done.stdout
    played = run("play", "--tasks", files["tasks"], "--functions", files["functions"], "--chart", out, "--limit", 10)
    assert played.returncode == 0, played.stderr
    assert f"here: played on {out}" in played.stdout
    assert "10/10" in played.stdout
    unreadable = write_tasks(tmp_path, [{**find(1, *PEOPLE[0], mrn(1)), "instruction": "Who?"}])
    told = run("chart", "--tasks", unreadable, "--out", tmp_path / "other.ndjson")
    assert told.returncode == 0
    assert f"{unreadable}, task1_1: no name with a date of birth can be read" in told.stderr


@pytest.mark.once
def test_bad_input_is_one_line_and_exit_code_2(files: dict[str, Path], tmp_path: Path) -> None:
    twice = write_tasks(tmp_path, [task(4, 1), task(4, 1)])
    file = tmp_path / "file"
    file.write_text("x")
    play_command = ("play", "--functions", files["functions"])
    for arguments, said in (
        ((*play_command, "--tasks", tmp_path / "none.json"), "none.json"),
        ((*play_command, "--tasks", twice), "tasks.json, task 2 (task4_1): its id stands there twice"),
        ((*play_command, "--tasks", files["tasks"], "--agent", "best"), "gold, finish, constant"),
        ((*play_command, "--tasks", files["tasks"], "--limit", 0), "whole number from 1"),
        ((*play_command, "--tasks", files["tasks"], "--chart", tmp_path / "none.ndjson"), "none.ndjson cannot be read"),
        ((*play_command, "--tasks", files["tasks"], "--chart", file), "file, line 1: not JSON"),
        ((*play_command, "--tasks", files["tasks"], "--out", file), "is a file; name a folder"),
        (("play", "--functions", file, "--tasks", files["tasks"]), "file is not JSON"),
        (("chart", "--tasks", files["tasks"], "--out", file), "is there already"),
        (("chart", "--tasks", twice, "--out", tmp_path / "c.ndjson"), "task 2 (task4_1)"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), (arguments, done.stderr)
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
