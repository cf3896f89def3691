"""A stay on one time axis: what happened stands where it happened, as a picture and as text."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from mab_gym.charts._chart import read_chart
from mab_gym.charts._page import page
from mab_gym.charts._stay import DrugRow, Given, Moment, Stay
from mab_gym.charts._stay_block import stay_block
from mab_gym.charts._stay_reading import read_stay, zone_of
from mab_gym.charts._stay_svg import stay_svg
from mab_gym.charts._stay_text import stay_lines
from tests.charts.test_chart import NOW, made, printed
from tests.conftest import ROOT

PATIENT = {"resourceType": "Patient", "id": "M1", "name": [{"family": "Doe"}], "gender": "female"}


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "_stay_figure.py"))


@pytest.fixture(scope="module")
def resources(script: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = script["resources"]()
    return found


@pytest.fixture
def stay(script: dict[str, Any]) -> Stay:
    found: Stay = script["a_stay"]()
    return found


def marks(svg: str, kind: str) -> list[str]:
    """The titles of the marks of a class, in the order of the picture."""
    found = [node for node in ET.fromstring(svg).iter() if kind in (node.get("class") or "").split()]
    return [" ".join("".join(node.itertext()).split()) for node in found]


def test_what_is_given_ordered_and_told_is_read(stay: Stay) -> None:
    names = [row.name for row in stay.results]
    assert names[:3] == ["Heart rate", "Blood pressure", "Oxygen saturation"]
    assert names[3] == "Potassium"  # most often out of range
    potassium = stay.results[3].series[0]
    assert len(potassium.points) == 10
    assert [point.value for point in potassium.points if point.spoilt] == [5.6]
    drips = {row.name: [(each.rate, each.end is not None) for each in row.given] for row in stay.drugs}
    assert drips["Potassium chloride"] == [(10.0, True), (20.0, True), (10.0, True)]
    furosemide = next(row for row in stay.drugs if row.name == "Furosemide")
    assert [each.text for each in furosemide.given if each.missed] == ["pressure too low"]
    assert [place.text for place in stay.places][-1] == "4 West, bed 9"
    kinds = [moment.kind for moment in stay.moments]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "order": 5, "event": 2, "report": 2, "message": 2, "note": 6,
    }  # fmt: skip
    assert [moment.text for moment in stay.moments if moment.alarm and moment.kind == "event"] == ["Serum: hemolyzed"]


def test_what_lies_outside_of_the_time_is_left_out(resources: list[dict[str, Any]], script: dict[str, Any]) -> None:
    begin = int(script["BEGIN"].timestamp())
    short = read_stay("first hours", begin, begin + 3 * 3600, resources)
    assert [len(row.series[0].points) for row in short.results[:2]] == [2, 2]
    assert [row.name for row in short.drugs] == ["Furosemide"]
    assert [moment.text for moment in short.moments if moment.kind == "note"] == []
    assert read_stay("none", begin - 100, begin - 50, resources).empty


def test_of_two_states_of_a_resource_the_last_one_counts() -> None:
    given: dict[str, Any] = {
        "resourceType": "MedicationAdministration", "id": "1", "status": "in-progress",
        "medicationCodeableConcept": {"text": "Heparin"}, "effectivePeriod": {"start": "2024-01-01T10:00:00Z"},
        "dosage": {"rateQuantity": {"value": 1200, "unit": "U/h"}},
    }  # fmt: skip
    ended = {
        **given,
        "status": "completed",
        "effectivePeriod": {**given["effectivePeriod"], "end": "2024-01-01T12:00:00Z"},
    }
    begin = 1704103200  # 2024-01-01T10:00:00Z
    (goes_on,) = read_stay("", begin, begin + 9000, [given]).drugs[0].given
    (over,) = read_stay("", begin, begin + 9000, [given, ended]).drugs[0].given
    assert (goes_on.goes_on, goes_on.end, goes_on.rate) == (True, None, 1200.0)
    assert (over.goes_on, over.end) == (False, begin + 7200)
    wrong = {**ended, "status": "entered-in-error"}
    assert read_stay("", begin, begin + 9000, [given, wrong]).drugs == []


def test_the_picture_is_well_formed_and_says_what_its_marks_are(stay: Stay) -> None:
    svg = stay_svg(stay)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert (root.findtext("title") or "").startswith("inpatient, heart failure, Sat 09 Nov 16:20")
    assert "73 results, 13 doses of 4 drugs" in (root.findtext("desc") or "")
    assert marks(svg, "dose")[0] == "Sat 09 Nov 17:32 Furosemide: 40 mg intravenously"
    assert len(marks(svg, "drip")) == 4
    assert any("haemolysed" in each for each in marks(svg, "void"))
    assert any("not given, pressure too low" in each for each in marks(svg, "void"))
    assert marks(svg, "alarm")[-1].endswith("Ventricular tachycardia on the monitor, pressure 96/58.")
    assert [each.rpartition(" ")[2] for each in marks(svg, "low")][:1] == ["L"]
    assert len(svg) < 40_000
    assert "http" not in svg


def test_time_runs_from_left_to_right(stay: Stay) -> None:
    svg = stay_svg(stay)
    notes = [node for node in ET.fromstring(svg).iter() if (node.get("class") or "") == "sm note"]
    places = [float((node.get("d") or "M0 ").partition("M")[2].partition(" ")[0]) for node in notes]
    assert places == sorted(places)
    assert places[-1] - places[0] > 700


def test_an_agents_actions_stand_on_the_same_axis(stay: Stay) -> None:
    stay.moments.append(Moment(stay.begin + 3600, "action", "GET <Observation>?code=2823-3"))
    svg = stay_svg(stay)
    assert "GET <Observation>?code=2823-3" in "".join(ET.fromstring(svg).itertext())
    assert "<Observation>" not in svg
    told = [line.plain for line in stay_lines(stay)]
    assert any(line.startswith("agent’s actions") and "▲" in line for line in told)


def test_the_text_fits_eighty_columns(stay: Stay) -> None:
    lines = [line.plain for line in stay_lines(stay)]
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.startswith("Potassium mmol/L"))
    assert row.count("×") == 1
    assert row.rstrip().endswith("4.1")
    assert sum(letter in "▁▂▃▄▅▆▇█" for letter in row) == 9
    doses = next(line for line in lines if line.startswith("Furosemide"))
    assert (doses.count("●"), doses[20:72].count("×")) == (5, 1)
    assert lines[-1].endswith("Cardioversion")
    assert all(len(line.plain) <= 60 for line in stay_lines(stay, 60))
    assert len(stay_lines(stay, 80, 0)) < len(lines)


def test_words_below_the_picture_tell_all_but_results(stay: Stay) -> None:
    told = stay_block(stay)
    assert told.index("Admission note") < told.rindex("Discharge summary")
    assert "Furosemide: pressure too low" in told
    assert 'class="alarm"' in told


def test_a_chart_shows_its_stays_and_notes(resources: list[dict[str, Any]]) -> None:
    emergency = {
        "resourceType": "Encounter", "id": "19", "status": "finished", "subject": {"reference": "Patient/M1"},
        "class": {"code": "EMER"}, "period": {"start": "2024-11-09T12:00:00-05:00", "end": "2024-11-09T16:10:00-05:00"},
    }  # fmt: skip
    clinic = {**emergency, "id": "18", "class": {"code": "AMB"}}
    chart = read_chart(made(PATIENT, *resources, emergency, clinic), "M1")
    (stay,) = chart.stays
    assert stay.title == "emergency, then inpatient: Heart failure"
    assert stay.told(stay.begin, "%H:%M %z") == "12:00 -0500"
    assert [note.kind for note in chart.notes][:1] == ["Discharge summary"]
    assert chart.notes[0].author == "Dana Whitfield, MD"
    assert chart.notes[0].text.endswith("Takes no digoxin.")
    assert "DocumentReference" not in chart.others
    shown = page(chart, NOW)
    assert shown.count('<svg class="stay"') == 1
    assert '<details class="note-text">' in shown
    assert "Takes no digoxin." in shown
    text = printed(chart)
    assert "Potassium chloride" in text
    assert "Discharge summary" in text


def test_the_committed_picture_is_that_of_the_script(script: dict[str, Any]) -> None:
    assert script["figure"]() == (ROOT / "docs" / "figures" / "stay.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("written", "offset"), [("2024-07-01T08:00:00-04:00", -4), ("2024-07-01T08:00:00Z", 0), ("2024", 0), (None, 0)]
)
def test_times_are_shown_as_the_hospital_writes_them(written: object, offset: int) -> None:
    shown = Stay("", 0, 1, zone_of(written)).told(1720000000, "%z")
    assert shown == f"{offset:+03d}00"


def test_an_infusion_goes_on_until_its_next_rate_whatever_bolus_comes_between() -> None:
    begin = 1704103200
    row = DrugRow(
        "heparin",
        [
            Given(begin, "1200 U/h", rate=1200.0, goes_on=True),
            Given(begin + 3600, "5000 U"),
            Given(begin + 7200, "1400 U/h", rate=1400.0, goes_on=True),
        ],
    )
    stay = Stay("", begin, begin + 36000, drugs=[row])
    assert [stay.until(row, place) - begin for place in range(3)] == [7200, 3600, 36000]
    line = stay_lines(stay, 80, 0)[-1].plain
    assert line.count("●") == 1
    assert sum(mark in "▁▂▃▄▅▆▇█" for mark in line) == 51
