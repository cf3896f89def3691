"""Tables: described once by columns and rows of raw values, for the terminal and for JSON.

In the terminal no value is ever cut: a table that is too wide goes on in a second block below, which begins with the
same names of rows; where even one column beside them is too wide, each row is written as a paragraph. As JSON a table
is a list of objects with raw values (`Table.data`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

_GAP = 2
"""Characters between two columns."""
_PROSE = 30
"""The least width of a column of prose, if its text is longer."""


class Kind(NamedTuple):
    """The kind of a column's values.

    Attributes:
        form: Turns a raw value into text; never called with None, which is shown as a dash.
        right: True to set the text flush right.
        prose: True for words, which may go on in the next line.
        style: Gives a style for a value.
    """

    form: Callable[[Any], str] = str
    right: bool = True
    prose: bool = False
    style: Callable[[Any], str] = lambda value: ""


def _decimals(places: int) -> Callable[[Any], str]:
    return lambda value: f"{value:,.{places}f}"


def _estimate(found: Any) -> str:
    return f"{100 * found.value:.1f}\n{100 * found.low:.1f}–{100 * found.high:.1f}"


TEXT = Kind(right=False)
PROSE = Kind(right=False, prose=True)
LIST = Kind(", ".join, right=False, prose=True)
COUNT = Kind("{:,}".format)
NUMBER = Kind("{:g}".format)
ONE, TWO, FOUR = (Kind(_decimals(places)) for places in (1, 2, 4))
SECONDS = Kind("{:.1f} s".format)
PERCENT = Kind(lambda share: f"{100 * share:.1f}")
"""A share from 0 to 1, shown in percent."""
WHOLE_PERCENT = Kind(lambda share: f"{100 * share:.0f}")
ESTIMATE = Kind(_estimate)
"""An estimate with its interval, both shown in percent."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: The heading in the terminal.
        key: The key in JSON.
        kind: The kind of its values.
    """

    heading: str
    key: str
    kind: Kind = TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        key: The key of its rows in JSON.
        title: The line above it.
        columns: Its columns.
        rows: Its rows; each has a raw value for each column.
        names: The number of first columns that say what a row is about; each block of a wide table begins with them.
        note: A line below it.
    """

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    names: int = 1
    note: str = ""

    @property
    def data(self) -> list[dict[str, Any]]:
        """The rows with their raw values by key."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yields title, blocks and note, for a console of any width."""
        if self.title:
            yield Text(self.title, "italic", overflow="fold")
        for block in self._blocks(options.max_width):
            yield block
            yield Text()
        if self.note:
            yield Text(self.note + "\n", "dim", overflow="fold")

    def _blocks(self, width: int) -> Iterator[RenderableType]:
        laid = [_Laid(column, [row[place] for row in self.rows]) for place, column in enumerate(self.columns)]
        names, further = laid[: self.names], laid[self.names :]
        room = width - sum(column.least + _GAP for column in names)
        if any(column.least > room for column in further):
            yield from map(self._paragraph, self.rows)
            return
        block: list[_Laid] = []
        for column in further:
            if block and sum(each.least + _GAP for each in block) + column.least > room:
                yield _block([*names, *block], width)
                block = []
            block.append(column)
        yield _block([*names, *block], width)

    def _paragraph(self, row: Sequence[Any]) -> Text:
        said = ((column, shown(column.kind, value)) for column, value in zip(self.columns, row, strict=True))
        lines = [f"{_in_one(column.heading)}: {_in_one(text)}" for column, text in said]
        return Text("\n".join(lines) + "\n", overflow="fold")


class _Laid:
    """A column with its texts, and the widths that it may have."""

    def __init__(self, column: Column, values: Sequence[Any]) -> None:
        self.column = column
        self.cells = [
            Text(shown(column.kind, value), "" if value is None else column.kind.style(value)) for value in values
        ]
        texts = [column.heading, *(cell.plain for cell in self.cells)]
        self.full = max(cell_len(line) for text in texts for line in text.split("\n"))
        words = max((cell_len(word) for text in texts for word in text.split()), default=0)
        self.least = max(words, min(self.full, _PROSE)) if column.kind.prose else self.full


def _block(columns: Sequence[_Laid], width: int) -> RichTable:
    table = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    spare = width - sum(column.least + _GAP for column in columns) + _GAP
    wanting = sum(column.least < column.full for column in columns)
    for column in sorted(columns, key=lambda each: each.full - each.least):
        if column.least < column.full:
            more = min(column.full - column.least, spare // wanting)
            column.least, spare, wanting = column.least + more, spare - more, wanting - 1
    for column in columns:
        table.add_column(
            Text(column.column.heading),
            justify="right" if column.column.kind.right else "left",
            width=column.least,
            overflow="fold",
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def shown(kind: Kind, value: Any) -> str:
    """Returns a value as the terminal shows it; characters that could steer a terminal are replaced."""
    text = "–" if value is None else kind.form(value)
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)


def _in_one(text: str) -> str:
    return " ".join(text.split())


def plain(value: Any) -> Any:
    """Turns a value that JSON does not know into one that it knows: for ``json.dumps(…, default=plain)``."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
