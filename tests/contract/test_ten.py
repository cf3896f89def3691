"""The benchmark's ten families: changes to a gold solution that must be noticed, and others that mean the same."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import pytest

from mab_gym.runs._driver import unwrapped
from tests.conftest import CANONICAL
from tests.contract import mutations
from tests.contract.test_beyond import LEAST_ACCEPTED, LEAST_REJECTED, played
from tests.contract.test_families import CATALOGUE, FAMILIES, gold_actions

MEANS_THE_SAME = {
    # What a code is called beside it, and a second category, say nothing else.
    "medicationCodeableConcept.text", "coding.0.display", "category.0.coding.0.code gainsaid",
    # The free text must be in the note; more may stand there.
    "note.0.text changed 0",
}  # fmt: skip


@pytest.fixture(scope="module")
def env() -> gymnasium.Env[Any, str]:
    return gymnasium.make(CANONICAL)


def harmless(family: str, label: str, actions: list[str]) -> bool:
    """Tells if a change that is wrong elsewhere is none in this family."""
    if family == "mean_glucose" and label == "answer 0.8":
        return True  # a tenth is what rounding may cost
    return any(part in label for part in MEANS_THE_SAME) or (
        # These two ask for nothing to be answered; what is written counts.
        label.startswith("answer") and mutations.answer(actions) == []
    )


def written_in(env: gymnasium.Env[Any, str], name: str) -> str:
    """The first POST that any case of a family is solved with."""
    found = (action for case in CATALOGUE[name].cases for action in gold_actions(env, case.id))
    return next(action for action in found if action.startswith("POST"))


@pytest.mark.parametrize("name", FAMILIES)
def test_mutations_of_gold_solutions_are_rejected(name: str, env: gymnasium.Env[Any, str]) -> None:
    profiles = unwrapped(env).scenario.chart.profiles()
    family = CATALOGUE[name]
    strays_of_all = [
        written_in(env, other) for other in FAMILIES if CATALOGUE[other].kind == "action" and other != name
    ]
    for branch in family.branches:
        for case in [case for case in family.cases if case.branch == branch][:2]:
            actions = gold_actions(env, case.id)
            others = [other for other in family.cases if other.branch != branch][:2]
            due = [action for other in others for action in gold_actions(env, other.id) if action.startswith("POST")]
            strays = [*due, *strays_of_all]
            strangers = [mrn for mrn in profiles[:3] if mrn not in str(actions)]
            changes = {
                json.dumps(changed): (label, changed)
                for label, changed in mutations.wrong(actions, strangers, strays)
                if not harmless(name, label, actions)
            }
            assert len(changes) >= LEAST_REJECTED
            passed = [label for label, changed in changes.values() if played(env, case.id, changed)["reward"] != 0.0]
            assert passed == [], case.id


@pytest.mark.parametrize("name", FAMILIES)
def test_harmless_rewordings_are_accepted(name: str, env: gymnasium.Env[Any, str]) -> None:
    family = CATALOGUE[name]
    kinds: set[str] = set()
    for branch in family.branches:
        for case in [case for case in family.cases if case.branch == branch][:2]:
            actions = gold_actions(env, case.id)
            for label, changed in mutations.same(actions):
                if label == "note" and name == "refer_orthopaedics":
                    continue  # there the note is what was asked for
                kinds.add(label)
                verdict = played(env, case.id, changed)
                assert verdict["reward"] == 1.0, (case.id, label, verdict["reasons"])
    kinds |= {f"{name}: {text}" for text in answers_that_mean_the_same(env, name)}
    assert len(kinds) >= LEAST_ACCEPTED, kinds


def answers_that_mean_the_same(env: gymnasium.Env[Any, str], name: str) -> set[str]:
    """Ways to write the first case's FINISH that are all accepted."""
    case = CATALOGUE[name].cases[0]
    actions = gold_actions(env, case.id)
    inside = actions[-1].removeprefix("FINISH(").removesuffix(")")
    written = (
        f"FINISH({inside})\n", f"  FINISH({inside})", f"```\nFINISH({inside})\n```", f"FINISH ({inside})",
        f"```tool_code\nFINISH({inside})\n```",
    )  # fmt: skip
    return {text for text in written if played(env, case.id, [*actions[:-1], text])["reward"] == 1.0}
