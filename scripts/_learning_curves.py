"""Draws what `train_grpo.py` measured: success on held-out cases, and what the rewards of training told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STYLES = {
    "warm": ("#555555", ".", "-", "warm start, supervised"),
    "grpo": ("#0072B2", "o", "-", "GRPO"),
    "sft": ("#E69F00", "s", "--", "supervised, same steps"),
}

_SPAN = 10


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
    warm = [row for row in held_out if row["arm"] == "warm"]
    for arm, (colour, marker, line, name) in STYLES.items():
        own = [row for row in held_out if row["arm"] == arm]
        shown = [*warm[-1:], *own] if arm != "warm" else own
        if not own:
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
        rewards = [row["reward"] for row in trained]
        right.plot(steps, rewards, color="#0072B2", linewidth=0.7, alpha=0.35)
        right.plot(steps, _smooth(rewards), color="#0072B2", label=f"mean reward, of {_SPAN} steps")
        telling = _smooth([1 - row["frac_reward_zero_std"] for row in trained])
        right.plot(steps, telling, "--", color="#CC79A7", label="groups whose rewards differ, likewise")
    right.set(xlabel="optimizer steps of GRPO", ylim=(-0.03, 1.25))
    right.set_title("GRPO on training cases", loc="left", fontsize=9)
    right.grid(alpha=0.25)
    right.legend(frameon=False, fontsize=8, loc="upper left")
    for ending in (".png", ".svg"):
        metadata = {"Date": None} if ending == ".svg" else None
        figure.savefig(path.with_suffix(ending), dpi=130, metadata=metadata)
    plt.close(figure)


def _smooth(values: Sequence[float]) -> list[float]:
    """The means of the last so many values, of fewer at the beginning."""
    spans = [values[max(0, end - _SPAN) : end] for end in range(1, len(values) + 1)]
    return [sum(span) / len(span) for span in spans]
