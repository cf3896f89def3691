"""Columns under construction, and JSON as HAPI FHIR prints it.

The number of rows is known from the start, so each column is one array that is filled piece by piece; nothing is
joined at the end, which would need the memory twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, TypeVar

import numpy as np

from mab_gym.cohort._streams import Bools
from mab_gym.fhir.store._table import InstantColumn, InstantForm, IntArray, PoolColumn, smallest_unsigned

Json = Mapping[str, Any] | Sequence[Any] | str | int | float | bool


class Digits(str):
    """A number that is written with these very digits, trailing zeros too (FHIR R4, 2.24.0.1: precision counts)."""

    __slots__ = ()


def digits(whole: int, places: int) -> Digits:
    """The number ``whole / 10**places`` with exactly ``places`` digits after the point; not negative."""
    if places == 0:
        return Digits(whole)
    before, after = divmod(whole, 10**places)
    return Digits(f"{before}.{after:0{places}d}")


def pretty(value: Json, indent: int = 2) -> str:
    """JSON in HAPI's pretty form, as it stands as an element's value inside a resource at the left margin.

    Args:
        value: What to print.
        indent: Blanks before the line on which the value begins.
    """
    # What is most frequent comes first: hundreds of thousands of resources are written.
    if isinstance(value, str):
        return str(value) if isinstance(value, Digits) else encode_basestring(value)
    if isinstance(value, dict | Mapping):
        inner = " " * (indent + 2)
        members = [f"{inner}{encode_basestring(name)}: {pretty(member, indent + 2)}" for name, member in value.items()]
        return "{\n" + ",\n".join(members) + "\n" + " " * indent + "}"
    if isinstance(value, list | Sequence):
        return "[ " + ", ".join([pretty(member, indent) for member in value]) + " ]"
    return json.dumps(value)


class PoolBuilder:
    """A `PoolColumn` in the making.

    Args:
        name: The element's name.
        rows: How many rows there will be.
        choices: How many different texts there could be.
        text: Gives the text of a choice, 0 to ``choices`` - 1; called at the end, for those that occur.
    """

    def __init__(self, name: str, rows: int, choices: int, text: Callable[[int], str]) -> None:
        self._name = name
        self._text = text
        self._codes = np.zeros(rows, dtype=smallest_unsigned(choices + 1))
        self._occurs: Bools = np.zeros(choices + 1, dtype=np.bool_)

    @classmethod
    def of(cls, name: str, rows: int, values: Sequence[Json]) -> PoolBuilder:
        """A column of the given values' JSON."""
        return cls(name, rows, len(values), lambda choice: pretty(values[choice]))

    def put(self, rows: slice, codes: IntArray | int) -> None:
        """Fills rows with codes: 0 for an absent element, else 1 + the number of the choice."""
        self._codes[rows] = codes
        self._occurs[codes] = True

    def column(self) -> PoolColumn:
        """The finished column, with the texts that occur in the order of their numbers, each once."""
        self._occurs[0] = False
        texts: dict[str, int] = {}
        chosen = np.flatnonzero(self._occurs).tolist()
        final = [texts.setdefault(self._text(code - 1), len(texts) + 1) for code in chosen]
        narrow = np.zeros(len(self._occurs), dtype=smallest_unsigned(len(texts) + 1))
        narrow[chosen] = final
        return PoolColumn(self._name, narrow[self._codes], list(texts))


class InstantBuilder:
    """An `InstantColumn` in the making.

    Args:
        name: The element's name.
        rows: How many rows there will be.
        known: The ways of writing that may occur.
    """

    def __init__(self, name: str, rows: int, known: Sequence[InstantForm]) -> None:
        self._column = InstantColumn(name, np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.uint8), known)

    def put(self, rows: slice, seconds: IntArray, forms: IntArray | int) -> None:
        """Fills rows with points in time and their forms: 0 for an absent element, else 1 + index into ``known``."""
        self._column.seconds[rows] = np.where(np.asarray(forms) > 0, seconds, 0)
        self._column.forms[rows] = forms

    def column(self) -> InstantColumn:
        """The finished column."""
        return self._column


B = TypeVar("B", bound=PoolBuilder | InstantBuilder)


class TableBuilder:
    """The columns of a table in the making, apart from ``meta``.

    Args:
        resource_type: The type of its resources.
        rows: How many rows there will be.

    Attributes:
        resource_type: The type of its resources.
        builders: The columns, in the order in which a resource's elements are written.
    """

    def __init__(self, resource_type: str, rows: int) -> None:
        self.resource_type = resource_type
        self._rows = rows
        self.builders: list[PoolBuilder | InstantBuilder] = []

    def column(self, builder: B) -> B:
        """Adds a column."""
        self.builders.append(builder)
        return builder

    def pool(self, name: str, values: Sequence[Json]) -> PoolBuilder:
        """Adds a column of texts: the given values' JSON."""
        return self.column(PoolBuilder.of(name, self._rows, values))

    def instants(self, name: str, known: Sequence[InstantForm]) -> InstantBuilder:
        """Adds a column of points in time."""
        return self.column(InstantBuilder(name, self._rows, known))


ZONES = (InstantForm(19, "+00:00"), InstantForm(19, "-08:00"), InstantForm(19, "-05:00"))
"""The ways in which points in time are written. The hospital's clock runs in UTC, two sites write local time."""
