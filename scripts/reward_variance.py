#!/usr/bin/env python3
"""Counts the groups of rollouts in which a group-relative policy gradient (GRPO) finds anything to learn.

A group is eight tries of one case. If all eight earn the same, their advantages are zero, and so is the gradient.
Players of graded skill (`mab_gym.agents._fallible`) really play groups of the Train id. For each skill and family it
computes the share of groups with different rewards, and the size of the difference, for

    sparse         1 or 0, families in turn
    partial        the verdict's credit, the same episodes
    criteria       the share of the judge's criteria (`mab_gym.wrappers.PartialCredit`), the same episodes
    … + curr.      the same rewards, the cases chosen by a `Curriculum` that learns during the study
    sparse + stg.  cases chosen by a `StagedCurriculum`

    python scripts/reward_variance.py --out docs/figures      # table, JSON and plot (needs matplotlib)
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import mab_gym  # noqa: F401  (registers the environments)
from mab_gym.agents._fallible import Fallible
from mab_gym.curriculum import CaseSampler, Curriculum, StagedCurriculum, strata
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, play
from mab_gym.runs._statistics import wilson
from mab_gym.wrappers import PartialCredit

TRAIN = "mab_gym/MedAgentBench-Train-v0"
GROUP = 8
SKILLS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
CONDITIONS = ("sparse", "partial", "criteria", "sparse + curr.", "partial + curr.", "criteria + curr.", "sparse + stg.")
SAME = 1e-9
DEAF = 0.1
"""A family with a smaller share of groups with different rewards counts as one that teaches nothing."""

Told = dict[str, float]
"""The standard deviation of the rewards of a group, by kind of reward."""


def play_group(env: Any, skill: float, seed: int, options: Mapping[str, str]) -> list[EpisodeRecord]:
    """Plays eight tries of one case."""
    return [play(env, Fallible(skill), Assignment(seed, repeat=turn), **options) for turn in range(GROUP)]


def spread(group: Sequence[EpisodeRecord]) -> Told:
    """Returns the standard deviation of a group's rewards, by kind of reward."""
    if len({record.case + record.branch for record in group}) != 1 or any(not record.counts for record in group):
        raise RuntimeError("a group is of one case, and all of its episodes count")
    kinds = {
        "sparse": [float(record.verdict["success"]) for record in group],
        "partial": [float(record.verdict["credit"]) for record in group],
        "criteria": [record.reward for record in group],
    }
    return {kind: float(np.std(rewards)) for kind, rewards in kinds.items()}


def by_curriculum(env: Any, curriculum: CaseSampler, skill: float, seeds: Sequence[int]) -> list[tuple[str, Told]]:
    """Plays groups of cases that a curriculum chooses; the curriculum records each group."""
    chance = np.random.default_rng(seeds[0])
    told = []
    for seed in seeds:
        group = play_group(env, skill, seed, curriculum.next_options(chance))
        for each in group:
            curriculum.record(
                {"difficulty": each.difficulty, "family": each.family, "branch": each.branch, "verdict": each.verdict}
            )
        told.append((group[0].family, spread(group)))
    return told


def study(skill: float, groups: int, seed: int) -> dict[str, Any]:
    """Studies all conditions at one skill.

    Returns:
        For each condition: the families' shares, the number of groups of each, and the share over all groups.
    """
    env = PartialCredit(gymnasium.make(TRAIN))
    branches = strata(env)
    families = list(dict.fromkeys(branch.family for branch in branches))
    first = seed + int(skill * 1000) * 1_000_000
    even, successes = [], []
    for number in range(groups * len(families)):
        group = play_group(env, skill, first + number, {"family": families[number % len(families)]})
        successes += [float(record.verdict["success"]) for record in group]
        even.append((group[0].family, spread(group)))
    seeds = range(first + 100_000, first + 100_000 + len(even))
    chosen = by_curriculum(env, Curriculum(branches), skill, seeds)
    credited = by_curriculum(env, Curriculum(branches, outcome="credit"), skill, seeds)
    staged = by_curriculum(env, StagedCurriculum(branches), skill, seeds)
    told = {
        "sparse": [(family, each["sparse"]) for family, each in even],
        "partial": [(family, each["partial"]) for family, each in even],
        "criteria": [(family, each["criteria"]) for family, each in even],
        "sparse + curr.": [(family, each["sparse"]) for family, each in chosen],
        "partial + curr.": [(family, each["partial"]) for family, each in credited],
        "criteria + curr.": [(family, each["criteria"]) for family, each in credited],
        "sparse + stg.": [(family, each["sparse"]) for family, each in staged],
    }
    return {
        "skill": skill,
        "success": sum(successes) / len(successes),
        "conditions": {name: _summary(found, families) for name, found in told.items()},
    }


def _summary(told: Sequence[tuple[str, float]], families: Sequence[str]) -> dict[str, Any]:
    of = {family: [spread > SAME for name, spread in told if name == family] for family in families}
    parts = [len(found) / len(told) for found in of.values() if found]
    telling = sum(spread > SAME for _, spread in told)
    return {
        "share": telling / len(told),
        "interval": list(wilson(telling / len(told), len(told))),
        "share_second_half": sum(spread > SAME for _, spread in told[len(told) // 2 :]) / (len(told) - len(told) // 2),
        "mean_spread": sum(spread for _, spread in told) / len(told),
        "deaf_families": sum(sum(found) < DEAF * len(found) for found in of.values() if found),
        "played_families": math.exp(-sum(part * math.log(part) for part in parts)),
        "families": {family: sum(found) / len(found) if found else None for family, found in of.items()},
        "groups": {family: len(found) for family, found in of.items()},
    }


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Returns the results as text: all families together, then each family at each skill."""
    width = max(len(name) for name in CONDITIONS)
    head = " ".join(f"{name:>{width}}" for name in CONDITIONS)
    lines: list[str] = []
    for what, name, factor, form in (
        ("Groups of 8 whose rewards differ, in %: all families together", "share", 100, ".0f"),
        ("The same in the second half, when a curriculum knows more", "share_second_half", 100, ".0f"),
        ("Mean standard deviation of a group's rewards", "mean_spread", 1, ".3f"),
        (f"Families (of those played) in which fewer than {DEAF:.0%} of the groups tell", "deaf_families", 1, "d"),
        ("Effective number of families played (exponential of the entropy)", "played_families", 1, ".1f"),
    ):
        lines += [what, f"{'skill':>5} {'solved':>6} {head}"]
        for each in results:
            values = [factor * each["conditions"][condition][name] for condition in CONDITIONS]
            cells = " ".join(f"{value:{width}{form}}" for value in values)
            lines.append(f"{each['skill']:5g} {100 * each['success']:6.1f} {cells}")
        lines.append("")
    for each in results:
        lines += ["", f"skill {each['skill']:g}, by family (with a curriculum: of how many groups)", f"{'':22} {head}"]
        for family in each["conditions"]["sparse"]["families"]:
            lines.append(f"{family:22} " + " ".join(_cell(each["conditions"][n], family, width) for n in CONDITIONS))
    return "\n".join(lines)


def _cell(condition: Mapping[str, Any], family: str, width: int) -> str:
    share = condition["families"][family]
    even = len(set(condition["groups"].values())) == 1
    text = "–" if share is None else f"{100 * share:.0f}"
    return (text if even or share is None else f"{text} of {condition['groups'][family]}").rjust(width)


def plot(results: Sequence[Mapping[str, Any]], path: Path, skill: float) -> None:
    """Draws two plots: all families together over the skill, and each family at one weak skill."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    styles = {
        "sparse": ("#b03a2e", "-", "o"),
        "partial": ("#2e86c1", "-", ""),
        "criteria": ("#117864", "-", "^"),
        "sparse + curr.": ("#b03a2e", "--", "o"),
        "partial + curr.": ("#2e86c1", "--", ""),
        "criteria + curr.": ("#117864", "--", "^"),
        "sparse + stg.": ("#b9770e", ":", "D"),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(13.5, 5.4), width_ratios=(1, 1.25), layout="constrained")
    skills = [each["skill"] for each in results]
    for name in CONDITIONS:
        colour, line, marker = styles[name]
        shares = [100 * each["conditions"][name]["share"] for each in results]
        # Partial credit and criteria differ in the same groups, so the two lines coincide.
        broad = 7 if name.startswith("partial") else 1.6
        left.plot(
            skills, shares, line, color=colour, marker=marker, markersize=4.5, label=name,
            linewidth=broad, alpha=0.35 if broad > 2 else 1,
        )  # fmt: skip
    low, high = ([100 * each["conditions"]["sparse"]["interval"][end] for each in results] for end in (0, 1))
    left.fill_between(skills, low, high, color="#b03a2e", alpha=0.12, linewidth=0)
    left.set(xlabel="skill: chance of each step to be right", ylabel="groups whose rewards differ, %", ylim=(0, 103))
    left.set_title("All families together", loc="left")
    left.grid(alpha=0.25)
    left.legend(fontsize=8, loc="lower center")

    weak = next(each for each in results if each["skill"] == skill)
    families = list(weak["conditions"]["sparse"]["families"])
    shares = [[weak["conditions"][name]["families"][family] for name in CONDITIONS] for family in families]
    grid = np.array([[np.nan if share is None else 100 * share for share in row] for row in shares])
    right.imshow(grid, cmap="YlGnBu", vmin=0, vmax=100, aspect="auto")
    for row, family in enumerate(families):
        for column, name in enumerate(CONDITIONS):
            share, count = grid[row, column], weak["conditions"][name]["groups"][family]
            ink = "white" if share > 60 else "black"
            text = "not played" if np.isnan(share) else f"{share:.0f}"
            right.text(column, row - 0.08, text, ha="center", va="center", fontsize=9, color=ink)
            if not np.isnan(share):
                right.text(column, row + 0.3, f"of {count}", ha="center", va="center", fontsize=6.5, color=ink)
    right.set_xticks(range(len(CONDITIONS)), [name.replace(" + ", "\n+ ") for name in CONDITIONS], fontsize=8)
    right.set_yticks(range(len(families)), families, fontsize=8)
    right.set_title(f"By family at skill {skill:g}: % of groups that differ, of how many", loc="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=48, help="groups a family and skill (48)")
    parser.add_argument("--skills", type=float, nargs="+", default=SKILLS, help=f"skills of the players {SKILLS}")
    parser.add_argument("--shown", type=float, help="the skill that the plot shows by family (the second lowest)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--out", type=Path, help="a folder for reward_variance.json and reward_variance.png")
    asked = parser.parse_args()
    if asked.groups < 1:
        sys.exit("--groups is a whole number from 1")
    with ProcessPoolExecutor(asked.jobs) as pool:
        results = list(pool.map(partial(study, groups=asked.groups, seed=asked.seed), asked.skills))
    print(table(results))
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        settings = {"env": TRAIN, "group": GROUP, "groups_a_family": asked.groups, "seed": asked.seed}
        data = json.dumps({**settings, "results": results}, indent=1) + "\n"
        (asked.out / "reward_variance.json").write_text(data, encoding="utf-8")
        shown = asked.shown if asked.shown is not None else sorted(asked.skills)[:2][-1]
        try:
            plot(results, asked.out / "reward_variance.png", shown)
        except ImportError as error:
            sys.exit(f"the plot needs {error.name}: pip install matplotlib")


if __name__ == "__main__":
    main()
