"""Writes the report's page: overview, index and compressed trajectories in one HTML file that loads nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from mab_gym import __version__
from mab_gym.charts._ranges import RESULTS
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.errors import UsageError
from mab_gym.report._expected import Expected
from mab_gym.report._overview import overview
from mab_gym.report._runs import ReportedRun
from mab_gym.report._trajectories import index_entry, packed
from mab_gym.runs._causes import CAUSES

BLOCK: Final = 50
"""The number of episodes in one script element of the page."""
_KEYS: Final = {
    "j  k": "next and previous episode",
    "n  p": "next and previous step",
    "r": "shows and hides what is raw",
    "t": "shows and hides the thoughts",
    "/": "searches",
    "o": "overview",
    "Esc": "leaves the search",
    "?": "this list",
}
_NAMED: Final = 3
"""Up to so many runs the title names them."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""The page's content security policy: it may load nothing."""


def write_report(
    runs: Sequence[ReportedRun],
    path: Path,
    expected: Mapping[str, Expected] | None = None,
    title: str | None = None,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Writes the report of some runs.

    Args:
        runs: The runs, with different labels.
        path: The file. It is replaced as a whole, or stays as it was.
        expected: The actions of gold solutions by the run's label; runs without them show none.
        title: The page's title.
        advance: Called after each episode.

    Returns:
        The size of the file in bytes.

    Raises:
        UsageError: There is no run, or the file cannot be written.
    """
    if not runs:
        raise UsageError("a report needs at least one run")
    part = path.with_name(f"{path.name}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="\n", errors="replace") as file:
            file.writelines(_page(runs, expected or {}, title or _title(runs), advance))
        part.replace(path)
        return path.stat().st_size
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _title(runs: Sequence[ReportedRun]) -> str:
    return f"Report of {len(runs)} runs" if len(runs) > _NAMED else "Report: " + ", ".join(run.label for run in runs)


def _page(
    runs: Sequence[ReportedRun], expected: Mapping[str, Expected], title: str, advance: Callable[[], None]
) -> Iterator[str]:
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<style>{_bundled("page.css")}{_stay_style()}</style></head><body data-view="overview">'
    yield '<nav><a data-tab="overview" href="#">Overview</a><a data-tab="list" href="#view=list">Trajectories</a>'
    yield '<span class="space"></span><button id="help" type="button" title="keys">?</button>'
    yield '<button id="theme" type="button" title="dark or light" aria-label="dark or light">◐</button></nav>'
    yield f'<main id="overview"><h1>{escape(title)}</h1>'
    yield from overview(runs)
    yield f"<footer>Made by mab_gym {escape(__version__)}. Everything is in this file; it loads nothing.</footer>"
    yield "</main>"
    yield from _browser()
    entries, blocks = _episodes(runs, expected, advance)
    index = {
        "title": title,
        "runs": [run.label for run in runs],
        "block": BLOCK,
        "repeats": any(entry["try"] > 1 for entry in entries),
        "causes": CAUSES,
        "episodes": entries,
    }
    kinds = {code: (known.name, known.everybody, [*known.units]) for code, known in RESULTS.items()}
    yield f'<script type="application/json" id="index">{_inert(index)}</script>'
    yield f"<script>const KINDS = {_inert(kinds)};\n{_bundled('fhir.js')}\n{_bundled('viewer.js')}</script>"
    for block in blocks:
        yield '\n<script type="text/plain" class="block">' + "\n".join(block) + "</script>"
    yield "</body></html>\n"


def _episodes(
    runs: Sequence[ReportedRun], expected: Mapping[str, Expected], advance: Callable[[], None]
) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Returns the index, and the compressed episodes in the same order."""
    entries: list[dict[str, Any]] = []
    texts: list[str] = []
    for number, run in enumerate(runs):
        gold = expected.get(run.label, {})
        told = []
        for record in run.whole():
            entry = index_entry(number, record)
            told.append((record.seed, record.repeat, entry, packed(record, gold, run.protocol == OFFICIAL)))
            advance()
        for _, _, entry, text in sorted(told, key=lambda each: each[:2]):
            entries.append(entry)
            texts.append(text)
    return entries, [texts[begin : begin + BLOCK] for begin in range(0, len(texts), BLOCK)]


def _browser() -> Iterator[str]:
    yield '<main id="browser"><aside><input id="q" type="search" placeholder="search cases, reasons, actions  ( / )" '
    yield 'aria-label="search" autocomplete="off" spellcheck="false"><div class="filters">'
    for name in ("run", "outcome", "failure", "family", "kind", "difficulty"):
        yield f'<select id="f-{name}" aria-label="{name}"></select>'
    yield '</div><p id="count" role="status"></p><ol id="rows"></ol>'
    yield '<button id="more" type="button">more</button></aside>'
    yield '<article id="episode" tabindex="-1"></article></main>'
    yield '<dialog id="keys"><h2>Keys</h2><dl>'
    for key, does in _KEYS.items():
        yield f"<div><dt><kbd>{escape(key)}</kbd></dt><dd>{escape(does)}</dd></div>"
    yield '</dl><form method="dialog"><button>close</button></form></dialog>'


def _inert(data: Any) -> str:
    """Returns JSON that cannot end the script element that holds it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _stay_style() -> str:
    return files("mab_gym.charts").joinpath("stay.css").read_text(encoding="utf-8")


def _bundled(name: str) -> str:
    return files("mab_gym.report").joinpath(name).read_text(encoding="utf-8")
