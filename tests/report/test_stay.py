"""Episodes on the clock: the record keeps the stay; the report and ``render`` draw it with the agent's actions."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import mab_gym
from mab_gym.agents._reference import Oracle
from mab_gym.charts._stay_course import course_stay
from mab_gym.charts._stay_text import stay_lines
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import RunFolder, read_records
from mab_gym.runs._rollout import assignments, play_until_judged
from tests.dynamics.test_stay_episodes import FAMILY
from tests.report.conftest import make_report
from tests.report.test_page import Page

SOLUTION = """
def asked(case, **more):
    return {"intent": "order", "status": "active", "subject": {"reference": f"Patient/{case['mrn']}"}, **more}

def potassium(case):
    return asked(case, resourceType="ServiceRequest", priority="stat", code={"text": "potassium"})

def drug(case, name, text):
    return asked(case, resourceType="MedicationRequest", medicationCodeableConcept={"text": name},
                 dosageInstruction=[{"text": text}])

def solve(case, desk):
    yield desk.post(potassium(case))
    yield desk.wait(90)
    reply = yield desk.post(drug(case, "potassium chloride", "20 mEq PO every 4 hours"))
    stored = reply.resources[0]
    yield desk.post(drug(case, "potassium chloride", "10 mEq/h IV over 4 hours"))
    yield desk.wait(5 * 60)
    yield desk.post(potassium(case))
    yield desk.wait(8 * 60)
    yield desk.put({**stored, "status": "stopped"})
    yield desk.finish([])
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> gymnasium.Env[Any, str]:
    folder = tmp_path_factory.mktemp("stay")
    family = folder / "tasks" / "raise_slowly"
    family.mkdir(parents=True)
    course = FAMILY["course.py"].replace("chart=chart,", "chart=chart, haemolysed={'potassium': [2]},")
    for name, text in {**FAMILY, "solution.py": SOLUTION, "course.py": course}.items():
        (family / name).write_text(text, encoding="utf-8")
    (folder / "clock.toml").write_text(
        'id = "tests/DrawnStay-v0"\n[tasks]\nfolder = "tasks"\ncases = "drawn"\ncount = 1\nseed = 5\n'
        '[data]\ncohort = "reduced"\n[episode]\nactions = ["GET", "POST", "PUT"]\n',
        encoding="utf-8",
    )
    return mab_gym.make(str(folder / "clock.toml"), render_mode="ansi")


@pytest.fixture(scope="module")
def run(env: gymnasium.Env[Any, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    scenario = unwrapped(env).scenario
    about = {
        "env": "tests/DrawnStay-v0", "agent": "oracle", "protocol": "ehr", "max_steps": 12, "file": None,
        "archive": scenario.backend.digest,
    }  # fmt: skip
    with RunFolder(folder, about) as written:
        for assignment in assignments(unwrapped(env))[:1]:
            written.add(play_until_judged(env, Oracle(), assignment))
    return folder


@pytest.fixture(scope="module")
def record(run: Path) -> dict[str, Any]:
    (found,) = read_records(run)
    return dict(found)


def test_a_record_keeps_the_stay_as_plain_data(record: dict[str, Any]) -> None:
    told = record["course"]
    assert (told["horizon"], told["minute"], told["finished"]) == (1440, 1440, True)
    assert [each["method"] for each in told["actions"]] == ["POST"] * 7 + ["PUT"]
    assert [each["status"] for each in told["actions"]] == [201, 200, 201, 201, 200, 201, 200, 200]
    assert told["truth"]["potassium"][-1][0] == 1440
    assert {each["drug"] for each in told["given"]} == {"potassium chloride"}
    assert "NaN" not in json.dumps(told)
    assert "Infinity" not in json.dumps(told)


def test_records_without_a_clock_are_as_before(runs: list[Path]) -> None:
    assert all("course" not in each for each in read_records(runs[0]))


def test_the_stay_of_a_record_is_drawn(record: dict[str, Any]) -> None:
    stay = course_stay(record["course"], "raise_slowly/01", record["actions"])
    (potassium, glucose) = stay.results
    assert (potassium.name, [point.spoilt for point in potassium.series[0].points]) == ("Potassium", [False, True])
    assert len(potassium.true) > 90
    assert glucose.series[0].points == []
    (drug,) = stay.drugs
    drips = [given for given in drug.given if given.end is not None]
    assert [(given.rate, given.end - given.time) for given in drips if given.end] == [(10.0, 4 * 3600)]
    assert len(drug.given) - len(drips) >= 3
    assert len(drug.orders) == 2
    actions = [moment for moment in stay.moments if moment.kind == "action"]
    assert len(actions) == 9
    assert actions[-1].text == "FINISH([])"
    assert [moment.time for moment in actions] == sorted(moment.time for moment in actions)
    told = [moment.text.partition(":")[0] for moment in stay.moments if moment.kind == "order"]
    assert (told.count("accepted"), told.count("stopped")) == (4, 1)
    lines = [line.plain for line in stay_lines(stay)]
    assert max(map(len, lines)) <= 80
    assert not any(line.startswith("Glucose") for line in lines)  # nobody measured it


def test_the_report_draws_the_stay_and_tells_changes(run: Path, tmp_path: Path) -> None:
    text = make_report([run], tmp_path / "report.html", "--no-expected").read_text(encoding="utf-8")
    page = Page(text)
    (shown,) = page.trajectories
    svg = re.search(r'<svg class="stay".*?</svg>', shown["stay"], re.DOTALL)
    assert svg is not None
    classes = [node.get("class") or "" for node in ET.fromstring(svg[0]).iter()]
    assert classes.count("sm action") >= 3
    assert {"true", "drip", "dose", "order", "void", "band"} <= {each for name in classes for each in name.split()}
    assert [step["action"]["kind"] for step in shown["steps"]] == ["post"] * 7 + ["put", "finish"]
    assert shown["steps"][0]["reply"].startswith("It is 20")
    assert "svg.stay {" in text


def test_reports_without_a_clock_draw_no_stay(report: Path) -> None:
    assert all(shown["stay"] is None for shown in Page(report.read_text(encoding="utf-8")).trajectories)


def test_render_shows_the_course_above_the_transcript(env: gymnasium.Env[Any, str]) -> None:
    observation, _ = env.reset(seed=3)
    begun = env.render()
    assert isinstance(begun, str)
    base = unwrapped(env).scenario.backend.base_url
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "duration", "valueDuration": {"value": 6, "code": "h"}}],
    }
    env.step(f"POST {base}/$wait\n{json.dumps(body)}")
    text = env.render()
    assert isinstance(text, str)
    drawn, _, transcript = text.partition("\n\n" + observation["text"][:60])
    assert max(map(len, drawn.splitlines())) <= 80
    assert drawn.splitlines()[0].startswith("raise_slowly/01")
    assert any(line.startswith("agent’s actions") and line.rstrip().endswith("1") for line in drawn.splitlines())
    assert "$wait" in transcript
    assert "potassium 2." not in drawn.lower()  # what nobody measured is not told
    env.close()
