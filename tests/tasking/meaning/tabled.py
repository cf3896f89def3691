"""Tables of what is written and what it means, as text files in the folder ``tables``.

A line at the margin is an input; the lines below it that are set in say what comes of it, one thing a line, and nothing
where nothing does. A line that begins with ``#`` is a heading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from mab_gym.fhir.model._dates import Period
from mab_gym.tasking.meaning._said import FreeText, Order, Refusal
from mab_gym.tasking.meaning.often import Often
from mab_gym.tasking.meaning.units import Amount

FOLDER = Path(__file__).parent / "tables"
GRAVITY = {True: "unsafe", False: "refused"}
KINDS = {True: "name", False: "text"}


def rows(name: str) -> list[ParameterSet]:
    """The inputs of a table, each with the lines below it."""
    found: list[ParameterSet] = []
    told: list[str] = []
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            told.append(line[4:])
        elif line and not line.startswith("#"):
            told = []
            found.append(pytest.param(line, told, id=line[:80]))
    return found


def shown(value: Any) -> str:
    """A value as tables write it."""
    match value:
        case Amount():
            return f"{value.size:.9g} {value.dimension}"
        case Often():
            return str(value)
        case Period():
            ends = "/".join(_moment(each) for each in (value.low, value.high))
            days = "" if value.low_day == value.high_day else f" to {value.high_day}"
            return f"{ends} on {value.low_day}{days}{' at a time' if value.timed else ''}"
        case tuple():
            return " with ".join(map(shown, value))
    return repr(value)


def statements(order: Order) -> list[str]:
    """All that was read of a resource."""
    said = [f"{facet}: {shown(each.value)} <- {each.element}" for facet, all_ in order.said.items() for each in all_]
    return [*said, *map(_refused, order.refused), *_texts(order.texts)]


def _refused(refusal: Refusal) -> str:
    return f"{GRAVITY[refusal.critical]}: {shown(refusal.value)} <- {refusal.element} | {refusal.why}"


def _texts(texts: Sequence[FreeText]) -> Iterator[str]:
    for text in texts:
        yield f"{KINDS[text.names]}: {shown(text.text)} <- {text.element}"


def _moment(milliseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00")
