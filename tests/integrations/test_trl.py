"""TRL: real GRPO steps of a tiny model with random weights, in both forms of play, with real rewards."""

from __future__ import annotations

import json
import runpy
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mab_gym.actions import Finish, Get, Post, parse_action
from mab_gym.agents.reference import Oracle
from mab_gym.curriculum import Curriculum, arms_of
from mab_gym.env import MedicalRecordEnv
from mab_gym.errors import UsageError
from mab_gym.fine_tuning import chat
from mab_gym.records import EpisodeRecord, RunFolder, read_records
from mab_gym.rollout import Assignment, play_until_judged
from mab_gym.wrappers import StepPenalty
from tests.conftest import CANONICAL, ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("torch")
    pytest.importorskip("trl")
    import torch
    import trl
    from trl import GRPOConfig, GRPOTrainer

    from mab_gym.integrations.trl import (
        ChatTokens,
        MedicalRecordTools,
        Player,
        Rollouts,
        Start,
        Track,
        curriculum_prompts,
        environment_factory,
        episode_return,
        make_env,
        rollouts,
        sampler,
        solved,
        supervised_rows,
        task_prompts,
        unsafe,
    )

torch.set_num_threads(1)  # on a shared machine two threads wait for each other
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]
TINY = runpy.run_path(str(ROOT / "scripts" / "_tiny_model.py"))
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
CASES = ("record_blood_pressure/01", "patient_age/01", "replace_potassium/02")
FORMS = ("text", "tools")
Script = Sequence[str]


@pytest.fixture(scope="module")
def golds() -> dict[str, EpisodeRecord]:
    env = make_env(CANONICAL)
    return {case: play_until_judged(env, Oracle(), Assignment(0, case)) for case in CASES}


@pytest.fixture(scope="module")
def tokenizer(golds: Mapping[str, EpisodeRecord]) -> Any:
    made = TINY["tiny_tokenizer"]([m["content"] for record in golds.values() for m in record.messages], 1500)
    made.chat_template = (TEMPLATES / "qwen3.jinja").read_text()
    return made


@pytest.fixture
def model(tokenizer: Any) -> Any:
    return TINY["tiny_model"](tokenizer, hidden=32, layers=2, context=8192)


# --- a model that says what it is told, in place of sampling ----------------------------------------------------------


def as_call(action: str) -> str:
    """An action as Qwen 3 writes a tool call; text that is no action as it stands."""
    match parse_action(action):
        case Get(url):
            call = {"name": "get", "arguments": {"url": url}}
        case Post(url, body):
            call = {"name": "post", "arguments": {"url": url, "body": json.loads(body)}}
        case Finish(answer):
            call = {"name": "finish", "arguments": {"answer": json.loads(answer)}}
        case _:
            return action
    return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"


class Scripted:
    """Writes the turns of a script for each try, whatever the model would sample."""

    def __init__(self, tokenizer: Any, scripts: Sequence[Script], form: str = "text") -> None:
        self.tokenizer, self.form = tokenizer, form
        self.scripts = scripts
        self.left = [list(each) for each in scripts]
        self.seen: list[list[int]] = [[] for _ in scripts]

    def turns(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        if not any(self.seen) or all(not left for left in self.left):  # another batch
            self.left = [list(each) for each in self.scripts]
            self.seen = [[] for _ in self.scripts]
            places = list(range(len(prompts)))
        else:
            free = [place for place, left in enumerate(self.left) if left or self.form == "tools"]
            places = []
            for prompt in prompts:
                place = next(p for p in free if list(prompt[: len(self.seen[p])]) == self.seen[p])
                free.remove(place)
                places.append(place)
        return [self._turn(place, list(prompt)) for place, prompt in zip(places, prompts, strict=True)]

    def _turn(self, place: int, prompt: list[int]) -> list[int]:
        said = self.left[place].pop(0) if self.left[place] else "done"
        text = as_call(said) if self.form == "tools" else said
        turn = [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.tokenizer.eos_token_id]
        self.seen[place] = prompt
        return turn


def scripted_player(tokenizer: Any, scripts: Sequence[Script], **how: Any) -> Player:
    said = Scripted(tokenizer, scripts)
    how = {"budget": 8000, **how}
    return Player(lambda: make_env(CANONICAL), ChatTokens(tokenizer), lambda p, most: (said.turns(p), None), **how)


def script_for(record: EpisodeRecord, wrong: bool = False) -> Script:
    """The gold solution, or one that comes to nothing because a reading or an answer is wrong."""
    actions = list(record.actions)
    if wrong and record.family == "record_blood_pressure":  # which asks for no answer
        return [action.replace(" mmHg", " inches") for action in actions]
    return [*actions[:-1], 'FINISH(["wrong", "wrong"])'] if wrong else actions


@pytest.fixture
def train(model: Any, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def begin(
        prompts: Any, form: str = "text", *, scripts: Sequence[Script] | None = None, steps: int = 1, **how: Any
    ) -> Any:
        env, curriculum, reward = (how.pop(name, None) for name in ("env", "curriculum", "reward"))
        settings = {
            "per_device_train_batch_size": len(scripts) if scripts else 4,
            "num_generations": len(scripts) if scripts else 4,
            "max_completion_length": 6000 if scripts else 64,
            "max_steps": steps,
            "learning_rate": 1e-2,
            "lr_scheduler_type": "constant",
            "beta": 0.0,
            "report_to": "none",
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "disable_tqdm": True,
            "logging_steps": 1,
            "save_strategy": "no",
            "shuffle_dataset": False,
            **how,
        }
        parts = {"curriculum": curriculum, "reward": reward}
        trainer = GRPOTrainer(
            model,
            episode_return if form == "text" else None,
            GRPOConfig(str(tmp_path), **settings),
            prompts,
            processing_class=tokenizer,
            **(
                {"rollout_func": Rollouts(env or CANONICAL, **parts)}
                if form == "text"
                else {"environment_factory": environment_factory(env or CANONICAL, **parts)}
            ),
        )
        if scripts:
            said = Scripted(tokenizer, scripts, form)
            monkeypatch.setattr(rollouts, "_by_trainer", lambda trainer, prompts, most: (said.turns(prompts), None))
            monkeypatch.setattr(
                trainer, "_generate_single_turn", lambda prompts, *rest, **more: (said.turns(prompts), None)
            )
        return trainer

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    return begin


def of_case(case: str, form: str = "text") -> Any:
    prompts = task_prompts(CANONICAL, form=form)
    return prompts.filter(lambda row: row["case"] == case)


def weights(model: Any) -> Any:
    return torch.cat([each.detach().flatten().clone() for each in model.parameters()])


# --- a chat as tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_an_episode_has_the_same_tokens_in_a_rollout_and_in_supervised_training(
    case: str, golds: Mapping[str, EpisodeRecord], tokenizer: Any
) -> None:
    record = golds[case]
    (track,) = scripted_player(tokenizer, [record.actions]).play([Start(0, {"case": case})])
    told = chat(record)
    assert told is not None
    ids, mask = ChatTokens(tokenizer).chat(told["messages"])
    assert track.prompt_ids + track.completion_ids == ids
    assert [0] * len(track.prompt_ids) + track.env_mask == mask
    (row,) = supervised_rows([told], ChatTokens(tokenizer))
    assert row["labels"] == [token if wrote else -100 for token, wrote in zip(ids, mask, strict=True)]
    assert (track.reward, track.actions, track.ended) == (1.0, list(record.actions), True)


@pytest.mark.parametrize(
    ("template", "end"),
    [
        ("qwen2_5", "<|im_end|>"),
        ("qwen3", "<|im_end|>"),
        ("llama3_1", "<|eot_id|>"),
        ("gemma3", "<end_of_turn>"),
        ("phi3", "<|end|>"),
    ],
)
def test_chats_have_the_tokens_of_the_template(
    template: str, end: str, golds: Mapping[str, EpisodeRecord], tokenizer: Any
) -> None:
    other = TINY["tiny_tokenizer"]()
    other.add_special_tokens({"additional_special_tokens": [end], "bos_token": "<bos>"})
    other.chat_template = (TEMPLATES / f"{template}.jinja").read_text()
    told = chat(golds[CASES[0]])
    assert told is not None
    messages = told["messages"]
    ids, mask = ChatTokens(other).chat(messages)
    whole = other.apply_chat_template(messages, tokenize=False)
    written = other(whole, add_special_tokens=False)["input_ids"]
    if template != "qwen3":  # which puts empty thoughts before the last message alone
        assert written[: len(ids)] == ids
        assert not other.decode(written[len(ids) :], skip_special_tokens=True).strip()
    (closing,) = other.convert_tokens_to_ids([end])
    said = [token for token, wrote in zip(ids, mask, strict=True) if wrote]
    actions = other.decode([token if token != closing else other.eos_token_id for token in said])
    assert actions == "".join(f"{m['content']}{other.eos_token}" for m in messages if m["role"] == "assistant")


def test_a_tokenizer_without_a_template_is_refused() -> None:
    other = TINY["tiny_tokenizer"]()
    other.chat_template = None
    with pytest.raises(UsageError, match="chat template"):
        ChatTokens(other)


def test_chats_that_are_none_are_refused(tokenizer: Any) -> None:
    tokens = ChatTokens(tokenizer)
    with pytest.raises(UsageError, match="opening"):
        tokens.chat([{"role": "assistant", "content": "FINISH([])"}])
    with pytest.raises(UsageError, match="tool calls"):
        supervised_rows([{"messages": [], "tools": []}], tokens)
    with pytest.raises(UsageError, match="no chat"):
        supervised_rows([], tokens)


# --- prompts ----------------------------------------------------------------------------------------------------------


def test_prompts_are_the_openings_of_the_cases_that_rollouts_play(env: MedicalRecordEnv) -> None:
    rows = task_prompts("MedAgentBench-Train-v0", limit=5, seed=40, form="tools", families=("patient_age",))
    assert [row["seed"] for row in rows] == [40, 41, 42, 43, 44]
    assert {row["family"] for row in rows} == {"patient_age"}
    assert len({row["prompt"][-1]["content"] for row in rows}) == 5
    training = make_env("MedAgentBench-Train-v0", families=("patient_age",))
    for row in rows:
        observation, info = training.reset(seed=row["seed"], options=json.loads(row["options"]))
        assert (row["prompt"][-1]["content"], row["case"]) == (observation["text"], info["case"])
        assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert len(task_prompts(CANONICAL)) == 300
    assert len(task_prompts("MedAgentBench-v0", family="patient_age")) == 30
    for wrong in ({"env": "Nothing-v0"}, {"form": "voice"}, {"family": "nothing"}, {"limit": 0}):
        with pytest.raises(UsageError):
            task_prompts(**{"limit": 1, **wrong})  # type: ignore[arg-type]


# --- GRPO -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_grpo_learns_from_the_models_tokens_alone(
    form: str, case: str, golds: Mapping[str, EpisodeRecord], model: Any, tokenizer: Any, train: Callable[..., Any]
) -> None:
    record = golds[case]
    scripts = [script_for(record), script_for(record, wrong=True)]
    trainer = train(of_case(case, form), form, scripts=scripts)
    caught: dict[str, Any] = {}
    whole = trainer._compute_loss

    def spy(model: Any, inputs: Any) -> Any:
        caught.update(inputs)
        return whole(model, inputs)

    def keep(module: Any, given: Any, hidden: Any) -> None:
        if hidden.requires_grad:
            hidden.retain_grad()
            caught["hidden"] = hidden

    trainer._compute_loss = spy
    model.model.norm.register_forward_hook(keep)
    before = weights(model)
    trainer.train()

    # What the trainer logs is what the environment paid.
    (name,) = trainer._logs["rewards"]
    assert list(trainer._logs["rewards"][name]) == [1.0, 0.0]
    assert any(row.get("reward") == 0.5 for row in trainer.state.log_history)
    assert not torch.equal(before, weights(model))

    # The mask: 1 on what the model wrote, 0 on what it was told.
    replies = [m["content"] for m in record.messages[1:] if m["role"] == "user"]
    for place, script in enumerate(scripts):
        length = int(caught["completion_mask"][place].sum())
        ids, mask = caught["completion_ids"][place][:length], caught["tool_mask"][place][:length]
        said = tokenizer.decode(ids[mask == 1]).split(tokenizer.eos_token)
        heard = tokenizer.decode(ids[mask == 0])
        if form == "text":
            assert said[:-1] == script
        else:
            assert [each.strip() for each in said[: len(script)]] == [as_call(action) for action in script]
        for reply in replies if script == script_for(record) else ():
            assert reply.strip() in heard
            assert reply not in "".join(said)

    # No gradient comes from the prediction of a token that the model was told.
    grads = caught["hidden"].grad[:, -caught["completion_ids"].shape[1] - 1 : -1].abs().sum(-1)
    learnt = (caught["completion_mask"] * caught["tool_mask"]).bool()
    assert grads.shape == learnt.shape
    assert float(grads[~learnt].max()) == 0.0
    assert float(grads[learnt].min()) > 0.0


@pytest.mark.parametrize("form", FORMS)
def test_a_group_whose_rewards_are_equal_changes_nothing(
    form: str, golds: Mapping[str, EpisodeRecord], model: Any, train: Callable[..., Any]
) -> None:
    record = golds[CASES[0]]
    trainer = train(of_case(CASES[0], form), form, scripts=[script_for(record), script_for(record)])
    before = weights(model)
    trainer.train()
    assert torch.equal(before, weights(model))
    assert trainer.state.log_history[0]["frac_reward_zero_std"] == 1.0


@pytest.mark.parametrize("form", FORMS)
def test_partial_rewards_arrive(
    form: str, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, train: Callable[..., Any]
) -> None:
    record = golds["replace_potassium/02"]
    forgot = [*record.actions[:-2], record.actions[-1]]  # the second of two orders
    scripts = [script_for(record), forgot, ["FINISH([])"]]
    trainer = train(of_case(record.case, form), form, scripts=scripts, reward="partial")
    trainer.train()
    (name,) = trainer._logs["rewards"]
    env.reset(options={"case": record.case})
    for action in forgot:
        *_, info = env.step(action)
    credit = info["verdict"]["credit"]
    assert 0.0 < credit < 1.0
    assert list(trainer._logs["rewards"][name]) == pytest.approx([1.0, credit, 0.0])


@pytest.mark.parametrize("form", FORMS)
def test_a_random_model_plays_by_itself(form: str, train: Callable[..., Any]) -> None:
    prompts = task_prompts("MedAgentBench-Train-v0", limit=2, form=form)
    trainer = train(prompts, form, steps=2, env="MedAgentBench-Train-v0")
    trainer.train()
    logged = [row for row in trainer.state.log_history if "reward" in row]
    assert [row["reward"] for row in logged] == [0.0, 0.0]
    assert all(0 < row["completions/max_length"] <= 64 for row in logged)
    assert len(trainer._logs["prompt"]) == 4


def test_grpo_makes_the_rewarded_answer_likelier(
    golds: Mapping[str, EpisodeRecord], model: Any, tokenizer: Any, train: Callable[..., Any]
) -> None:
    """A model that says one of two ages by chance comes to say the right one."""
    record = golds["patient_age/01"]
    right = record.actions[-1]
    wrong = f"FINISH([{json.loads(right[7:-1])[0] + 1}])"
    tokens = ChatTokens(tokenizer)
    opening = record.messages[0]
    rows = [tokens.chat([opening, {"role": "assistant", "content": text}]) for text in (right, wrong)]

    def loss(ids: list[int], mask: list[int]) -> Any:
        labels = torch.tensor([[i if m else -100 for i, m in zip(ids, mask, strict=True)]])
        return model(input_ids=torch.tensor([ids]), labels=labels, num_items_in_batch=1).loss

    def likely() -> list[float]:
        with torch.no_grad():
            return [float(torch.exp(-loss(*row))) for row in rows]

    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        sum(loss(*row) for row in rows).backward()
        optimizer.step()
    before = likely()
    assert min(before) > 0.2, "both answers come"
    trainer = train(
        of_case(record.case),
        steps=15,
        per_device_train_batch_size=8,
        num_generations=8,
        learning_rate=2e-3,
        num_train_epochs=15,
    )
    trainer.train()
    after = likely()
    assert after[0] > max(0.9, before[0])
    assert after[1] < 0.1
    assert trainer.state.log_history[-2]["episodes/solved"] > 0.8


def test_a_curriculum_chooses_and_is_told(train: Callable[..., Any]) -> None:
    curriculum = Curriculum(arms_of(make_env("MedAgentBench-Train-v0")))
    prompts = curriculum_prompts(curriculum)
    trainer = train(prompts, steps=2, env="MedAgentBench-Train-v0", curriculum=curriculum)
    trainer.train()
    assert sum(record.episodes for record in curriculum.records.values()) == 8
    assert all(record.episodes in (0, 4, 8) for record in curriculum.records.values()), "a group is of one case"


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_what_does_not_fit_ends_an_episode(golds: Mapping[str, EpisodeRecord], tokenizer: Any) -> None:
    record = golds["replace_potassium/02"]
    start = [Start(0, {"case": record.case})]
    (whole,) = scripted_player(tokenizer, [record.actions]).play(start)
    for how in ({"budget": 60}, {"context": len(whole.prompt_ids) + 60}):
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


def test_a_turn_that_is_cut_off_is_the_action_that_it_is(golds: Mapping[str, EpisodeRecord], tokenizer: Any) -> None:
    record = golds["patient_age/01"]
    (track,) = scripted_player(tokenizer, [record.actions], turn=4).play([Start(0, {"case": record.case})])
    tokens = ChatTokens(tokenizer)
    assert track.actions[0] == tokens.text(track.completion_ids[:4])
    assert track.ended


def test_thoughts_are_no_part_of_an_action(golds: Mapping[str, EpisodeRecord], tokenizer: Any) -> None:
    record = golds["patient_age/01"]
    thought = [f"<think>Let me see.</think>\n\n{action}" for action in record.actions]
    start = [Start(0, {"case": record.case})]
    (track,) = scripted_player(tokenizer, [thought], thoughts_end="</think>").play(start)
    assert track.reward == 1.0
    (track,) = scripted_player(tokenizer, [thought]).play(start)
    assert track.reward == 0.0


def test_tries_of_a_group_do_not_see_one_another(golds: Mapping[str, EpisodeRecord], tokenizer: Any) -> None:
    record = golds["record_blood_pressure/01"]
    scripts = [record.actions, ["FINISH([])"], record.actions, [*record.actions[:1], *record.actions]]
    tracks = scripted_player(tokenizer, scripts).play([Start(0, {"case": record.case})] * 4)
    assert [track.reward for track in tracks] == [1.0, 0.0, 1.0, 0.0]


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


# --- records, and the script ------------------------------------------------------------------------------------------


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
    assert all(track.ended and 0 < len(track.completion_ids) <= 20 for track in tracks)
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
