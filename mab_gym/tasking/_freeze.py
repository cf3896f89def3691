"""Freezes cases: draws a family's cases once, and writes them with their gold runs into the family's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from mab_gym.actions import ALL_VERBS
from mab_gym.backends import Backend
from mab_gym.tasking._family import Family
from mab_gym.tasking._gold import play_gold
from mab_gym.tasking._later import attended
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.solving import Desk

FREEZING_SEED: Final = 300
CASES_A_FAMILY: Final = 30


def freeze(
    family: Family,
    folder: Path,
    backend: Backend,
    chart: Chart,
    *,
    count: int = CASES_A_FAMILY,
    seed: int = FREEZING_SEED,
    validation: bool = False,
) -> list[Path]:
    """Draws cases of a family and writes ``cases.jsonl`` and ``gold.jsonl``, or ``validation.jsonl``.

    Args:
        family: The family.
        folder: The family's folder; files in it are overwritten.
        backend: The record system, on which the gold solutions are played.
        chart: The chart of that record system, from which the cases are drawn.
        count: The number of cases.
        seed: The seed; equal seeds freeze equal cases.
        validation: True for the cases by which runs of training are chosen, drawn from the chart of other people.

    Returns:
        The files that were written.
    """
    cases, gold = "", ""
    for case in family.draw_cases(chart, seed, count):
        session = attended(family, case, chart, backend.open())
        run = play_gold(family.solve, case, Desk(backend.base_url, backend.now), session, verbs=ALL_VERBS)
        cases += replace(case, steps=run.steps).to_json() + "\n"
        gold += run.to_json(case) + "\n"
    written = []
    for name, text in [("validation.jsonl", cases)] if validation else [("cases.jsonl", cases), ("gold.jsonl", gold)]:
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        written.append(folder / name)
    return written
