"""Tables of commands: at 80 and 120 columns nothing is cut, and --json gives the same rows as raw values."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.core import TyperGroup
from typer.testing import CliRunner

from mab_gym import _tables as t
from mab_gym.cli import _hapi
from mab_gym.cli._console import output
from mab_gym.cli.app import COMMANDS, app
from mab_gym.runs._evaluation import evaluate
from mab_gym.runs._statistics import Estimate
from tests.conftest import OUR_OFFICIAL_FILES, ROOT

WIDTHS = (80, 120)
PLAIN = {
    "play": "the episode itself",
    "serve": "a line when it listens",
    "mcp": "the protocol's messages",
    "report": "the file that it has written",
    "export": "the file that it has written",
    "data build": "the file that it has written",
    "data export": "the files that it has written",
    "tasks show": "the case, as an agent sees it",
    "tasks freeze": "the files that it has written",
    "official chart": "the file that it has written",
    "hapi up": "the address",
    "hapi load": "how much was loaded",
    "hapi snapshot": "the name of the image",
    "hapi down": "how much was removed",
}
"""The commands that print no table, with what they print."""


class Typed(NamedTuple):
    """A command as it is typed in the test.

    Attributes:
        words: Its words; ``{tmp}`` is a folder of its own, ``{run}`` a run, ``{archive}`` a small archive.
        rows: True if its JSON object holds each table's rows under the table's key.
        exits: The exit code.
    """

    words: str
    rows: bool = True
    exits: int = 0


_OFFICIAL = f"--tasks {OUR_OFFICIAL_FILES}/tasks.json"
TABLES = {
    "eval": Typed("eval --agent random --family replace_potassium --repeat 2 --out {tmp}/run", rows=False),
    "rollout": Typed("rollout --agent random --family latest_glucose --out {tmp}/run", rows=False),
    "ablate": Typed("ablate observation-length 1000,2000,none --family mean_glucose --out {tmp}/ablation"),
    "regrade": Typed("regrade {run}", exits=1),
    "submit check": Typed("submit check {run}", exits=1),
    "baselines": Typed("baselines --env {tmp}/few.toml"),
    "data info": Typed("data info {archive}", rows=False),
    "data show": Typed("data show {archive} p1"),
    "data patients": Typed("data patients {archive}"),
    "data audit": Typed("data audit {archive} {archive}", rows=False, exits=1),
    "data import": Typed("data import {tmp}/records.ndjson --out {tmp}/an-archive.mab"),
    "tasks list": Typed("tasks list"),
    "tasks audit": Typed("tasks audit --env MedAgentBench-Query-v0 --family latest_magnesium --rollouts 1", rows=False),
    "official play": Typed(f"official play {_OFFICIAL} --functions {OUR_OFFICIAL_FILES}/functions.json"),
    "official regrade": Typed(
        f"official regrade --chart {OUR_OFFICIAL_FILES}/chart.ndjson {_OFFICIAL} {{tmp}}/trajectories.jsonl", exits=1
    ),
    "official published": Typed("official published"),
    "hapi status": Typed("hapi status"),
}
"""The commands that print tables, or, as both `regrade` do, lists."""
_TIMES = ("seconds",)
"""Keys whose values differ between two calls."""

FEW = """
id = "a/Few-v0"
[tasks]
families = ["latest_glucose", "replace_potassium"]
"""
"""An environment of a query and an action, for a command that plays all cases."""
LONG = "Extraordinarily long description of an otherwise unremarkable condition, written by a very patient clerk"
RECORDS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-02-03",
        "name": [{"family": "Wolfeschlegelsteinhausenbergerdorff", "given": ["Hubert Blaine", "宇多田ヒカル"]}],
    },
    {
        "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p1"}, "recordedDate": "2023-01-02",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1234567890123"}], "text": LONG},
    },
    *(
        {
            "resourceType": "Observation", "id": f"o{day}", "status": "final", "subject": {"reference": "Patient/p1"},
            "code": {"text": "K"}, "effectiveDateTime": f"2023-11-0{day}T08:00:00Z",
            "valueQuantity": {"value": 3.1 + day, "unit": "mmol/L"},
        }
        for day in (1, 2, 3)
    ),
]  # fmt: skip


def walked(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yields every command below a group, with its words."""
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            yield from walked(each, f"{name} {each.name}")
    else:
        yield name, command


ALL = {name: command for each, place in COMMANDS.items() for name, command in walked(place.load(each), each)}


def test_every_command_either_prints_tables_or_says_what_it_prints() -> None:
    assert set(ALL) == set(TABLES) | set(PLAIN)
    assert not set(TABLES) & set(PLAIN)
    for name, command in ALL.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert ("--json" in options) == (name in TABLES), name


def test_tables_are_built_in_one_place() -> None:
    building = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "mab_gym").rglob("*.py")
        if re.search(r"rich\.table|rich import table", path.read_text(encoding="utf-8"))
    }
    assert building == {"mab_gym/_tables.py"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The places that commands work on: a run with a wrong verdict, and a small archive."""
    folder = tmp_path_factory.mktemp("made")
    evaluate(agent="random", family="replace_potassium", limit=2, out=folder / "run")
    path = folder / "run" / "episodes.jsonl"
    changed = [json.loads(line) for line in path.read_text().splitlines()]
    changed[0]["verdict"] = {**changed[0]["verdict"], "success": True}
    path.write_text("".join(json.dumps(each) + "\n" for each in changed))
    (folder / "records.ndjson").write_text("".join(json.dumps(each) + "\n" for each in RECORDS))
    archive = folder / "a-small-archive.mab"
    done = CliRunner().invoke(app, ["data", "import", str(folder / "records.ndjson"), "--out", str(archive)])
    assert done.exit_code == 0, done.output
    return {"run": str(folder / "run"), "archive": str(archive), "records": str(folder / "records.ndjson")}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for Docker."""
    labels = {"mab_gym.role": "server", "mab_gym.owner": "", "mab_gym.archive": "0b9b79dfb135d70b350729eb446fbdaef78f"}
    container = SimpleNamespace(
        name="mab-gym-hapi-7f3a9", labels=labels, status="running", port=8080, base_url="http://127.0.0.1:8080/fhir"
    )
    image = SimpleNamespace(
        tags=("mab-gym/hapi-canonical:0b9b79dfb135d70b350729eb446fbdaef78f",), labels=labels, size=1_234_567_890,
        created="2026-11-02T10:20:30.123456789Z",
    )  # fmt: skip
    there = SimpleNamespace(version="29.1.3", containers=lambda: [container], images=lambda role: [image])

    @contextmanager
    def standing_in() -> Iterator[Any]:
        yield there

    monkeypatch.setattr(_hapi, "_engine", standing_in)
    monkeypatch.setattr(_hapi, "_check_installed", lambda: None)


@pytest.fixture
def typed(made: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command at a width; gives its result and the tables that it printed."""

    def run(name: str, *more: str, width: int) -> tuple[Any, list[t.Table]]:
        tmp = tmp_path / f"{width}{''.join(more)}"
        tmp.mkdir()
        (tmp / "records.ndjson").write_text(Path(made["records"]).read_text())
        (tmp / "few.toml").write_text(FEW)
        wrong = [json.loads(line) for line in (OUR_OFFICIAL_FILES / "trajectories.jsonl").read_text().splitlines()][:3]
        (tmp / "trajectories.jsonl").write_text(
            "".join(json.dumps({**each, "correct": not each["correct"], "result": "[1]"}) + "\n" for each in wrong)
        )
        seen: list[t.Table] = []
        console = t.Table.__rich_console__

        def noting(table: t.Table, *given: Any) -> Any:
            seen.append(table)
            return console(table, *given)

        monkeypatch.setattr(t.Table, "__rich_console__", noting)
        monkeypatch.setattr(output, "width", width)
        words = TABLES[name].words.format(tmp=tmp, **made).split()
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code == TABLES[name].exits, (done.output, done.exception)
        monkeypatch.setattr(t.Table, "__rich_console__", console)
        return done, seen

    return run


@pytest.mark.parametrize("name", TABLES)
def test_no_value_is_cut_and_json_has_them_all(name: str, typed: Callable[..., Any], engine: None) -> None:
    tables: list[t.Table] = []
    for width in WIDTHS:
        done, tables = typed(name, width=width)
        assert tables or "regrade" in name
        for table in tables:
            assert_whole(table, done.stdout, width)
            assert widest(printed(table, width)) <= width
    done, none = typed(name, "--json", width=80)
    data = json.loads(done.stdout)  # and nothing beside it
    assert none == []
    assert "…" not in done.stdout
    if TABLES[name].rows:
        for table in tables:
            assert steady(data[table.key]) == steady(json.loads(json.dumps(table.data, default=t.plain))), table.key


def steady(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in _TIMES} for row in rows]


def assert_whole(table: t.Table, text: str, width: int) -> None:
    """Every heading and every value stands in the text of that width."""
    assert "…" not in text
    for place, column in enumerate(table.columns):
        for said in (column.heading, *(t.shown(column.kind, row[place]) for row in table.rows)):
            if column.kind.prose or cell_len(said) > width - 20:
                lost = [word for word in said.split() if word not in text]
            else:
                lost = [line for line in said.split("\n") if line not in text]
            assert not lost, (column.key, lost)


def printed(table: t.Table, width: int) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table)
    console.file.close()
    return console.export_text()


def widest(text: str) -> int:
    return max(map(cell_len, text.splitlines()))


SHAPES = 100
"""Each has up to 14 of 7 kinds of columns at three widths: every kind stands dozens of times beside every other."""


def test_tables_of_any_shape_are_whole_at_any_width() -> None:
    chance = random.Random(7)
    kinds: list[tuple[t.Kind, Callable[[], Any]]] = [
        (t.TEXT, lambda: "x" * chance.randint(0, 40)),
        (t.PROSE, lambda: " ".join("word" * chance.randint(1, 4) for _ in range(chance.randint(0, 20)))),
        (t.COUNT, lambda: chance.randint(0, 10**12)),
        (t.PERCENT, chance.random),
        (t.ESTIMATE, lambda: Estimate(chance.random(), 0.01, 0.99, 300)),
        (t.TEXT, lambda: None),
        (t.TEXT, lambda: "心電図" * chance.randint(1, 5)),
    ]
    for _ in range(SHAPES):
        chosen = [chance.choice(kinds) for _ in range(chance.randint(1, 14))]
        columns = [t.Column(f"heading {number}", f"key{number}", kind) for number, (kind, _) in enumerate(chosen)]
        rows = [[value() for _, value in chosen] for _ in range(chance.randint(1, 6))]
        table = t.Table("rows", "", columns, rows, names=chance.randint(1, min(2, len(columns))))
        for width in (60, 80, 120):
            text = printed(table, width)
            assert_whole(table, text, width)
            assert widest(text) <= width


def test_what_could_steer_a_terminal_is_replaced() -> None:
    table = t.Table("rows", "", [t.Column("name", "name")], [("\x1b[31mred\x07\ud800",), ("[bold]plain[/]",)])
    text = printed(table, 80)
    assert "�[31mred��" in text
    assert "[bold]plain[/]" in text
    assert json.loads(json.dumps(table.data))[0]["name"] == "\x1b[31mred\x07\ud800"
