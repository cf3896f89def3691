"""The environments in verl: its own worker with a scripted server, and the batch that it gives the trainer."""

from __future__ import annotations

import asyncio
import json
import runpy
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.runs._records import EpisodeRecord
from tests.conftest import ROOT
from tests.integrations.scripts import BASE, FORMS, PLAYED, SCRIPTS, half_right, own_record, qwen_call, told_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("verl")
    import numpy as np
    import torch
    import verl
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf
    from transformers import AutoTokenizer, Qwen3Config
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker
    from verl.protocol import DataProto
    from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn
    from verl.workers.rollout.replica import TokenOutput

    from mab_gym.integrations.verl import dataset

pytestmark = [pytest.mark.filterwarnings("ignore")]
torch.set_num_threads(1)
TINY = runpy.run_path(str(ROOT / "scripts" / "_tiny_model.py"))
END = "<|im_end|>"
LOOK = f"GET {BASE}/Patient?_count=1"
TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Script = Sequence[str]


class Server:
    """The server of a model that writes the next turn of a script, one script for each opening message in turn."""

    def __init__(self, tokenizer: Any, scripts: Mapping[str, Sequence[Script]], **said: Any) -> None:
        self._tokenizer, self._said = tokenizer, said
        self._scripts = {opening: list(each) for opening, each in scripts.items()}
        self._left: dict[str, list[str]] = {}
        self._known: dict[str, list[int]] = {}
        self.asked: list[dict[str, Any]] = []

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any], **more: Any
    ) -> TokenOutput:
        self.asked.append({"ids": list(prompt_ids), **sampling_params})
        known = self._known.get(request_id, [])
        assert prompt_ids[: len(known)] == known, "earlier tokens, those of the model too, stay as they are"
        if request_id not in self._left:
            prompt = self._tokenizer.decode(prompt_ids)
            opening = next(each for each in self._scripts if each in prompt)
            scripts = self._scripts[opening]
            self._left[request_id] = list(scripts.pop(0) if len(scripts) > 1 else scripts[0])
        turn = [*self._tokenizer.encode(self._left[request_id].pop(0), add_special_tokens=False)]
        turn = [*turn, self._tokenizer.eos_token_id][: sampling_params["max_tokens"]]
        self._known[request_id] = [*prompt_ids, *turn]
        return TokenOutput(token_ids=turn, log_probs=[-0.5] * len(turn), stop_reason="completed", **self._said)


@pytest.fixture(scope="module")
def model(golds: Mapping[str, EpisodeRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    cases = ("record_blood_pressure/01", "patient_age/01", "replace_potassium/02")
    made = TINY["tiny_tokenizer"]([m["content"] for case in cases for m in golds[case].messages], 1500)
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
    Qwen3Config(vocab_size=len(made), architectures=["Qwen3ForCausalLM"]).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def canonical() -> dict[str, dict[str, Any]]:
    return {row["extra_info"]["case"]: row for row in dataset("MedAgentBench-v0")}


@pytest.fixture
def servers() -> list[Server]:
    """The servers that were asked."""
    return []


@pytest.fixture
def play(model: Path, tmp_path: Path, servers: list[Server]) -> Callable[..., Any]:
    """Lets verl's worker play rows, each with a script; the batch, as the trainer gets it, and the server."""

    def batch(rows: Sequence[Mapping[str, Any]], scripts: Sequence[Script], **how: Any) -> tuple[Any, Server]:
        said = how.pop("said", {})
        own = ("reward", "reading", "max_steps", "retries")
        loop: dict[str, Any] = {name: how.pop(name) for name in own if name in how}
        named: dict[str, Any] = {"name": "mab_gym", "_target_": "mab_gym.integrations.verl.MedicalRecordAgentLoop"}
        named |= loop
        OmegaConf.save(OmegaConf.create([named]), tmp_path / "loops.yaml")
        (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        settings = {
            "actor_rollout_ref.model.path": model,
            "actor_rollout_ref.rollout.name": "vllm",
            "actor_rollout_ref.rollout.agent.agent_loop_config_path": tmp_path / "loops.yaml",
            "actor_rollout_ref.rollout.calculate_log_probs": True,
            "actor_rollout_ref.rollout.prompt_length": 4000,
            "actor_rollout_ref.rollout.response_length": 8000,
            "data.max_prompt_length": 4000,
            "data.filter_overlong_prompts_workers": 1,
            **how,
        }
        with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
            config = compose("ppo_trainer", [f"{name}={value}" for name, value in settings.items()])
        tokenizer = AutoTokenizer.from_pretrained(model)
        turns: dict[str, list[Script]] = {}
        for row, script in zip(rows, scripts, strict=True):
            turns.setdefault(row["prompt"][-1]["content"], []).append(script)
        server = Server(tokenizer, turns, **said)
        servers.append(server)
        worker = AgentLoopWorker(config, llm_client=server)
        kept = {**config.data, "cache_dir": str(tmp_path / "cache")}
        read = RLHFDataset(str(tmp_path / "rows.jsonl"), tokenizer, OmegaConf.create(kept))
        proto = DataProto.from_single_dict(collate_fn([read[place] for place in range(len(read))]))
        proto.non_tensor_batch["priority"] = np.arange(len(read))
        return asyncio.run(worker.generate_sequences(proto)), server

    return batch


def pieces(batch: Any, place: int, tokenizer: Any) -> list[tuple[str, str]]:
    """The parts of a response by turns, of the model and of the environment, as texts; padding left out."""
    seen = batch.batch["attention_mask"][place].bool()
    width = batch.batch["prompts"].shape[1]
    ids = batch.batch["responses"][place][seen[width:]].tolist()
    mask = batch.batch["response_mask"][place][seen[width:]].tolist()
    assert not batch.batch["response_mask"][place][~seen[width:]].any()
    logprobs = batch.batch["rollout_log_probs"][place][: len(ids)].tolist()
    assert logprobs == [-0.5 if wrote else 0.0 for wrote in mask]
    found: list[tuple[str, list[int]]] = []
    for token, wrote in zip(ids, mask, strict=True):
        who = "model" if wrote else "environment"
        if not found or found[-1][0] != who:
            found.append((who, []))
        found[-1][1].append(token)
    return [(who, tokenizer.decode(each)) for who, each in found]


def chat(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The same parts from the conversation that the project's own rollout keeps."""
    return [
        ("model", f"{message['content']}{END}")
        if message["role"] == "assistant"
        else ("environment", f"\n<|im_start|>user\n{message['content']}{END}\n<|im_start|>assistant\n")
        for message in messages[1:]
    ]


def scores(batch: Any) -> list[float]:
    return [round(each, 6) for each in batch.batch["rm_scores"].sum(-1).tolist()]


def the_tokenizer(model: Path) -> Any:
    return AutoTokenizer.from_pretrained(model)


def test_the_models_tokens_and_only_they_are_learnt(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any], play: Any, model: Path
) -> None:
    cases = ["replace_potassium/02", "record_blood_pressure/01", "patient_age/01"]
    batch, _ = play([canonical[case] for case in cases], [golds[case].actions for case in cases])
    tokenizer = the_tokenizer(model)
    assert scores(batch) == [1.0, 1.0, 1.0]
    for place, case in enumerate(cases):
        found = pieces(batch, place, tokenizer)
        assert [text for who, text in found if who == "model"] == [f"{each}{END}" for each in golds[case].actions]
        assert found == chat(golds[case].messages)[: len(found)]
        width = batch.batch["prompts"].shape[1]
        prompt = batch.batch["prompts"][place][batch.batch["attention_mask"][place][:width].bool()]
        opening = golds[case].messages[0]["content"]
        assert tokenizer.decode(prompt) == f"<|im_start|>user\n{opening}{END}\n<|im_start|>assistant\n"
        # The score stands at the last token.
        assert batch.batch["rm_scores"][place].nonzero().tolist() == [
            [int(batch.batch["attention_mask"][place][width:].sum()) - 1]
        ]
        assert batch.non_tensor_batch["__num_turns__"][place] >= 2 * len(golds[case].actions)


def test_thoughts_are_learnt_and_are_no_part_of_an_action(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any], play: Any, model: Path
) -> None:
    gold = golds["replace_potassium/02"]
    thought = [f"<think>\nStep {n}.\n</think>\n\n{action}" for n, action in enumerate(gold.actions)]
    batch, _ = play([canonical[gold.case]], [thought])
    assert scores(batch) == [1.0]
    found = pieces(batch, 0, the_tokenizer(model))
    assert [text for who, text in found if who == "model"] == [f"{said}{END}" for said in thought]
    batch, _ = play([canonical[gold.case]], [thought], reading="strict")
    assert (scores(batch), batch.non_tensor_batch["verdict"][0]) == ([0.0], "wrong_tool_use")


def test_the_same_actions_have_the_same_verdicts(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any], play: Any, env: MedicalRecordEnv, model: Path
) -> None:
    told = told_of(golds)
    assert len(told) == 10 * len(SCRIPTS)
    room = {"actor_rollout_ref.rollout.response_length": 40_000}
    batch, _ = play([canonical[case] for case in told], list(told.values()), **room)
    tokenizer = the_tokenizer(model)
    for place, (case, actions) in enumerate(told.items()):
        record = own_record(env, case, actions)
        failure = "solved" if record.verdict["success"] else record.verdict["failure"]
        assert batch.non_tensor_batch["case"][place] == case
        assert batch.non_tensor_batch["verdict"][place] == failure, case
        assert scores(batch)[place] == record.reward
        info = {name: batch.non_tensor_batch[name][place] for name in ("solved", "credit", "unsafe", "steps")}
        assert info == {
            "solved": record.verdict["success"],
            "credit": record.verdict["credit"],
            "unsafe": record.verdict["unsafe"],
            "steps": record.steps,
        }
        assert pieces(batch, place, tokenizer) == chat(record.messages)[: 2 * len(record.actions) - 1]
    assert batch.meta_info["reward_extra_keys"] == ["solved", "credit", "unsafe", "steps"]


@pytest.mark.parametrize("form", FORMS)
def test_stays_and_casework_come_to_the_same(
    form: str, living: Mapping[str, Mapping[str, EpisodeRecord]], play: Any, model: Path
) -> None:
    tokenizer = the_tokenizer(model)
    room = {
        "actor_rollout_ref.rollout.prompt_length": 8_000,
        "data.max_prompt_length": 8_000,
        "actor_rollout_ref.rollout.response_length": 600_000,
    }
    rows = [next(dataset(env_id, form, family=case.partition("/")[0], limit=1)) for env_id, case in PLAYED]
    records = [living[form][case] for _, case in PLAYED]
    actions = [living["text"][case].actions for _, case in PLAYED]
    scripts = actions if form == "text" else [[qwen_call(action) for action in each] for each in actions]
    batch, server = play(rows, scripts, **room)
    for place, record in enumerate(records):
        assert (record.verdict["success"], record.verdict["credit"]) == (True, 1.0)
        assert batch.non_tensor_batch["case"][place] == record.case
        assert (scores(batch)[place], batch.non_tensor_batch["verdict"][place]) == (record.reward, "solved")
        info = {name: batch.non_tensor_batch[name][place] for name in ("solved", "credit", "unsafe", "steps")}
        assert info == {"solved": 1.0, "credit": 1.0, "unsafe": 0.0, "steps": record.steps}
        found = pieces(batch, place, tokenizer)
        assert [text for who, text in found if who == "model"] == [f"{said}{END}" for said in scripts[place]]
        if form == "text":
            assert found == chat(record.messages)[: 2 * len(record.actions) - 1]
    if form == "tools":
        prompt = tokenizer.decode(server.asked[0]["ids"])
        assert all(f'"name": "{name}"' in prompt for name in ("put", "patch", "delete", "finish"))


def test_models_play_by_tool_calls(golds: Mapping[str, EpisodeRecord], play: Any, model: Path) -> None:
    gold = golds["replace_potassium/02"]
    (row,) = [each for each in dataset("MedAgentBench-v0", form="tools") if each["extra_info"]["case"] == gold.case]
    calls = [qwen_call(action) for action in gold.actions]
    unknown = '<tool_call>\n{"name": "delete", "arguments": {}}\n</tool_call>'
    scripts = [calls, [unknown, *calls], ["\n".join(calls[:2]), *calls[2:]]]
    batch, server = play([row] * 3, scripts)
    tokenizer = the_tokenizer(model)
    assert scores(batch) == [1.0] * 3
    for place, script in enumerate(scripts):
        found = pieces(batch, place, tokenizer)
        assert [text for who, text in found if who == "model"] == [f"{said}{END}" for said in script]
        assert found[1][1].startswith("\n<|im_start|>tool\n")
    assert found[1][1].count("<|im_start|>tool") == 2, "two calls in one message have two replies"
    assert '"name": "finish"' in tokenizer.decode(server.asked[0]["ids"])


def test_an_episode_that_does_not_fit_ends_with_a_verdict(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any], play: Any, model: Path
) -> None:
    gold, tokenizer = golds["replace_potassium/02"], the_tokenizer(model)
    row = canonical[gold.case]
    whole = chat(gold.messages)
    sizes = [len(tokenizer.encode(text, add_special_tokens=False)) for _, text in whole]

    def ends(length: int, script: Script = gold.actions, **how: Any) -> list[tuple[str, str]]:
        batch, _ = play([row], [script], **{"actor_rollout_ref.rollout.response_length": length, **how})
        assert (scores(batch), batch.non_tensor_batch["verdict"][0]) == ([0.0], "context_limit")
        return pieces(batch, 0, tokenizer)

    assert ends(sum(sizes[:4]) - 1) == whole[:3], "the second reply does not fit"
    assert ends(sum(sizes[:4])) == whole[:3], "it leaves no room for an answer"
    assert ends(sum(sizes[:3])) == whole[:3], "the second turn just fits, and is taken"
    cut = ends(sum(sizes[:2]) + 5)
    assert cut[:2] == whole[:2]
    assert whole[2][1].startswith(cut[2][1])
    assert len(tokenizer.encode(cut[2][1], add_special_tokens=False)) == 5
    assert ends(8000, [LOOK] * 9, **{"actor_rollout_ref.rollout.multi_turn.max_assistant_turns": 3})[-1][0] == "model"
    with pytest.raises(UsageError, match="prompt_length"):
        play([row], [gold.actions], **{"actor_rollout_ref.rollout.prompt_length": 50})


def test_rewards_are_the_environments_own(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any], play: Any
) -> None:
    gold = golds["latest_glucose/05"]
    batch, _ = play([canonical[gold.case]], [half_right(gold.actions)], reward="partial")
    assert 0 < scores(batch)[0] < 1
    batch, _ = play([canonical[gold.case]] * 3, [gold.actions, ["FINISH([])"], gold.actions])
    assert scores(batch) == [1.0, 0.0, 1.0]


def test_rows_are_fresh_and_tell_no_answer(play: Any) -> None:
    rows = list(dataset(limit=20))
    assert len({json.dumps(row["prompt"]) for row in rows}) > 15
    assert {row["agent_name"] for row in rows} == {"mab_gym"}
    assert [row["extra_info"]["index"] for row in rows] == list(range(20))
    assert len({tuple(row["extra_info"]["options"]) for row in rows}) == 1
    assert len(list(dataset(family="patient_age", variant="by_name", limit=3))) == 3
    batch, _ = play(rows[:2], [[""], ["FINISH([])"]])
    assert list(batch.non_tensor_batch["steps"]) == [1, 1]


def test_what_is_wrong_is_told(canonical: Mapping[str, Any], play: Any, nobody_there: str) -> None:
    row = canonical["patient_age/04"]
    with pytest.raises(UsageError, match="extra_info"):
        play([{**row, "extra_info": {"index": 0}}], [[""]])
    with pytest.raises(UsageError, match="another task"):
        play([{**row, "prompt": [{"role": "user", "content": "Say hello."}]}], [[""]])
    with pytest.raises(UsageError, match="another task"):
        play([row], [[""]], max_steps=3)


def test_a_failed_record_system_is_no_reward(play: Any, nobody_there: str, servers: list[Server]) -> None:
    (row,) = dataset(nobody_there, limit=1)
    base = row["prompt"][0]["content"].split("Its base address is ")[1].split(" ")[0].rstrip(".")
    with pytest.raises(InfrastructureError):
        play([row], [[f"GET {base}/Patient"]], retries=1)
    assert len(servers[0].asked) == 2, "it was played again"


def test_the_server_is_told_how_much_fits_and_its_numbers_are_kept(
    golds: Mapping[str, EpisodeRecord], canonical: Mapping[str, Any], play: Any
) -> None:
    gold = golds["patient_age/01"]
    said = {"num_preempted": 1, "extra_fields": {"min_global_steps": 3, "max_global_steps": 3}}
    batch, server = play([canonical[gold.case]], [gold.actions], said=said)
    first, second = server.asked
    assert (first["max_tokens"], first["temperature"]) == (8000, 1.0)
    assert second["max_tokens"] == 8000 - (len(second["ids"]) - len(first["ids"]))
    assert batch.meta_info["metrics"][0]["num_preempted"] == 2
    assert batch.non_tensor_batch["max_global_steps"][0] == 3
