"""Draws what `train_grpo.py` measured: success on held-out cases, and what the rewards of training told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STYLES = {"grpo": ("#0072B2", "o", "-", "GRPO"), "sft": ("#E69F00", "s", "--", "supervised, same steps")}


def draw(rows: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Draws ``path`` with the endings .png and .svg.

    Args:
        rows: The lines of ``metrics.jsonl``.
        path: Without an ending.
        title: What was trained on what.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "mab"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=(1.35, 1), layout="constrained")
    held_out = [row for row in rows if row["what"] == "held-out"]
    for arm, (colour, marker, line, name) in STYLES.items():
        shown = [row for row in held_out if row["arm"] in ("warm", arm)]
        if not any(row["arm"] == arm for row in shown):
            continue
        steps = [row["step"] for row in shown]
        left.plot(steps, [100 * row["success"] for row in shown], line, color=colour, marker=marker, ms=4, label=name)
        bounds = ([100 * row["interval"][end] for row in shown] for end in (0, 1))
        left.fill_between(steps, *bounds, color=colour, alpha=0.13, linewidth=0)
    left.axvline(0, color="#888888", linewidth=0.8)
    left.set(xlabel="optimizer steps after the common warm start (left of 0: its own)", ylim=(-3, 103))
    left.set_ylabel("held-out cases solved, %")
    left.grid(alpha=0.25)
    left.legend(frameon=False)
    left.set_title(title, loc="left", fontsize=9)
    trained = [row for row in rows if row["what"] == "training" and row["arm"] == "grpo" and "reward" in row]
    if trained:
        steps = [row["step"] for row in trained]
        right.plot(steps, [row["reward"] for row in trained], color="#0072B2", linewidth=1, label="mean reward")
        telling = [1 - row["frac_reward_zero_std"] for row in trained]
        right.plot(steps, telling, ":", color="#CC79A7", linewidth=1.2, label="groups whose rewards differ, share")
    right.set(xlabel="optimizer steps of GRPO", ylim=(-0.03, 1.03))
    right.set_title("GRPO on training cases", loc="left", fontsize=9)
    right.grid(alpha=0.25)
    right.legend(frameon=False, fontsize=8)
    for ending in (".png", ".svg"):
        metadata = {"Date": None} if ending == ".svg" else None
        figure.savefig(path.with_suffix(ending), dpi=130, metadata=metadata)
    plt.close(figure)
