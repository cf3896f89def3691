"""A stay as a part of a page: the picture, and all of it in words below."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from mab_gym.charts._stay import LANES, Moment, Stay
from mab_gym.charts._stay_svg import stay_svg

LEGEND: Final = (
    '<p class="note">All on one time axis; what a mark stands for is told where the pointer rests on it, and in the '
    "list below. Shaded: the reference range. Red triangles that point up are above it, purple ones that point down "
    "below it. Crosses were not valid, or not given. Hollow triangles are orders of a drug, dots single doses, bars "
    "infusions by their rate.</p>"
)
"""The meaning of the marks."""
TRUTH: Final = (
    '<p class="note">Pale lines are the true course of the simulated body, which no agent sees. Numbers are the '
    "agent’s actions, in their order.</p>"
)
"""Further things that are drawn of an episode."""
_MOST_WORDS: Final = 400


def stay_block(stay: Stay) -> str:
    """Returns the picture of a stay and the list of what happened, as HTML."""
    return "".join(_parts(stay))


def _parts(stay: Stay) -> Iterator[str]:
    yield f'<div class="stays" tabindex="0" role="region" aria-label="{escape(stay.title)}">{stay_svg(stay)}</div>'
    if stay.left_out:
        yield f'<p class="note">Further results, not drawn: {escape(", ".join(stay.left_out))}.</p>'
    told = _told(stay)
    if not told:
        return
    yield f"<details><summary>What happened, in words ({len(told)})</summary>"
    yield '<div class="wide"><table class="told"><thead><tr><th>when</th><th>what</th><th></th></tr></thead><tbody>'
    for moment, kind in told[:_MOST_WORDS]:
        mark = ' class="alarm"' if moment.alarm else ""
        cells = (stay.told(moment.time), kind, moment.text[:600])
        yield f"<tr{mark}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</tbody></table></div>"
    if len(told) > _MOST_WORDS:
        yield f"<p>and {len(told) - _MOST_WORDS} more.</p>"
    yield "</details>"


def _told(stay: Stay) -> list[tuple[Moment, str]]:
    """Returns everything but results, by time, each with its kind in words."""
    found = [(moment, LANES[moment.kind].removesuffix("s").replace("agent’s ", "")) for moment in stay.moments]
    for row in stay.drugs:
        for given in row.given:
            kind = "not given" if given.missed else "infusion" if given.end or given.goes_on else "dose"
            found.append((Moment(given.time, "event", f"{row.name}: {given.text}"), kind))
        found += [(order, "drug order") for order in row.orders]
    found += [(place, "place") for place in stay.places]
    return sorted(found, key=lambda each: each[0].time)
