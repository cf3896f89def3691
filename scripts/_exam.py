"""Held-out cases for `train_grpo.py`: the model plays them during training and at its end."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

import mab_gym
from mab_gym.integrations.trl import ChatTokens, Player, Start, Track, make_env, sampler
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import RunFolder
from mab_gym.runs._rollout import assignments
from mab_gym.runs._statistics import wilson


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    told = model.generation_config.eos_token_id
    return [*(told if isinstance(told, list) else [told] if told is not None else []), tokenizer.eos_token_id]


@dataclass
class Exam:
    """Held-out cases, played greedily.

    Attributes:
        asked: The command line.
        rules: The changed settings of the environment.
        tokenizer: The model's tokenizer.
        rows: All measurements, also of training; each is written to ``metrics.jsonl`` at once.
    """

    asked: argparse.Namespace
    rules: dict[str, Any]
    tokenizer: Any
    rows: list[dict[str, Any]] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def note(self, what: str, arm: str, step: int, **told: Any) -> None:
        """Adds a line."""
        row = {"what": what, "arm": arm, "step": step, "seconds": round(time.monotonic() - self.begun, 1), **told}
        self.rows.append(row)
        with (self.asked.out / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def play(self, model: Any, limit: int | None) -> list[Track]:
        """Plays the first cases of each family, up to the limit (None for all)."""
        tokens = ChatTokens(self.tokenizer, end_tokens(model, self.tokenizer))
        writing = sampler(model, tokens.ends, do_sample=False)
        context = model.config.get_text_config().max_position_embeddings
        make = lambda: make_env(self.asked.held_out, **self.rules)  # noqa: E731
        player = Player(make, tokens, writing, budget=self.asked.budget, turn=self.asked.turn, context=context)
        inner = unwrapped(make())
        starts = [
            Start(each.seed, {} if each.case is None else {"case": each.case})
            for family in inner.scenario.tasks.catalogue
            for each in assignments(inner, family=family, limit=limit)
        ]
        batch = self.asked.eval_batch
        return [track for at in range(0, len(starts), batch) for track in player.play(starts[at : at + batch])]

    def sit(self, model: Any, arm: str, step: int) -> None:
        """Plays the held-out cases and notes the success."""
        tracks = self.play(model, self.asked.eval_limit)
        solved = [track.info["verdict"]["success"] for track in tracks]
        families = sorted({track.info["family"] for track in tracks})
        told = {
            "success": sum(solved) / len(solved),
            "interval": wilson(sum(solved) / len(solved), len(solved)),
            "cases": len(solved),
            "failures": Counter(str(track.info["verdict"]["failure"]) for track in tracks),
            "unsafe": sum(bool(track.info["verdict"].get("unsafe")) for track in tracks) / len(tracks),
            "families": {
                family: sum(t.info["verdict"]["success"] for t in tracks if t.info["family"] == family)
                / sum(t.info["family"] == family for t in tracks)
                for family in families
            },
        }
        self.note("held-out", arm, step, **told)
        print(
            f"{arm:5} step {step:5}: {sum(solved)} of {len(solved)} held-out cases solved {dict(told['failures'])}",
            flush=True,
        )

    def keep(self, model: Any, arm: str) -> None:
        """Writes a run folder of held-out cases, for the report."""
        inner = unwrapped(make_env(self.asked.held_out, **self.rules))
        about = {
            "env": inner.scenario.environment.id,
            "agent": f"{Path(self.asked.model).name} {arm}",
            "form": "text",
            "mab_gym": mab_gym.__version__,
            "archive": inner.scenario.backend.digest,
        }
        with RunFolder(self.asked.out / "runs" / arm, about) as folder:
            for track in self.play(model, self.asked.final_limit):
                folder.add(track.record(about["agent"]))


class Watch(TrainerCallback):
    """Lets the model play held-out cases during training, and notes the training's own figures."""

    def __init__(self, exam: Exam, arm: str, offset: int = 0) -> None:
        self.exam, self.arm, self.offset = exam, arm, offset

    def on_step_end(self, args: Any, state: Any, control: Any, **further: Any) -> None:
        """See transformers."""
        often = self.exam.asked.eval_every * (4 if self.arm == "warm" else 1)
        if state.global_step % often == 0 or state.global_step == state.max_steps:
            self.exam.sit(further["model"], self.arm, self.offset + state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **further: Any) -> None:
        """See transformers."""
        names = ("loss", "reward", "reward_std", "frac_reward_zero_std", "num_tokens", "completions/mean_length")
        told = {name: logs[name] for name in names if name in logs}
        told |= {name: value for name, value in logs.items() if name.startswith("episodes/")}
        if told:
            self.exam.note("training", self.arm, self.offset + state.global_step, **told)
