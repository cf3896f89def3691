"""Plots for print: success rates by setting, with their confidence intervals (extra ``report``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mab_gym.errors import NotInstalledError, how_to_install
from mab_gym.runs._ablation import SERIES, UNLIMITED, Dimension, Figures
from mab_gym.runs._statistics import Estimate

SIZE: Final = (5.0, 3.4)
"""Width and height in inches: one and a half columns of a paper."""
_DOTS: Final = 300
_POINTS_APART: Final = 5.5
"""The distance between series in points, so that no error bar hides another."""
_LOOK: Final[Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "svg.hashsalt": "mab_gym",
}


@dataclass(frozen=True, slots=True)
class _Style:
    """The style of a series, in colours of Okabe and Ito, which colour-blind people and grey prints tell apart.

    Attributes:
        colour: The colour of its line, bars and markers.
        marker: Its marker.
        line: Its line style.
        aside: Its place among the series at each setting, from left to right.
    """

    colour: str
    marker: str
    line: str
    aside: int


_STYLES: Final[Mapping[str, _Style]] = {
    "overall": _Style("#000000", "o", "-", 0),
    "query": _Style("#0072B2", "s", "--", -1),
    "action": _Style("#E69F00", "^", ":", 1),
}


def plot_ablation(varied: Dimension, found: Sequence[Figures], folder: Path) -> tuple[Path, Path]:
    """Draws ``ablation.png`` and ``ablation.svg``.

    Args:
        varied: The varied dimension.
        found: The figures of its settings.
        folder: The folder for the files.

    Returns:
        The two files.

    Raises:
        NotInstalledError: The extra ``report`` is missing.
    """
    try:
        # The figure alone, without pyplot: it draws with Agg and needs no screen.
        from matplotlib import rc_context  # noqa: PLC0415  (optional)
        from matplotlib.figure import Figure  # noqa: PLC0415
        from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415
    except ImportError as error:
        raise NotInstalledError(
            f"a plot needs what is missing here ({error.name}): {how_to_install('report')}"
        ) from None
    places = _places(varied, [each.setting for each in found])
    with rc_context(_LOOK):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        for name in SERIES:
            style = _STYLES[name]
            beside = axes.transData + ScaledTranslation(style.aside * _POINTS_APART / 72, 0, figure.dpi_scale_trans)
            points = sorted(
                ((places[each.setting], each.setting, rate) for each in found if (rate := each.rates[name])),
                key=lambda point: point[0],
            )
            if not points:
                continue
            if varied.is_without_limit(points[-1][1]):  # a gap, so that no line is drawn to it
                points.insert(-1, (math.nan, "", Estimate(math.nan, math.nan, math.nan, points[-1][2].cases)))
            axes.errorbar(
                [x for x, _, _ in points],
                [100 * rate.value for _, _, rate in points],
                # Rounding may put an estimate slightly outside its interval.
                yerr=(
                    [100 * max(0.0, rate.value - rate.low) for _, _, rate in points],
                    [100 * max(0.0, rate.high - rate.value) for _, _, rate in points],
                ),
                color=style.colour,
                marker=style.marker,
                markersize=5,
                markeredgecolor="black",
                markeredgewidth=0.5,
                # A line makes sense between numbers, but not between names.
                linestyle=style.line if varied.paired else "none",
                linewidth=1.2,
                elinewidth=1.0,
                capsize=2.5,
                transform=beside,
                zorder=3,
                label=f"{name} ({_span([rate.cases for _, _, rate in points])} cases)",
            )
        axes.set_xticks([places[each.setting] for each in found], [_tick(varied, each.setting) for each in found])
        margin = 0.08 * (max(places.values()) - min(places.values())) if varied.paired else 0.5
        axes.set_xlim(min(places.values()) - margin, max(places.values()) + margin)
        # Beyond 0 and 100, so that markers there are not cut; the axis itself ends at 0 and 100.
        axes.set_ylim(-4, 104)
        axes.set_yticks(range(0, 101, 20))
        axes.spines["left"].set_bounds(0, 100)
        axes.grid(axis="y", linewidth=0.4, color="0.85", zorder=0)
        axes.set_axisbelow(True)
        axes.set_xlabel(varied.axis)
        axes.set_ylabel("Success rate (%), 95 % interval")
        if axes.get_legend_handles_labels()[0]:
            figure.legend(
                loc="outside upper center",
                ncols=len(SERIES),
                handlelength=2.4 if varied.paired else 1.0,
                columnspacing=1.2,
            )
        files = (folder / "ablation.png", folder / "ablation.svg")
        figure.savefig(files[0], dpi=_DOTS)
        figure.savefig(files[1], metadata={"Date": None})
    return files


def _places(varied: Dimension, settings: Sequence[str]) -> dict[str, float]:
    """Returns each setting's position: step limits as numbers, lengths by logarithm, names one after another."""
    if varied.name == "steps":
        return {setting: float(setting) for setting in settings}
    if varied.name != "observation-length":
        return {setting: float(place) for place, setting in enumerate(settings)}
    found = {setting: math.log2(int(setting)) for setting in settings if setting != UNLIMITED}
    # "No limit" is one doubling beyond the largest.
    return {setting: found.get(setting, max(found.values()) + 1) for setting in settings}


def _tick(varied: Dimension, setting: str) -> str:
    if varied.is_without_limit(setting):
        return "no limit"
    return f"{int(setting):,}" if varied.name == "observation-length" else setting


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}–{high}"
