"""A tiny model, and one that says what it is told; whoever imports this is skipped where TRL is not installed."""

from __future__ import annotations

import json
import runpy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mab_gym.runs._records import EpisodeRecord
from tests.conftest import CANONICAL, ROOT
from tests.evaluation.scripted import call_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("torch")
    pytest.importorskip("trl")
    import torch
    import trl

    from mab_gym.integrations.trl import ChatTokens, Player, make_env, task_prompts

torch.set_num_threads(1)  # on a shared machine two threads wait for each other
MARKS = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]
TINY = runpy.run_path(str(ROOT / "scripts" / "_tiny_model.py"))
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
CASES = ("record_blood_pressure/01", "patient_age/01", "replace_potassium/02")
Script = Sequence[str]


def as_call(action: str) -> str:
    """An action as Qwen 3 writes a tool call; text that is no action as it stands."""
    call = call_of(action)
    if call is None:
        return action
    name, arguments = call
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


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


def scripted_player(tokenizer: Any, scripts: Sequence[Script], env: str = CANONICAL, **how: Any) -> Player:
    said = Scripted(tokenizer, scripts)
    how = {"budget": 8000, **how}
    return Player(lambda: make_env(env), ChatTokens(tokenizer), lambda p, most: (said.turns(p), None), **how)


def script_for(record: EpisodeRecord, wrong: bool = False) -> Script:
    """The gold solution, or one that comes to nothing because a reading or an answer is wrong."""
    actions = list(record.actions)
    if wrong and record.family == "record_blood_pressure":  # which asks for no answer
        return [action.replace(" mmHg", " inches") for action in actions]
    return [*actions[:-1], 'FINISH(["wrong", "wrong"])'] if wrong else actions


def of_case(case: str, form: str = "text") -> Any:
    prompts = task_prompts(CANONICAL, form=form)
    return prompts.filter(lambda row: row["case"] == case)


def weights(model: Any) -> Any:
    return torch.cat([each.detach().flatten().clone() for each in model.parameters()])
