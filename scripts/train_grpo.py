#!/usr/bin/env python3
"""Trains a language model by GRPO, next to supervised fine-tuning on gold solutions with the same budget.

Training begins with a warm start on the oracle's trajectories (--sft-steps). Then there are two arms: GRPO on fresh
training cases, and more supervised training, with equal numbers of optimizer steps and episodes per step. During
training and at its end, both play held-out cases of another hospital greedily, measured by the sparse verdict.

    python scripts/train_grpo.py --model tiny --families patient_age --sft-steps 100 --steps 50 --out runs/grpo
    python scripts/train_grpo.py --model Qwen/Qwen3-0.6B --device cuda --steps 200 --group 8 --out runs/grpo    # a GPU

--out receives metrics.jsonl, learning_curves.png and .svg, and runs/warm, runs/grpo, runs/sft: the held-out episodes of
each model, for `mab-gym report`. With several seeds, each has its own folder seed-N.
It needs `pip install -e '.[trl,report]'`.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

try:
    import matplotlib  # noqa: F401
    import torch
    from _exam import Exam, Watch, end_tokens
    from _learning_curves import draw, ends
    from _tiny_model import tiny_model, tiny_tokenizer
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
    from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer
except ImportError as missing:
    sys.exit(f"training needs what is missing here ({missing.name}): pip install -e '.[trl,report]'")

from mab_gym.agents._reference import Oracle
from mab_gym.curriculum import CaseSampler, Curriculum, StagedCurriculum, strata
from mab_gym.errors import MabGymError, UsageError
from mab_gym.integrations.trl import (
    ChatTokens,
    Rollouts,
    curriculum_prompts,
    episode_return,
    make_env,
    supervised_rows,
    task_prompts,
)
from mab_gym.runs._fine_tuning import chat
from mab_gym.runs._rollout import Assignment, play_until_judged

PLAIN = (
    "{% for message in messages %}{{ message['role'] }}:\n{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:\n{% endif %}"
)
"""The chat template for models without one."""
FIRST_GOLD_SEED = 1_000_000
"""The first seed of the warm start's cases; those of GRPO begin at --seed."""


def gold_chats(asked: argparse.Namespace, rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Plays the oracle on fresh training cases and returns its trajectories."""
    env, oracle = make_env(asked.env, **rules), Oracle()
    records = (play_until_judged(env, oracle, Assignment(FIRST_GOLD_SEED + each)) for each in range(asked.chats))
    return [told for record in records if record.verdict["success"] and (told := chat(record)) is not None]


def load(asked: argparse.Namespace, chats: Sequence[dict[str, Any]]) -> tuple[Any, Any]:
    """Loads the model and its tokenizer."""
    if asked.model == "tiny":
        tokenizer = tiny_tokenizer([message["content"] for each in chats for message in each["messages"]])
        return tiny_model(tokenizer, asked.seed), tokenizer
    path = Path(asked.model)
    where, how = (str(path.parent), {"gguf_file": path.name}) if path.suffix == ".gguf" else (asked.model, {})
    tokenizer = AutoTokenizer.from_pretrained(where, padding_side="left", **how)
    if not tokenizer.chat_template:
        print("the model has no chat template: a plain one is used")
        tokenizer.chat_template = PLAIN
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, **how), tokenizer


def common(asked: argparse.Namespace, steps: int, rate: float) -> dict[str, Any]:
    """Returns the common settings of the trainers, such as the number of episodes per step."""
    episodes = asked.prompts * asked.group
    micro = asked.micro_batch or episodes
    if episodes % micro:
        raise UsageError(f"--micro-batch divides the {episodes} episodes of a step")
    return {
        "output_dir": str(asked.out / "trainer"),
        "max_steps": steps,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": episodes // micro,
        "learning_rate": rate,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": asked.seed,
        "use_cpu": asked.device == "cpu",
        "bf16": asked.device != "cpu",
        "gradient_checkpointing": asked.device != "cpu",
    }


def supervise(model: Any, exam: Exam, rows: Any, steps: int, rate: float, arm: str, offset: int) -> None:
    """Trains on gold trajectories."""
    asked = exam.asked
    told = {**common(asked, steps, rate), "lr_scheduler_type": "constant_with_warmup"}
    args = SFTConfig(**told, warmup_steps=min(50, steps // 4), max_length=None, packing=False)
    watch = Watch(exam, arm, offset)
    SFTTrainer(model, args, train_dataset=rows, processing_class=exam.tokenizer, callbacks=[watch]).train()


def reinforce(model: Any, exam: Exam, steps: int) -> None:
    """Trains by GRPO."""
    asked, rules = exam.asked, {**exam.rules, "reward": exam.asked.reward}
    curriculum: CaseSampler | None = None
    if asked.curriculum == "none":
        prompts: Any = task_prompts(asked.env, limit=steps * asked.prompts, seed=asked.seed, **rules)
    else:
        branches = strata(make_env(asked.env, **rules))
        curriculum = StagedCurriculum(branches) if asked.curriculum == "staged" else Curriculum(branches)
        prompts = curriculum_prompts(curriculum, asked.env, seed=asked.seed, **rules)
    args = GRPOConfig(
        **common(asked, steps, asked.rate),
        num_generations=asked.group,
        max_completion_length=asked.budget,
        temperature=asked.temperature,
        beta=asked.beta,
        shuffle_dataset=curriculum is None,
        use_vllm=asked.vllm,
        vllm_mode="colocate",
    )
    trainer = GRPOTrainer(
        model,
        episode_return,
        args,
        prompts,
        processing_class=exam.tokenizer,
        rollout_func=Rollouts(asked.env, turn=asked.turn, curriculum=curriculum, **rules),
        callbacks=[Watch(exam, "grpo")],
    )
    trainer.train()


def run(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs the whole study for one seed; returns the measurements."""
    set_seed(asked.seed)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    asked.out.mkdir(parents=True, exist_ok=True)
    if any(asked.out.iterdir()):
        raise UsageError(f"{asked.out} is not empty; name another folder")
    rules = {"families": tuple(asked.families) or None, "max_obs_chars": asked.max_obs_chars}
    chats = gold_chats(asked, rules)
    model, tokenizer = load(asked, chats)
    model.to(asked.device)
    exam = Exam(asked, rules, tokenizer)
    tokens = ChatTokens(tokenizer, end_tokens(model, tokenizer))
    rows = supervised_rows(chats, tokens, asked.longest)
    lengths = [len(row) for row in rows["input_ids"]]
    weights = sum(each.numel() for each in model.parameters())
    told = {"gold": len(rows), "mean_tokens": sum(lengths) / len(lengths), "weights": weights}
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(asked).items()}
    exam.note("settings", "", 0, **told, settings=settings, device=str(model.device))
    print(
        f"{weights:,} weights; {len(rows)} gold trajectories of {told['mean_tokens']:.0f} tokens on average", flush=True
    )
    exam.sit(model, "warm", -asked.sft_steps)
    if asked.sft_steps:
        warm = supervised_rows(chats, tokens, asked.longest, asked.told, asked.seed) if asked.told else rows
        supervise(model, exam, warm, asked.sft_steps, asked.sft_rate, "warm", -asked.sft_steps)
    exam.keep(model, "warm")
    start = copy.deepcopy(model.state_dict())
    if asked.steps:
        reinforce(model, exam, asked.steps)
        exam.keep(model, "grpo")
        model.save_pretrained(asked.out / "model")
        tokenizer.save_pretrained(asked.out / "model")
        model.load_state_dict(start)
        supervise(model, exam, rows, asked.steps, asked.arm_rate or asked.sft_rate, "sft", 0)
        exam.keep(model, "sft")
    draw([exam.rows], asked.out / "learning_curves", title_of(exam.rows))
    return exam.rows


def title_of(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the title of the plot: the model and its training cases."""
    told, settings = rows[0], rows[0]["settings"]
    name, families = Path(settings["model"]).name, ", ".join(settings["families"]) or "all families"
    return f"{name}, {told['weights'] / 1e6:.1f} M weights, {settings['reward']} reward: {families}"


def run_all(asked: argparse.Namespace) -> None:
    """Runs the study for each seed, each in its own folder if there are several."""
    seeds, out = list(dict.fromkeys(asked.seed)), asked.out
    runs = []
    for seed in seeds:
        folder = out if len(seeds) == 1 else out / f"seed-{seed}"
        runs.append(run(argparse.Namespace(**{**vars(asked), "seed": seed, "out": folder})))
    if len(runs) > 1:
        draw(runs, out / "learning_curves", f"{title_of(runs[0])}; {len(runs)} seeds")
        print(ends(runs))


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", default="tiny", help="tiny (random weights), a model's folder or name, or a .gguf file")
    add("--out", type=Path, required=True, help="an empty or new folder")
    add("--env", default="MedAgentBench-Train-v0", help="where to train")
    add("--held-out", default="MedAgentBench-Validation-v0", help="where to measure: other people, fixed cases")
    add("--families", nargs="*", default=[], help="only these task families (all)")
    add("--steps", type=int, default=100, help="optimizer steps of GRPO, and of the supervised arm (100)")
    add("--sft-steps", type=int, default=0, help="optimizer steps of the common warm start (0)")
    add(
        "--told", type=float, default=0.0, help="share of the replies' tokens learnt in it, too: for random weights (0)"
    )
    add("--group", type=int, default=8, help="tries of a case (8)")
    add("--prompts", type=int, default=4, help="cases a step (4)")
    add("--micro-batch", type=int, help="episodes at once in a backward pass (all of a step)")
    add("--reward", choices=("sparse", "partial"), default="sparse")
    add("--curriculum", choices=("none", "staged", "adaptive"), default="none")
    add("--rate", type=float, default=1e-6, help="GRPO's learning rate (1e-6)")
    add("--sft-rate", type=float, default=1e-5, help="learning rate of the warm start (1e-5)")
    add("--arm-rate", type=float, help="learning rate of the supervised arm (the warm start's)")
    add("--beta", type=float, default=0.0, help="weight of the divergence from the warm start (0)")
    add("--temperature", type=float, default=1.0)
    add("--chats", type=int, default=500, help="gold trajectories (500)")
    add("--longest", type=int, help="leaves out gold trajectories of more tokens")
    add("--budget", type=int, default=2048, help="tokens of an episode after its opening, replies included (2048)")
    add("--turn", type=int, default=512, help="tokens of one message (512)")
    add("--max-obs-chars", type=int, help="cuts replies off")
    add("--eval-every", type=int, default=20, help="optimizer steps between looks at held-out cases (20)")
    add("--eval-limit", type=int, help="held-out cases of each family on the way (all)")
    add("--final-limit", type=int, help="held-out cases of each family that each model's run folder holds (all)")
    add("--eval-batch", type=int, default=32, help="held-out episodes played at once (32)")
    add("--threads", type=int, help="of the CPU (torch's choice; 1 is quicker where others compute, too)")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--vllm", action="store_true", help="GRPO samples by vLLM, in the same process (untested here)")
    add("--seed", type=int, nargs="+", default=[0], help="several: one run each, and their curves together (0)")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        run_all(arguments())
    except MabGymError as error:
        sys.exit(str(error))
