"""The short chart that tests of the official protocol share, and a way to play turns on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mab_gym.backends.embedded._backend import EmbeddedBackend
from mab_gym.official._conversation import Conversation
from mab_gym.official._grading import Grade, grade
from mab_gym.official._records import open_chart
from mab_gym.official._regrade import replay
from mab_gym.official._tasks import NOW, OfficialTask
from mab_gym.tasking.chart import Chart

BASE = "http://localhost:8080/fhir"
SBAR = "Situation: knee. Background: scan. Assessment: tear. Recommendation: see."
SHARED = Path(__file__).resolve().parents[3] / "shared"


def patient(mrn: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": mrn, "identifier": [{"value": mrn}], **more}


def result(mrn: str, code: str, moment: str, value: float | None, unit: str = "mg/dL") -> dict[str, Any]:
    made = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": code},
        "subject": {"reference": f"Patient/{mrn}"},
        "effectiveDateTime": moment,
    }
    return made if value is None else {**made, "valueQuantity": {"value": value, "unit": unit}}


def day(clock: str, number: int = 13) -> str:
    return f"2023-11-{number:02d}T{clock}:00+00:00"


# Each patient's results, in the server's order.
RESULTS: dict[str, list[tuple[str, str, float | None]]] = {
    # Exactly 24 hours old counts; of two at one moment the first; later ones come last.
    "S0000001": [("MG", day("10:15", 12), 1.5), ("GLU", day("08:00"), 100), ("GLU", day("09:00"), 110)],
    "S0000002": [("MG", day("10:14", 12), 0.5), ("GLU", day("10:14", 12), 80), ("K", day("09:00"), 3.5)],
    "S0000003": [("MG", day("09:00"), 1.9), ("MG", day("09:00"), 4.2), ("MG", day("08:00"), 5)],
    "S0000004": [("MG", day("09:00"), 1.91), ("K", day("09:00", 1), 3.2), ("K", day("09:00"), 3.4)],
    # A moment later than now is the latest; a clock of another zone is read as what it means.
    "S0000005": [("MG", day("12:00"), 0.99), ("A1C", "2022-11-13T10:15:00+00:00", 6.5)],
    "S0000006": [("MG", "2023-11-12T05:15:00-05:00", 1.0), ("A1C", "2022-11-13T10:14:59+00:00", 7)],
    # What has no value is nothing that a grader expects.
    "S0000007": [("MG", day("09:00"), 1.2), ("MG", day("08:00"), None)],
    "S0000008": [],
}


@pytest.fixture(scope="session")
def chart_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    resources = [
        patient("S0000001", birthDate="1960-11-13"),
        patient("S0000002", birthDate="1960-11-14"),
        patient("S0000003", birthDate="1960"),
        *(patient(mrn) for mrn in RESULTS if mrn > "S0000003"),
        *(result(mrn, *values) for mrn, listed in RESULTS.items() for values in listed),
    ]
    path = tmp_path_factory.mktemp("chart") / "chart.ndjson"
    path.write_text("\n".join(json.dumps({"id": f"o{n}", **entry}) for n, entry in enumerate(resources)))
    return path


@pytest.fixture(scope="session")
def backend(chart_file: Path) -> EmbeddedBackend:
    return open_chart(chart_file)


@pytest.fixture(scope="session")
def chart(backend: EmbeddedBackend) -> Chart:
    return Chart(backend)


def make_task(category: int, mrn: str = "S0000001", solution: tuple[Any, ...] | None = None) -> OfficialTask:
    instruction = {3: 'It is "118/77 mmHg".', 8: f'Refer, and write "{SBAR}"'}.get(category, "What?")
    return OfficialTask(f"task{category}_1", category, instruction, f"It's {NOW} now.", mrn, solution)


Judge = Callable[..., Grade]


@pytest.fixture
def judge(backend: EmbeddedBackend, chart: Chart) -> Judge:
    """Grades turns: ``judge(task, turn, turn, ...)``; a turn that is no text is the payload of a POST."""

    def play(task: OfficialTask, *turns: str | dict[str, Any]) -> Grade:
        texts = [turn if isinstance(turn, str) else post(turn) for turn in turns]
        given = grade(task, replay(backend, texts), chart)
        assert (given.reason == "") is given.correct, "a rejection says why"
        assert given.reason != "None", "in words"
        return given

    return play


@pytest.fixture
def conversation(backend: EmbeddedBackend) -> Conversation:
    return Conversation(backend.open(), "opening")


def post(payload: dict[str, Any], url: str | None = None) -> str:
    return f"POST {url or BASE + '/' + payload['resourceType']}\n{json.dumps(payload)}"


def finish(*answer: Any) -> str:
    return f"FINISH({json.dumps(list(answer))})"
