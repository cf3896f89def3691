"""Elements of the page: rates with their intervals, histograms, links to episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from urllib.parse import urlencode

from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._statistics import Estimate

WIDTH, HEIGHT = 360, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 8, 18, 22
_WIDEST = 42


def rate(found: Estimate | None, run: int) -> str:
    """Returns a success rate in percent with its interval, in figures and drawn."""
    if found is None:
        return '<span class="rate none">–</span>'
    span = interval(found)
    words = f"95 % interval {span}, {count(found.cases, 'case')}"
    return (
        f'<span class="rate r{run % 8}" title="{words}"><b>{100 * found.value:.1f}</b>'
        f"<small>{span}</small>{track(found, words)}</span>"
    )


def track(found: Estimate, words: str) -> str:
    """Returns a rate and its interval, drawn from 0 to 100 %."""
    place = f"--v:{found.value:.4f};--l:{found.low:.4f};--h:{found.high:.4f}"
    return f'<span class="track" style="{place}" role="img" aria-label="{words}"></span>'


def interval(found: Estimate) -> str:
    """Returns an interval in percent, as in "55.7 to 66.7"."""
    return f"{100 * found.low:.1f} to {100 * found.high:.1f}"


def dot(run: int, runs: int) -> str:
    """Returns the mark of a run: its colour, and its number where there are several runs."""
    return f'<i class="dot r{run % 8}">{run + 1 if runs > 1 else ""}</i>'


def matrix(first: str, runs: Sequence[tuple[int, str]], of: int, lines: Iterable[str]) -> Iterator[str]:
    """Yields lines with one cell for each run, under a line that names the runs.

    Args:
        first: The heading of the lines.
        runs: The numbers and names of the runs.
        of: The number of runs in the report.
        lines: The lines, from `line`.
    """
    yield f'<div class="matrix{" many" if len(runs) > 2 else ""}" style="--n:{len(runs)}">'
    marks = [f'<span title="{escape(name)}">{dot(number, of)}<i>{escape(name)}</i></span>' for number, name in runs]
    yield line(first, marks, "names")
    yield from lines
    yield "</div>"


def line(label: str, cells: Iterable[str], kind: str = "") -> str:
    """Returns a line of a matrix; label and cells are HTML."""
    told = "".join(f"<div>{cell}</div>" for cell in cells)
    return f'<div class="line {kind}"><div class="label">{label}</div>{told}</div>'


def count(number: int, what: str) -> str:
    """Returns a number with its noun, as in "3 cases"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def address(**wanted: str) -> str:
    """Returns the fragment of the page's address that leads to an episode, or to a list of episodes."""
    return "#" + escape(urlencode(wanted), quote=True)


def episode_link(label: str, record: EpisodeRecord, words: str | None = None) -> str:
    """Returns a link to an episode."""
    wanted = {"run": label, "case": record.case, "seed": str(record.seed), "try": str(record.repeat + 1)}
    return f'<a href="{address(**wanted)}">{escape(words or record.case)}</a>'


def bars(
    title: str, unit: str, columns: Sequence[tuple[str, Mapping[str, int]]], series: Sequence[str], run: int
) -> str:
    """Returns a histogram as SVG: stacked columns, readable without colour.

    Args:
        title: The title, also for screen readers.
        unit: The label below the columns.
        columns: For each column its label, and the count of each series.
        series: Names of the series, from the bottom up; the first is filled, the others are hatched and plain.
        run: The number of the run, which gives the colour.
    """
    heights = [sum(counts.values()) for _, counts in columns]
    most = max(heights, default=0) or 1
    width = min((WIDTH - _LEFT - _RIGHT) / max(len(columns), 1), _WIDEST)
    scale = (HEIGHT - _TOP - _BOTTOM) / most
    base = HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{_LEFT} {base}H{WIDTH - _RIGHT}"/>']
    for value in (most, most // 2) if most > 1 else (most,):
        y = base - value * scale
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{value:,}</text>')
    every = max(1, -(-len(columns) // 9))
    for place, (label, counts) in enumerate(columns):
        x, y = _LEFT + place * width, float(base)
        for number, name in enumerate(series):
            height = counts.get(name, 0) * scale
            if height:
                y -= height
                told = f"{label} {unit}: {counts[name]:,} {name}".replace("  ", " ")
                parts.append(
                    f'<rect class="b{number}" x="{x + 1:.1f}" y="{y:.1f}" width="{max(width - 2, 1):.1f}" '
                    f'height="{height:.1f}"><title>{escape(told)}</title></rect>'
                )
        if place % every == 0:
            middle = x + width / 2
            parts.append(
                f'<text class="tick" x="{middle:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{escape(label)}</text>'
            )
    legend = "".join(
        f'<i class="k{number}"></i>{escape(name)} ' for number, name in enumerate(series) if len(series) > 1
    )
    return (
        f'<figure class="r{run % 8}"><figcaption><b>{escape(title)}</b> <span>{escape(unit)}</span> '
        f'<span class="legend">{legend}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}, {escape(unit)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def brief(value: float) -> str:
    """Returns a number for an axis, as in 1.5k."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"
