"""Episodes as tokens and by tools: what can go wrong, records; and the training script."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mab_gym.errors import UsageError
from mab_gym.runs._records import EpisodeRecord, RunFolder, read_records
from mab_gym.wrappers import StepPenalty
from tests import replies
from tests.conftest import CANONICAL, ROOT
from tests.evaluation.scripted import call_of
from tests.integrations.scripts import LIVING, PLAYED, check_solved

pytest.importorskip("tests.integrations.trl.scripted")  # which skips all where TRL is missing

from transformers.utils import get_json_schema

from mab_gym.integrations.trl import (
    ChatTokens,
    MedicalRecordTools,
    Player,
    Start,
    Track,
    episode_return,
    make_env,
    sampler,
    solved,
    task_prompts,
    unsafe,
)
from tests.integrations.trl.scripted import (
    CASES,
    MARKS,
    of_case,
    scripted_player,
)

pytestmark = MARKS


def test_what_does_not_fit_ends_an_episode(golds: Mapping[str, EpisodeRecord], tokenizer: Any) -> None:
    record = golds["replace_potassium/02"]
    start = [Start(0, {"case": record.case})]
    (whole,) = scripted_player(tokenizer, [record.actions]).play(start)
    limits: tuple[dict[str, Any], ...] = ({"budget": 60}, {"context": len(whole.prompt_ids) + 60})
    for how in limits:
        (track,) = scripted_player(tokenizer, [record.actions], **how).play(start)
        assert (track.reward, track.terminated, track.truncated) == (0.0, False, True)
        assert len(track.completion_ids) <= 60
        assert track.context_limit is not None
        assert track.info["verdict"]["failure"] == "context_limit"
        assert track.completion_ids == whole.completion_ids[: len(track.completion_ids)]
    (track,) = scripted_player(tokenizer, [record.actions], budget=3).play(start)
    assert track.context_limit is not None
    assert (track.actions, len(track.completion_ids)) == ([], 3)
    (track,) = scripted_player(tokenizer, [record.actions], context=5).play(start)
    assert (track.actions, track.completion_ids) == ([], [])


def test_an_address_that_is_cut_off_is_no_action_and_by_the_strict_rule_the_action_that_it_is(
    golds: Mapping[str, EpisodeRecord], tokenizer: Any
) -> None:
    """By the lenient rule it might have gone on, so it is not sent."""
    record = golds["patient_age/01"]
    for reading, cause in ((None, "length"), ("strict", None)):
        player = scripted_player(tokenizer, [record.actions], turn=4, reading=reading)
        (track,) = player.play([Start(0, {"case": record.case})])
        said = ChatTokens(tokenizer).text(track.completion_ids[:4])
        assert (track.actions[0] == said) == (reading == "strict")
        assert (track.over, track.cause) == (True, cause)


def test_thoughts_are_no_part_of_an_action(golds: Mapping[str, EpisodeRecord], tokenizer: Any) -> None:
    record = golds["patient_age/01"]
    thought = [f"<think>Let me see.</think>\n\n{action}" for action in record.actions]
    start = [Start(0, {"case": record.case})]
    (track,) = scripted_player(tokenizer, [thought]).play(start)
    assert track.reward == 1.0
    (track,) = scripted_player(tokenizer, [thought], reading="strict").play(start)
    assert track.reward == 0.0


def test_what_models_write_means_the_same_as_elsewhere(tokenizer: Any) -> None:
    """But for texts that are no Unicode, which no tokens are, and a story that fills any context."""
    texts = [
        kind
        for kind in replies.kinds_for("text", broken_text=False)
        if kind in replies.TEXTS and replies.LONG not in str(kind.writes(replies.EXAMPLE)["content"])
    ]
    for hand in replies.dealt(texts):
        scripts = [[message["content"] for message in kind.script(gold.actions)] for kind, gold in hand.values()]
        player = scripted_player(tokenizer, scripts, budget=30_000)
        tracks = player.play([Start(0, {"case": case}) for case in hand])
        replies.check(hand, {track.case.id: replies.of(track.record("x")) for track in tracks})


def test_tries_of_a_group_do_not_see_one_another(golds: Mapping[str, EpisodeRecord], tokenizer: Any) -> None:
    record = golds["record_blood_pressure/01"]
    scripts = [record.actions, ["FINISH([])"], record.actions, [*record.actions[:1], *record.actions]]
    tracks = scripted_player(tokenizer, scripts).play([Start(0, {"case": record.case})] * 4)
    assert [track.reward for track in tracks] == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("env_id", LIVING)
def test_stays_and_casework_come_to_the_same(
    env_id: str, living: Mapping[str, Mapping[str, EpisodeRecord]], tokenizer: Any
) -> None:
    records = [living["text"][case] for case in LIVING[env_id]]
    player = scripted_player(tokenizer, [record.actions for record in records], env=env_id, budget=2_000_000)
    tracks = player.play([Start(0, {"case": record.case}) for record in records])
    tokens = ChatTokens(tokenizer)
    for record, track in zip(records, tracks, strict=True):
        check_solved(record, track.info["verdict"], track.reward, track.actions)
        assert track.messages == list(record.messages)
        assert tokens.chat(track.messages)[1].count(1) == track.env_mask.count(1)


@pytest.mark.parametrize(("env_id", "case"), PLAYED)
def test_stays_and_casework_come_to_the_same_by_tools(
    env_id: str, case: str, living: Mapping[str, Mapping[str, EpisodeRecord]], train: Callable[..., Any]
) -> None:
    record = living["tools"][case]
    prompts = task_prompts(env_id, family=record.family, limit=1, form="tools")
    assert "put, patch, delete and finish" in prompts[0]["prompt"][0]["content"].lower()
    trainer = train(prompts, "tools", env=env_id)
    tools = {tool.__name__: tool for tool in trainer.tools}
    assert sorted(tools) == ["delete", "finish", "get", "patch", "post", "put"]
    described = {name: get_json_schema(tool)["function"]["parameters"] for name, tool in tools.items()}
    assert described["patch"]["properties"]["body"]["type"] == "array"
    assert described["delete"]["required"] == ["url"]
    episode = tools["get"].__self__
    episode.reset(**prompts[0])
    told = []
    for action in living["text"][case].actions:
        name, arguments = call_of(action) or ("", {})
        told.append(tools[name](**arguments))
    check_solved(record, episode.outcome["verdict"], episode.get_reward(), episode.actions)
    heard = [message["content"] for message in record.messages if message["role"] == "tool"]
    assert told[:-1] == heard[: len(told) - 1]


def test_tools_end_with_the_episode(golds: Mapping[str, EpisodeRecord]) -> None:
    tools = MedicalRecordTools(lambda: StepPenalty(make_env(CANONICAL), 0.1))
    gold = golds["patient_age/01"]
    row = of_case("patient_age/01", "tools")[0]
    tools.reset(**row)
    assert tools.get(gold.actions[0].removeprefix("GET ")) == gold.messages[2]["content"]
    assert "ended" in tools.finish(json.loads(gold.actions[1][7:-1]))
    assert "ended" in tools.get("http://localhost:8080/fhir/Patient")
    assert tools.get_reward() == pytest.approx(0.8)
    assert list(tools.actions) == list(gold.actions)
    tools.reset(**row)
    assert tools.get_reward() == 0.0, "nothing was finished"
    assert tools.outcome["verdict"]["failure"] == "context_limit"
    with pytest.raises(UsageError, match="task_prompts"):
        tools.reset(prompt=[])


def test_prompts_of_another_origin_are_refused(train: Callable[..., Any]) -> None:
    from datasets import Dataset

    prompts = Dataset.from_list([{"prompt": [{"role": "user", "content": "How are you?"}]}] * 4)
    with pytest.raises(UsageError, match="task_prompts"):
        train(prompts).train()
    with pytest.raises(UsageError, match="environment_factory"):
        episode_return(prompts=[], completions=[])


def test_what_the_record_system_spoils_has_no_reward() -> None:
    verdict = {"success": False, "unsafe": True}
    spoiled = {"reward": 0.0, "verdict": verdict, "cost": 1.0, "steps": 2, "infrastructure_error": "gone"}
    played = {**spoiled, "infrastructure_error": None}
    told: dict[str, float] = {}
    assert episode_return([spoiled, played], log_metric=told.__setitem__) == [None, 0.0]
    assert told == {"episodes/solved": 0.0, "episodes/unsafe": 1.0, "episodes/steps": 2.0}
    assert (solved([spoiled, played]), unsafe([spoiled, played])) == ([None, 0.0], [None, -1.0])


def test_episodes_become_records(golds: Mapping[str, EpisodeRecord], tokenizer: Any, tmp_path: Path) -> None:
    gold = golds["patient_age/01"]
    (track,) = scripted_player(tokenizer, [gold.actions]).play([Start(0, {"case": gold.case})])
    record = track.record("tiny")
    for name in ("env", "case", "family", "branch", "kind", "difficulty", "reward", "steps", "terminated", "verdict"):
        assert getattr(record, name) == getattr(gold, name), name
    assert record.messages == gold.messages
    with RunFolder(tmp_path / "run", {"env": record.env}) as folder:
        folder.add(record)
    (read,) = read_records(tmp_path / "run")
    assert read["actions"] == list(gold.actions)


def test_a_model_plays_outside_of_a_trainer(model: Any, tokenizer: Any) -> None:
    tokens = ChatTokens(tokenizer)
    player = Player(lambda: make_env(CANONICAL), tokens, sampler(model, tokens.ends, do_sample=False), budget=20)
    tracks: list[Track] = player.play([Start(0, {"case": case}) for case in CASES])
    assert all(track.over and 0 < len(track.completion_ids) <= 20 for track in tracks)
    again = player.play([Start(0, {"case": case}) for case in CASES])
    assert [track.completion_ids for track in again] == [track.completion_ids for track in tracks]


def test_the_script_trains_and_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    told = (
        "--model tiny --steps 2 --sft-steps 1 --group 2 --prompts 2 --chats 30 --families patient_age --eval-limit 1 "
        "--eval-every 1 --turn 20 --budget 700 --rate 1e-3 --sft-rate 1e-3 --device cpu --curriculum adaptive"
    )
    monkeypatch.setattr(sys, "argv", ["train_grpo.py", *told.split(), "--out", str(out)])
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    runpy.run_path(str(ROOT / "scripts" / "train_grpo.py"), run_name="__main__")
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    held_out = [(row["arm"], row["step"]) for row in rows if row["what"] == "held-out"]
    assert held_out == [("warm", -1), ("warm", 0), ("grpo", 1), ("grpo", 2), ("sft", 1), ("sft", 2)]
    assert sum("reward" in row for row in rows) == 2
    assert (out / "learning_curves.png").stat().st_size > 1000
    for arm in ("warm", "grpo", "sft"):
        assert len(list(read_records(out / "runs" / arm))) == 30
    monkeypatch.setattr(sys, "argv", ["train_grpo.py", "--out", str(out)])
    with pytest.raises(SystemExit, match="not empty"):
        runpy.run_path(str(ROOT / "scripts" / "train_grpo.py"), run_name="__main__")
    both = tmp_path / "both"
    few = [*told.split(), "--final-limit", "1", "--seed", "3", "4", "--out", str(both)]
    monkeypatch.setattr(sys, "argv", ["train_grpo.py", *few])
    runpy.run_path(str(ROOT / "scripts" / "train_grpo.py"), run_name="__main__")
    assert sorted(path.name for path in both.iterdir()) == [
        "learning_curves.png", "learning_curves.svg", "seed-3", "seed-4",
    ]  # fmt: skip
    table = [line.split() for line in capsys.readouterr().out.splitlines()[-4:]]
    assert [line[0] for line in table] == ["seed", "3", "4", "mean"]
    assert {len(line) for line in table} == {4}
