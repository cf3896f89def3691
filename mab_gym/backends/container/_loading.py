"""Loads an archive into a FHIR server by transaction Bundles, several at a time; goes on where it was cut off.

People come first, then their charts, side by side: the server numbers the resources of one patient in the order of the
archive, and those of different patients in any order. The Bundles depend on the archive alone, so a file with their
numbers says which are loaded. Loading one twice changes nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Final

import numpy as np

from mab_gym.backends._state import counts
from mab_gym.client._transport import Transport
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._table import IntArray, PoolColumn

SIZE: Final = 400
"""Resources in a Bundle."""
WORKERS: Final = 2
_TIMEOUT: Final = 600.0
_TRIES: Final = 4
_SENT: Final[Mapping[str, str]] = {"content-type": "application/fhir+json"}
_PATIENT: Final = re.compile(r'"Patient/([A-Za-z0-9\-.]{1,64})"')

Row = tuple[str, int]
"""A resource: its type and its row."""
Chain = list[list[Row]]
"""Bundles that have to be loaded one after the other."""
Tell = Callable[[int, int], None]
"""Called with the number of resources that are loaded, and of all resources."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of a load.

    Attributes:
        resources: The number of resources of the archive that the server holds now.
        before: The number of those that an earlier run had loaded.
        seconds: The time that this run took.
    """

    resources: int
    before: int
    seconds: float


def load(
    tables: Mapping[str, BaseTable],
    base_url: str,
    progress_file: Path,
    what: str,
    tell: Tell = lambda done, total: None,
    workers: int = WORKERS,
    size: int = SIZE,
    pause: float = 1.0,
) -> Loaded:
    """Loads all resources, under the ids that they have.

    Args:
        tables: The archive's tables.
        base_url: The server's FHIR base. It must take ids from clients, even those of digits alone.
        progress_file: The file with the numbers of the Bundles that are loaded; removed at the end.
        what: Identifies archive and server; the file of another load is begun anew.
        tell: Called as the load goes on.
        workers: The number of Bundles at a time.
        size: Resources in a Bundle.
        pause: Seconds before a failed Bundle is sent again; doubled each time.

    Raises:
        InfrastructureError: The server refuses a Bundle, does not answer, or holds something else at the end.
    """
    begun = time.monotonic()
    first, chains = plan(tables, size)
    every = [*first, *(bundle for chain in chains for bundle in chain)]
    numbers = {id(bundle): number for number, bundle in enumerate(every)}
    total = sum(map(len, every))
    transport = Transport(base_url, timeout=_TIMEOUT)
    stop = Event()
    with _Notes(progress_file, f"{what} {size}") as notes:
        before = sum(len(bundle) for bundle in every if numbers[id(bundle)] in notes.done)
        counter = _Counter(before, total, tell)

        def put(chain: Sequence[list[Row]]) -> None:
            for bundle in chain:
                number = numbers[id(bundle)]
                if number not in notes.done and not stop.is_set():
                    _put(transport, tables, bundle, pause)
                    notes.add(number)
                    counter.add(len(bundle))

        try:
            put(first)
            with ThreadPoolExecutor(workers) as executor:
                try:
                    for _ in executor.map(put, chains):
                        pass
                except BaseException:
                    stop.set()
                    executor.shutdown(cancel_futures=True)
                    raise
            check_counts(transport, tables)
        finally:
            transport.close()
        notes.forget()
    return Loaded(total, before, time.monotonic() - begun)


def check_counts(transport: Transport, tables: Mapping[str, BaseTable]) -> dict[str, int]:
    """Checks that a server holds as many resources of each type as an archive, and returns the numbers.

    Raises:
        InfrastructureError: It does not; the text names each type.
    """
    wanted = {name: len(table) for name, table in tables.items()}
    found = counts(transport, wanted)
    if found != wanted:
        wrong = ", ".join(
            f"{found[name]:,} of {wanted[name]:,} {name}" for name in wanted if found[name] != wanted[name]
        )
        more = any(found[name] > wanted[name] for name in wanted)
        way = "begin with an empty server: mab-gym hapi down, mab-gym hapi up" if more else "mab-gym hapi load goes on"
        raise InfrastructureError(f"the server does not hold what the archive holds: {wrong}; {way}")
    return wanted


def plan(tables: Mapping[str, BaseTable], size: int = SIZE) -> tuple[Chain, list[Chain]]:
    """Returns the Bundles that are loaded first, one after the other, and the charts that are loaded side by side.

    Args:
        tables: The archive's tables.
        size: Resources in a Bundle.
    """
    people = tables.get("Patient")
    ids = {} if people is None else {str(logical_id): row for row, logical_id in enumerate(people.table.ids)}
    first: list[Row] = [("Patient", row) for row in ids.values()]
    charts: dict[int, list[tuple[int, Row]]] = {}
    unowned: list[tuple[int, Row]] = []
    for name, table in tables.items():
        if name == "Patient":
            continue
        places = np.asarray(table.positions).tolist()
        for row, owner in enumerate(_owners(table, ids).tolist()):
            chart = unowned if owner < 0 else charts.setdefault(owner, [])
            chart.append((int(places[row]), (name, row)))
    first.extend(row for _, row in sorted(unowned))
    chains: list[Chain] = []
    gathered: list[Row] = []
    for owner in sorted(charts):
        rows = [row for _, row in sorted(charts[owner])]
        if len(rows) >= size:
            chains.append(list(_cut(rows, size)))
            continue
        if len(gathered) + len(rows) > size:
            chains.append([gathered])
            gathered = []
        gathered.extend(rows)
    if gathered:
        chains.append([gathered])
    return list(_cut(first, size)), chains


def _owners(table: BaseTable, ids: Mapping[str, int]) -> IntArray:
    """Returns the row of each resource's patient, -1 where there is none; of shape ``(rows,)``."""
    owners = np.full(len(table), -1, dtype=np.int64)
    for column in table.table.columns:
        if isinstance(column, PoolColumn) and column.name in ("subject", "patient", "beneficiary", "for"):
            found = (_PATIENT.search(text) for text in column.texts)
            known = np.array([-1, *(ids.get(match[1], -1) if match else -1 for match in found)], dtype=np.int64)
            owners = np.maximum(owners, known[column.codes])
    return owners


def _cut(rows: list[Row], size: int) -> Iterator[list[Row]]:
    return (rows[begin : begin + size] for begin in range(0, len(rows), size))


def _put(transport: Transport, tables: Mapping[str, BaseTable], bundle: Sequence[Row], pause: float) -> None:
    entries = ",".join(
        f'{{"resource":{tables[name].text(row)},'
        f'"request":{{"method":"PUT","url":"{name}/{tables[name].table.ids[row]}"}}}}'
        for name, row in bundle
    )
    body = f'{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}'
    said = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            response = transport.send(Request("POST", "", _SENT, body))
        except InfrastructureError as error:
            said = str(error)
            continue
        if response.status == 200:
            return
        said = f"it answers {response.status}: {response.body[:500]}"
        if response.status < 500:
            break
    raise InfrastructureError(f"the server does not take a Bundle from {bundle[0][0]} on; {said}")


class _Notes:
    """A file with the numbers of the Bundles that are loaded, after a line that names the load."""

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._lock = Lock()
        self.done: set[int] = set()
        head = json.dumps(what)
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        if lines and lines[0] == head:
            # The last line may have been cut off.
            self.done = {int(line) for line in lines[1:-1] if line.isdigit()}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._file.write("\n".join([head, *map(str, sorted(self.done))]) + "\n")
        self._file.flush()

    def add(self, number: int) -> None:
        with self._lock:
            self._file.write(f"{number}\n")
            self._file.flush()

    def forget(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> _Notes:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class _Counter:
    """Counts resources that several threads load."""

    def __init__(self, done: int, total: int, tell: Tell) -> None:
        self._done, self._total, self._tell = done, total, tell
        self._lock = Lock()
        tell(done, total)

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._tell(self._done, self._total)
