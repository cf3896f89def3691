#!/usr/bin/env python3
"""Trains MaskablePPO on the menu of clinical choices, and tests the policy on other people's cases.

    python scripts/train_sb3.py --seed 0 1 2 --out runs/sb3        # needs: pip install -e '.[sb3]'
    mab-gym report runs/sb3/seed-0 runs/sb3/random --out report.html

Training draws cases of the Train hospital. At intervals the current policy plays the Validation cases, and the best
one is kept. Then it plays the 300 canonical cases of a third hospital: as texts, in the unwrapped environment, by the
sparse verdict, like any agent. The folder of --out then holds

    seed-N/, random/    the episodes on the canonical cases, as run folders
    seed-N.zip          the model, as Stable-Baselines3 saves it
    summary.json        curves, success, times; success on changed charts, and without reading
and the folder of --figures the learning curves, as PNG and SVG.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym import __version__
from mab_gym.errors import MabGymError
from mab_gym.menu import MenuAgent, MenuPolicy
from mab_gym.menu._learning import REWARDS, CurvePoint, Settings, solved_by_family, train
from mab_gym.menu._policies import RandomChoice, deaf
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord, RunFolder
from mab_gym.runs._rollout import assignments, play_all, play_until_judged

TEST = "mab_gym/MedAgentBench-v0"
CHANGED = ("perturbed", "distractors", "perturbed+distractors")
"""Variants with other values in the chart, and with newer results that do not count."""


def success(records: Sequence[EpisodeRecord]) -> float:
    """Returns the share of solved cases."""
    return sum(bool(record.verdict["success"]) for record in records) / len(records)


def played(agent: MenuAgent, folder: Path, seed: int) -> list[EpisodeRecord]:
    """Plays the canonical cases into a run folder."""
    env = gymnasium.make(TEST)
    place = unwrapped(env).scenario
    about = {
        "mab_gym": __version__,
        "env": place.environment.id,
        "agent": agent.name,
        "protocol": place.environment.protocol,
        "max_steps": place.environment.max_steps,
        "archive": place.backend.digest,
        "seed": seed,
        "repeat": 1,
        "episodes": len(place.tasks.cases),
    }
    records = []
    with RunFolder(folder, about) as run:
        if run.before:
            sys.exit(f"{folder} holds a run already; name another folder with --out")
        for each in assignments(unwrapped(env), seed=seed):
            records.append(play_until_judged(env, agent, each))
            run.add(records[-1])
    return records


def changed(policy: MenuPolicy, seed: int) -> dict[str, float]:
    """Returns the share of canonical cases solved on changed charts, and with constant chart features."""
    env = gymnasium.make(TEST)
    todo = assignments(unwrapped(env), seed=seed)
    told = {name: success(list(play_all(env, MenuAgent(policy, "menu"), todo, variant=name))) for name in CHANGED}
    return told | {"deaf": success(list(play_all(env, MenuAgent(deaf(policy), "menu"), todo)))}


def one_seed(settings: Settings, out: Path) -> dict[str, Any]:
    """Trains with one seed and plays the canonical cases."""

    def tell(point: CurvePoint) -> None:
        print(
            f"seed {settings.seed}  {point.timesteps:>7,} steps  {point.seconds:5.0f} s  "
            f"training {point.training:5.1%}  validation {point.validation:5.1%}  "
            + ", ".join(f"{family} {rate:.2f}" for family, rate in point.families.items() if rate < 1),
            flush=True,
        )

    name = f"seed-{settings.seed}"
    trained = train(settings, tell)
    trained.model.save(out / f"{name}.zip")
    records = played(MenuAgent(trained.policy(), f"MaskablePPO {name}"), out / name, settings.seed)
    return {
        "settings": asdict(settings),
        "timesteps": trained.timesteps,
        "wall_seconds": round(trained.seconds, 1),
        "cpu_seconds": round(trained.cpu_seconds, 1),
        "test": success(records),
        "families": solved_by_family(records),
        "changed": changed(trained.policy(), settings.seed),
        "curve": [asdict(point) for point in trained.curve],
    }


def plot(summary: dict[str, Any], folder: Path) -> None:
    """Draws the learning curves of all seeds with the random policy, and success by family."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 9, "svg.hashsalt": "mab_gym", "axes.spines.top": False})
    pyplot.rcParams.update({"axes.spines.right": False})
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), gridspec_kw={"width_ratios": [1.15, 1]})
    chance = summary["random"]
    colours = [f"C{place}" for place in range(10)]
    for (name, run), colour in zip(summary["seeds"].items(), colours, strict=False):
        steps = [point["timesteps"] / 1000 for point in run["curve"]]
        left.plot(steps, [point["validation"] for point in run["curve"]], color=colour, label=f"{name}, validation")
        left.plot(steps[-1], run["test"], "o", color=colour, markersize=6, label=f"{name}, test: {run['test']:.3f}")
    left.axhline(chance["test"], color="0.4", linestyle="--", label=f"random choices, test: {chance['test']:.3f}")
    left.axhline(0.95, color="0.75", linewidth=0.8)
    left.set(xlabel="actions learnt from (thousands)", ylabel="cases solved", ylim=(0, 1.02), title="Learning curve")
    left.set_xlim(left=0)
    left.legend(loc="lower right", bbox_to_anchor=(1, 0.14), frameon=False)
    families = list(chance["families"])
    runs = list(summary["seeds"].values())
    mean = [sum(run["families"][family] for run in runs) / len(runs) for family in families]
    rows = range(len(families))
    right.barh([row - 0.2 for row in rows], mean, 0.38, color="C0", label=f"trained (mean of {len(runs)})")
    right.barh(
        [row + 0.2 for row in rows],
        [chance["families"][family] for family in families],
        0.38,
        color="0.6",
        label="random choices",
    )
    right.set_yticks(list(rows), [family.replace("_", " ") for family in families])
    right.invert_yaxis()
    right.set(xlim=(0, 1.0), xlabel="cases solved", title="Canonical cases (held-out patients), by family")
    figure.legend(*right.get_legend_handles_labels(), loc="lower right", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "sb3_learning_curve.png", dpi=150)
    figure.savefig(folder / "sb3_learning_curve.svg", metadata={"Date": None})


def main() -> None:
    """Runs the command line."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--env", default=usual.env, help="whose cases are drawn for training")
    parser.add_argument("--timesteps", type=int, default=usual.timesteps, help="actions to learn from, at most")
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="one training a seed")
    parser.add_argument("--envs", type=int, default=usual.envs, help="environments that take turns")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once, a process each")
    parser.add_argument("--reward", choices=list(REWARDS), default=usual.reward, help="what training pays")
    parser.add_argument("--out", type=Path, default=Path("runs/sb3"), help="a folder for what comes of it")
    parser.add_argument("--figures", type=Path, default=None, help="a folder for the plot; as --out where not given")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    chance = RandomChoice()
    by_chance = played(MenuAgent(chance, "random choices", chance.begin), asked.out / "random", 0)
    summary: dict[str, Any] = {
        "random": {"test": success(by_chance), "families": solved_by_family(by_chance)},
        "seeds": {},
    }
    todo = [
        Settings(env=asked.env, timesteps=asked.timesteps, seed=seed, envs=asked.envs, reward=asked.reward)
        for seed in asked.seed
    ]
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        for settings, run in zip(todo, pool.map(one_seed, todo, [asked.out] * len(todo)), strict=True):
            summary["seeds"][f"seed {settings.seed}"] = run
            (asked.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    plot(summary, asked.figures or asked.out)
    for name, run in summary["seeds"].items():
        print(
            f"{name}: {run['test']:.1%} of the canonical cases (random choices: {summary['random']['test']:.1%}) after "
            f"{run['timesteps']:,} actions, {run['wall_seconds']:.0f} s ({run['cpu_seconds']:.0f} s of CPU); "
            + ", ".join(f"{what} {rate:.1%}" for what, rate in run["changed"].items())
        )


if __name__ == "__main__":
    try:
        main()
    except MabGymError as error:
        sys.exit(f"train_sb3: {error}")
