"""Charts as people read them: what is in them is right, and nothing in them can do harm."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mab_gym.charts._chart import PatientChart, read_chart
from mab_gym.charts._page import page
from mab_gym.charts._summary import patients, summarize
from mab_gym.charts._terminal import rendered
from mab_gym.cli.app import app
from mab_gym.cohort._locate import archive_path
from mab_gym.cohort._spec import CANONICAL
from mab_gym.envs._scenario import Scenario
from mab_gym.errors import UsageError
from mab_gym.fhir.http._server import FhirServer, Request
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._archive import Archive, open_archive
from mab_gym.fhir.store._build import build_tables
from tests.processes import PATIENCE

NOW = datetime(2023, 11, 13, 10, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def canonical(scenario: Scenario) -> Archive:
    return open_archive(archive_path(CANONICAL))


def made(*resources: dict[str, Any]) -> Archive:
    read = [parse_resource(json.dumps(each), each["resourceType"]) for each in resources]
    return Archive({table.resource_type: table for table in build_tables(read)}, {}, "")


def printed(chart: PatientChart) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    for piece in rendered(chart, NOW):
        console.print(piece)
    console.file.close()
    return console.export_text()


def observation(value: Any, when: str, status: str = "final", code: str = "K") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{code}{re.sub(r'[^0-9]', '', when)}",
        "status": status,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": code},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": when,
        **(value if isinstance(value, dict) else {"valueQuantity": {"value": value, "unit": "mmol/L"}}),
    }


PERSON = {
    "resourceType": "Patient",
    "id": "p",
    "name": [{"family": "Doe", "given": ["Jane"]}],
    "gender": "female",
    "birthDate": "1950-11-14",
}


def test_a_chart_holds_what_the_server_finds(canonical: Archive) -> None:
    server = FhirServer(canonical.tables).open()
    for mrn in list(canonical.tables["Patient"].ids)[3:100:40]:
        chart = read_chart(canonical, str(mrn))
        for code in ("K", "MG", "GLU"):
            answer = server.handle(Request("GET", f"Observation?patient={mrn}&code={code}&_sort=-date&_count=1000"))
            found = [entry["resource"] for entry in json.loads(answer.body).get("entry", ())]
            assert len(chart.series[code].points) == len(found)
            valid = [each for each in found if each["status"] != "entered-in-error"]
            assert chart.series[code].valid[-1].value == valid[0]["valueQuantity"]["value"]
        total = json.loads(server.handle(Request("GET", f"Condition?patient={mrn}&_summary=count")).body)["total"]
        assert sum(entry.count for entry in chart.conditions) == total
        assert len(chart.series["systolic"].points) == len(chart.series["diastolic"].points) > 20


def test_what_was_entered_in_error_is_never_the_latest() -> None:
    chart = read_chart(
        made(
            PERSON,
            observation(3.0, "2023-11-12T10:00:00+00:00"),
            observation(9.0, "2023-11-13T10:00:00+00:00", "entered-in-error"),
            observation(4.0, "2023-11-11T10:00:00+00:00"),
        ),
        "p",
    )
    text = printed(chart)
    assert re.search(r"^Potassium +3 +L ", text, re.MULTILINE)
    assert "entered in error" in text
    assert "Jane Doe" in text
    assert "(72 years)" in text
    shown = page(chart, NOW)
    assert '<em class="low">3 L</em>' in shown
    assert 'class="void"' in shown


def test_names_and_results_cannot_run_as_a_script() -> None:
    bad = "<script>alert(1)</script>"
    chart = read_chart(
        made(
            {**PERSON, "name": [{"family": bad}], "address": [{"line": [bad]}]},
            observation({"valueString": bad}, "2023-01-01T00:00:00Z", code=bad),
            observation(1.0, "2023-01-01T00:00:00Z", code=f'x"onload="{bad}'),
        ),
        "p",
    )
    shown = page(chart, NOW)
    assert bad not in shown
    assert 'x"onload' not in shown
    assert shown.count("<script") == 1
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "")


def test_odd_shapes_do_no_harm() -> None:
    archive = made(
        {"resourceType": "Patient", "id": "p", "name": [{"text": "J"}], "birthDate": "1950"},
        {"resourceType": "Observation", "id": "1", "status": "final", "subject": {"reference": "Patient/p"}},
        observation({"valueCodeableConcept": {"text": "positive"}}, "2020"),
        observation({"component": [{"code": {"text": "part"}, "valueQuantity": {"value": 5}}]}, "2020-02-03"),
        observation({"valueQuantity": {"unit": "mg"}}, "2021-01-01T00:00:00.123Z"),
        {"resourceType": "Condition", "id": "2", "subject": {"reference": "Patient/p"}},
        {"resourceType": "Procedure", "id": "3", "status": "completed", "subject": {"reference": "Patient/p"},
         "performedPeriod": {"start": "2020-01-01"}},
        {"resourceType": "AllergyIntolerance", "id": "4", "patient": {"reference": "Patient/p"},
         "code": {"text": "nuts"}},
        {"resourceType": "MedicationRequest", "id": "5", "status": "active", "intent": "order",
         "medicationReference": {"reference": "Medication/1"}, "subject": {"reference": "Patient/p/_history/2"}},
    )  # fmt: skip
    chart = read_chart(archive, "p")
    assert chart.series["part"].points[0].value == 5
    assert chart.allergies[0].name == "nuts"
    assert chart.medications[0].name == "(not coded)"
    assert "nuts" in printed(chart)
    assert "nuts" in page(chart, NOW)
    assert page(read_chart(made({"resourceType": "Patient", "id": "p"}), "p"), NOW)
    summary = summarize(archive, NOW)
    assert summary.profiles.count == 1
    assert summary.everybody.mean_age is None or summary.everybody.count == 1
    assert next(iter(patients(archive)))[0] == "p"


def test_who_is_not_there_is_said_with_who_nearly_is(canonical: Archive) -> None:
    mrn = str(canonical.tables["Patient"].ids[0])
    with pytest.raises(UsageError, match=mrn):
        read_chart(canonical, mrn[:-1] + ("1" if mrn[-1] != "1" else "2"))


def test_a_large_chart_makes_a_small_page(canonical: Archive) -> None:
    mrn = max(patients(canonical), key=lambda each: each[4])[0]
    chart = read_chart(canonical, mrn)
    assert sum(len(series.points) for series in chart.series.values()) > 15_000
    shown = page(chart, NOW)
    assert len(shown.encode()) < 3_000_000
    assert shown.count("<svg") > 60


def test_figures_are_the_cohorts(canonical: Archive) -> None:
    summary = summarize(canonical, NOW)
    assert summary.counts["Observation"] == 563_426
    assert (summary.profiles.count, summary.everybody.count) == (100, 695)
    assert round(summary.profiles.mean_age or 0, 2) == 58.15
    assert round(summary.profiles.spread or 0, 2) == 19.82
    assert summary.profiles.female == 0.47


def test_the_commands(scenario: Scenario, tmp_path: Path, canonical: Archive) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["data", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    mrn = str(canonical.tables["Patient"].ids[5])
    assert mrn in run("show", mrn)
    assert "MB" in run("show", mrn, "--html", str(tmp_path / "chart.html"))
    assert mrn in run("patients", "--find", mrn)
    assert json.loads(run("info", "--json"))["counts"]["Patient"] == 695
    assert "58.15" in run("info")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here to look at the page with")
def test_a_browser_shows_the_plots(canonical: Archive, tmp_path: Path) -> None:
    path = tmp_path / "chart.html"
    path.write_text(page(read_chart(canonical, str(canonical.tables["Patient"].ids[2])), NOW), encoding="utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--dump-dom",
        "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.count("<svg") > 60
    assert "Uncaught" not in done.stderr
