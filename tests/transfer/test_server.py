"""Imports from a running server: all pages, cut off and gone on with, and what goes wrong on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mab_gym.cohort._generate import generate
from mab_gym.cohort._spec import CohortSpec
from mab_gym.errors import RecordsError, UsageError
from mab_gym.fhir.http._server import FhirServer, Request
from mab_gym.fhir.store._archive import open_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._table import Table
from mab_gym.transfer import _crawling
from mab_gym.transfer._crawling import import_server

SPEC = CohortSpec("small", 5, 2, 6, 650, 40, 40, 40)
TABLES: dict[str, Table] = {table.resource_type: table for table in generate(SPEC)}
Answer = tuple[int, str] | tuple[int, str, dict[str, str]]
Fault = Callable[[int, str], Answer | None]


class Hospital:
    """The embedded server behind HTTP, with faults put in its way."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[str | None] = []
        self.fault: Fault = lambda number, path: None
        hospital = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hospital.asked.append(self.path)
                hospital.told.append(self.headers["Cache-Control"])
                answer = hospital.fault(len(hospital.asked), self.path)
                if answer is None:
                    response = hospital.session.handle(Request("GET", self.path.removeprefix("/fhir").lstrip("/")))
                    answer = response.status, response.body
                body = answer[1].encode()
                self.send_response(answer[0])
                headers = {"Content-Length": str(len(body)), **(answer[2] if len(answer) == 3 else {})}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_address[1]}/fhir"
        self.session = FhirServer(TABLES, self.base).open()
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    running = Hospital()
    yield running
    running.http.shutdown()
    running.http.server_close()


def texts(table: Table) -> list[str]:
    return [BaseTable(table).text(row) for row in range(len(table))]


THERE = {name: texts(table) for name, table in TABLES.items()}


def same_as_there(path: Path) -> bool:
    return {name: texts(table) for name, table in open_archive(path).tables.items()} == THERE


def test_everything_is_fetched_in_its_order(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_crawling, "PAGE", 150)
    seen: list[str] = []
    imported = import_server(hospital.base, tmp_path / "h.mab", "h", tell=lambda what, done, total: seen.append(what))
    assert imported.counts == {name: len(table) for name, table in TABLES.items()}
    assert same_as_there(tmp_path / "h.mab")
    assert [path.name for path in tmp_path.iterdir()] == ["h.mab"]
    assert "Observation" in seen
    assert sum("_getpages" in path for path in hospital.asked) >= 3


def test_a_run_that_was_cut_off_goes_on(hospital: Hospital, tmp_path: Path) -> None:
    chosen = list(TABLES)

    def stop(number: int, path: str) -> Answer | None:
        return (403, "no") if number > 5 else None

    hospital.fault = stop
    with pytest.raises(RecordsError, match="go on"):
        import_server(hospital.base, tmp_path / "h.mab", "h", chosen, pause=0)
    assert not (tmp_path / "h.mab").exists()
    # What a kill between writing a page and saying so leaves behind:
    with (tmp_path / "h.mab.partial" / "Observation.ndjson").open("a") as file:
        file.write('{"resourceType": "Observation", "id": "half')
    fetched = list(hospital.asked)
    hospital.fault = lambda number, path: None
    import_server(hospital.base, tmp_path / "h.mab", "h", chosen, pause=0)
    assert same_as_there(tmp_path / "h.mab")
    assert not set(fetched[1:4]) & set(hospital.asked[len(fetched) :])


def test_a_server_that_stumbles_is_asked_again(hospital: Hospital, tmp_path: Path) -> None:
    hospital.fault = lambda number, path: (500 + number % 4, "{}") if number % 2 else None
    import_server(hospital.base, tmp_path / "h.mab", "h", list(TABLES), pause=0)
    assert same_as_there(tmp_path / "h.mab")


def test_forgotten_pages_are_begun_anew(hospital: Hospital, tmp_path: Path) -> None:
    forgotten: list[str] = []

    def forget(number: int, path: str) -> Answer | None:
        if "_getpages" in path and not forgotten:
            forgotten.append(path)
            return 410, json.dumps({"resourceType": "OperationOutcome"})
        return None

    hospital.fault = forget
    import_server(hospital.base, tmp_path / "h.mab", "h", list(TABLES), pause=0)
    assert forgotten
    assert same_as_there(tmp_path / "h.mab")


def test_no_page_of_another_server_is_fetched(hospital: Hospital, tmp_path: Path) -> None:
    page = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "http://example.org/fhir?page=2"}]}
    hospital.fault = lambda number, path: (200, json.dumps(page))
    with pytest.raises(RecordsError, match=r"example\.org"):
        import_server(hospital.base, tmp_path / "h.mab", "h", ["Patient"], pause=0)


def test_what_is_no_fhir_server_is_said(hospital: Hospital, tmp_path: Path) -> None:
    hospital.fault = lambda number, path: (200, "<html>hello</html>")
    with pytest.raises(RecordsError, match="FHIR base"):
        import_server(hospital.base, tmp_path / "h.mab", "h", pause=0)
    with pytest.raises(UsageError, match="base URL"):
        import_server("localhost:8080", tmp_path / "h.mab", "h")
    hospital.fault = lambda number, path: (401, "{}")
    with pytest.raises(RecordsError, match="status 401"):
        import_server(hospital.base, tmp_path / "h.mab", "h", pause=0)


def test_parts_of_another_import_are_not_mixed_in(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "h.mab.partial").mkdir()
    (tmp_path / "h.mab.partial" / "state.json").write_text('{"base": "http://elsewhere/fhir", "types": {}}')
    with pytest.raises(UsageError, match="elsewhere"):
        import_server(hospital.base, tmp_path / "h.mab", "h")


def test_pages_that_go_round_are_said(hospital: Hospital, tmp_path: Path) -> None:
    link = [{"relation": "next", "url": f"{hospital.base}?page=2"}]
    page = {"resourceType": "Bundle", "link": link, "entry": [{"resource": {"resourceType": "Patient", "id": "a"}}]}
    hospital.fault = lambda number, path: (200, json.dumps(page))
    with pytest.raises(RecordsError, match="leads to an earlier page"):
        import_server(hospital.base, tmp_path / "h.mab", "h", ["Patient"], pause=0)


@pytest.mark.parametrize("closed", [True, False], ids=["the line", "the server"])
def test_an_answer_that_breaks_off_is_asked_for_again(hospital: Hospital, tmp_path: Path, closed: bool) -> None:
    cut: set[str] = set()

    def fault(number: int, path: str) -> Answer | None:
        if path in cut or "metadata" in path:
            return None
        cut.add(path)
        body = hospital.session.handle(Request("GET", path.removeprefix("/fhir").lstrip("/"))).body
        half = body[: len(body) // 2]
        return (200, half, {"Content-Length": str(len(body))}) if closed else (200, half)

    hospital.fault = fault
    import_server(hospital.base, tmp_path / "h.mab", "h", pause=0)
    assert same_as_there(tmp_path / "h.mab")


def test_answers_that_always_break_off_are_named(hospital: Hospital, tmp_path: Path) -> None:
    hospital.fault = lambda number, path: (200, '{"resourceType": "Bundle", "ent') if "Observation" in path else None
    with pytest.raises(RecordsError, match="Observation did not answer with resources: its answer breaks off"):
        import_server(hospital.base, tmp_path / "h.mab", "h", ["Patient", "Observation"], pause=0)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("7", 7, 7), ("0", 0, 0), ("86400", 60, 60), ("in an hour", 1, 1), ("-3", 1, 1), ("DATE", 15, 20), ("PAST", 0, 0)],
)
def test_a_server_that_asks_to_wait_is_waited_for(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, least: float, most: float
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    dates = {"DATE": datetime.now(UTC) + timedelta(seconds=20), "PAST": datetime(2001, 1, 1, tzinfo=UTC)}
    header = format_datetime(dates[asked], usegmt=True) if asked in dates else asked
    statuses = {2: 429, 4: 503}
    hospital.fault = lambda number, path: (
        (statuses[number], "{}", {"Retry-After": header}) if number in statuses else None
    )
    import_server(hospital.base, tmp_path / "h.mab", "h", list(TABLES), pause=1)
    assert same_as_there(tmp_path / "h.mab")
    assert len(waited) == 2
    assert all(least <= seconds <= most for seconds in waited)


@pytest.mark.parametrize("types", [[], ["Patient"]])
def test_another_version_of_fhir_is_refused_before_anything_is_fetched(
    hospital: Hospital, tmp_path: Path, types: list[str]
) -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0", "rest": [{"mode": "server"}]}
    hospital.fault = lambda number, path: (200, json.dumps(statement)) if "metadata" in path else None
    with pytest.raises(RecordsError, match=r"speaks FHIR 5\.0\.0"):
        import_server(hospital.base, tmp_path / "h.mab", "h", types, pause=0)
    assert len(hospital.asked) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [(200, '{"resourceType": "CapabilityStatement"}'), (404, "{}"), (401, "{}")])
def test_a_server_that_says_nothing_of_its_version_is_taken(
    hospital: Hospital, tmp_path: Path, answer: tuple[int, str]
) -> None:
    hospital.fault = lambda number, path: answer if "metadata" in path else None
    import_server(hospital.base, tmp_path / "h.mab", "h", list(TABLES), pause=0)
    assert same_as_there(tmp_path / "h.mab")


def test_an_answer_that_is_no_bundle_is_named(hospital: Hospital, tmp_path: Path) -> None:
    hospital.fault = lambda number, path: (200, '{"resourceType": "OperationOutcome"}')
    with pytest.raises(RecordsError, match="'OperationOutcome', not with a Bundle"):
        import_server(hospital.base, tmp_path / "h.mab", "h", ["Patient"], pause=0)


def test_a_server_is_told_not_to_answer_from_a_cache(hospital: Hospital, tmp_path: Path) -> None:
    """HAPI gives the results of a minute ago otherwise, without what was stored since."""
    import_server(hospital.base, tmp_path / "h.mab", "h", pause=0)
    assert set(hospital.told) == {"no-cache"}
