"""Draws the measurements of `train_grpo.py`: success on held-out cases, and the rewards of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

STYLES = {
    "warm": ("#555555", ".", "-", "warm start, supervised"),
    "grpo": ("#0072B2", "o", "-", "GRPO"),
    "sft": ("#E69F00", "s", "--", "supervised, same steps"),
}

_SPAN = 10
_STEPS = "optimizer steps after the common warm start (left of 0: its own)"
Rows = Sequence[Mapping[str, Any]]
"""The lines of one run's ``metrics.jsonl``."""


def draw(runs: Sequence[Rows], path: Path, title: str) -> None:
    """Draws ``path`` with the endings .png and .svg.

    Args:
        runs: A single run is drawn with intervals; several are drawn as thin lines, and their mean as a thick one.
        path: The path without an ending.
        title: The title of the plot.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "mab"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=(1.35, 1), layout="constrained")
    for arm, (colour, marker, line, name) in STYLES.items():
        curves = [found for rows in runs if (found := _held_out(rows, arm))]
        if not curves:
            continue
        steps = [row["step"] for row in curves[0]]
        if len(runs) > 1:
            for curve in curves:
                left.plot(steps, [100 * row["success"] for row in curve], line, color=colour, linewidth=0.7, alpha=0.45)
        else:
            bounds = ([100 * row["interval"][end] for row in curves[0]] for end in (0, 1))
            left.fill_between(steps, *bounds, color=colour, alpha=0.13, linewidth=0)
        mean = [100 * fmean(row["success"] for row in rows) for rows in zip(*curves, strict=True)]
        left.plot(steps, mean, line, color=colour, marker=marker, ms=4, linewidth=1.8, label=name)
    left.axvline(0, color="#888888", linewidth=0.8)
    left.set(xlabel=_STEPS, ylim=(-3, 103))
    left.set_ylabel("held-out cases solved, %")
    left.grid(alpha=0.25)
    left.legend(frameon=False)
    left.set_title(title, loc="left", fontsize=9)
    trained = [[row for row in rows if row["arm"] == "grpo" and "reward" in row] for rows in runs]
    if all(trained):
        together = list(zip(*trained, strict=True))
        steps = [row["step"] for row in trained[0]]
        rewards = [fmean(row["reward"] for row in rows) for rows in together]
        right.plot(steps, rewards, color="#0072B2", linewidth=0.7, alpha=0.35)
        right.plot(steps, _smooth(rewards), color="#0072B2", label=f"mean reward, of {_SPAN} steps")
        telling = _smooth([1 - fmean(row["frac_reward_zero_std"] for row in rows) for rows in together])
        right.plot(steps, telling, "--", color="#CC79A7", label=f"groups whose rewards differ, of {_SPAN} steps")
    right.set(xlabel="optimizer steps of GRPO", ylim=(-0.03, 1.25))
    right.set_title("GRPO on training cases", loc="left", fontsize=9)
    right.grid(alpha=0.25)
    right.legend(frameon=False, fontsize=8, loc="upper left")
    for ending in (".png", ".svg"):
        metadata = {"Date": None} if ending == ".svg" else None
        figure.savefig(path.with_suffix(ending), dpi=130, metadata=metadata)
    plt.close(figure)


def ends(runs: Sequence[Rows]) -> str:
    """Returns a table of each arm's final success in each run, and on average."""
    done = [rows for rows in runs if all(_held_out(rows, arm) for arm in STYLES)]
    table = [[_held_out(rows, arm)[-1]["success"] for arm in STYLES] for rows in done]
    names = [str(rows[0]["settings"]["seed"]) for rows in done]
    means = [fmean(column) for column in zip(*table, strict=True)]
    lines = ["seed  " + "  ".join(f"{arm:>6}" for arm in STYLES)]
    for name, row in zip([*names, "mean"], [*table, means], strict=True):
        lines.append(f"{name:<4}  " + "  ".join(f"{value:6.1%}" for value in row))
    return "\n".join(lines)


def _held_out(rows: Rows, arm: str) -> list[Mapping[str, Any]]:
    """Returns an arm's measurements on held-out cases; after a warm start, they begin at its end."""
    own = {name: [row for row in rows if row["what"] == "held-out" and row["arm"] == name] for name in STYLES}
    return [*own["warm"][-1:], *own[arm]] if arm != "warm" and own[arm] else own[arm]


def _smooth(values: Sequence[float]) -> list[float]:
    """Returns moving averages."""
    spans = [values[max(0, end - _SPAN) : end] for end in range(1, len(values) + 1)]
    return [sum(span) / len(span) for span in spans]
