"""The clock: time passes with each request and by ``$wait``; the hospital's writes are its own; bad input changes
nothing; equal actions give equal bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition
from fhir.resources.R4B.parameters import Parameters

from mab_gym.backends._live import LiveServer
from mab_gym.backends.remote._backend import RemoteBackend
from mab_gym.client._transport import Transport
from mab_gym.errors import ContentError, UsageError
from mab_gym.fhir.http._exchange import Request
from tests.backends.hospital import hospital
from tests.dynamics.stays import BACKEND, PATIENT, RESOURCES, SimpleBody, Ward, dosage, drug, every, requested, waiting
from tests.fhir.serving import serve


def busy(ward: Ward) -> None:
    """Orders a drug, a panel and a test, and waits."""
    ward.post(drug("potassium chloride", dosage(20, route="iv", rate=(10, "meq/h"), timing=every(6))))
    ward.post(requested("basic metabolic panel", "stat"))
    ward.post(requested("potassium", occurrenceTiming=every(4)))
    ward.wait(12, "h")


def test_each_request_takes_its_minutes_and_is_told_the_time() -> None:
    ward = Ward(minutes=5)
    for _ in range(3):
        ward.get("Patient/S1")
    assert ward.told.minute == 15
    assert ward.stay.news == "It is 2023-11-13T05:30:00-05:00."
    assert [action.minute for action in ward.told.actions] == [5, 10, 15]
    still = Ward(minutes=0)
    still.get("Patient/S1")
    assert still.told.minute == 0


def test_the_server_lives_in_the_simulated_time() -> None:
    ward = Ward()
    first = ward.post(drug("potassium chloride", dosage(20)))
    ward.wait(5, "h")
    second = ward.post(drug("potassium chloride", dosage(20)))
    stamps = [ward.get(address)["meta"]["lastUpdated"] for address in (first, second)]
    assert [stamp[:16] for stamp in stamps] == ["2023-11-13T10:16", "2023-11-13T15:17"]
    recent = ward.found("MedicationRequest?_lastUpdated=gt2023-11-13T12:00:00Z")
    assert [f"MedicationRequest/{each['id']}" for each in recent] == [second]
    versions = [entry["resource"]["meta"]["lastUpdated"] for entry in ward.get("_history?_count=100")["entry"]]
    assert versions == sorted(versions, reverse=True)


@pytest.mark.parametrize(
    ("value", "unit", "passed"), [(90, "min", 90), (2, "h", 120), (1.5, "h", 90), (24, "h", 1440), (1440, "min", 1440)]
)
def test_a_wait_passes_its_own_time_alone(value: float, unit: str, passed: int) -> None:
    ward = Ward()
    told = ward.wait(value, unit)
    assert ward.told.minute == passed
    assert {"name": "waited", "valueDuration": {"value": passed, "unit": "min",
            "system": "http://unitsofmeasure.org", "code": "min"}} in told["parameter"]  # fmt: skip


def test_a_wait_until_a_moment_in_any_zone() -> None:
    ward = Ward()
    until = {"name": "until", "valueInstant": "2023-11-13T12:00:00Z"}
    answer = json.loads(ward.ask("POST", "$wait", waiting(until)).body)
    Parameters.model_validate(answer)
    assert answer["parameter"][0] == {"name": "now", "valueInstant": "2023-11-13T07:00:00-05:00"}
    assert ward.told.minute == 105


def test_a_wait_says_what_came_in() -> None:
    ward = Ward()
    order = ward.post(drug("potassium chloride", dosage(20)))
    ward.post(requested("potassium", "stat"))
    answer = ward.wait(3, "h")
    Parameters.model_validate(answer)
    told = [part["part"] for part in answer["parameter"] if part["name"] == "new"]
    texts = [parts[-1]["valueString"] for parts in told]
    assert texts[0] == "potassium chloride 20 mEq oral"
    assert texts[1].startswith("Potassium 3.")
    for parts in told:
        assert ward.ask("GET", parts[1]["valueReference"]["reference"]).status == 200
    given = ward.get(told[0][1]["valueReference"]["reference"])
    assert given["request"]["reference"] == order


def duration(value: Any, unit: Any = "min", **more: Any) -> str:
    return json.dumps(waiting({"name": "duration", "valueDuration": {"value": value, "code": unit, **more}}))


BAD = [
    "",
    "nonsense",
    "[]",
    "null",
    '{"resourceType": "Bundle"}',
    json.dumps(waiting()),
    json.dumps({"resourceType": "Parameters", "parameter": "none"}),
    json.dumps(waiting({"name": "for", "valueDuration": {"value": 1, "code": "h"}})),
    json.dumps(waiting({"name": "duration"})),
    json.dumps(waiting({"name": "duration", "valueInteger": 5})),
    json.dumps(waiting(*[{"name": "duration", "valueDuration": {"value": 1, "code": "h"}}] * 2)),
    json.dumps(
        waiting(
            {"name": "duration", "valueDuration": {"value": 1, "code": "h"}},
            {"name": "until", "valueInstant": "2023-11-13T12:00:00Z"},
        )
    ),
    duration(0),
    duration(-5),
    duration(0.5),
    duration(1.5),
    duration("5"),
    duration(None),
    duration(True),
    duration(5, "fortnight"),
    duration(5, None),
    duration(5, 7),
    duration(300, "s"),
    duration(25, "h"),
    duration(1e300),
    duration(10**400),
    duration(1).replace("1", "NaN", 1),
    duration(1).replace("1", "Infinity", 1),
    duration(1).replace("1", "1e999", 1),
    json.dumps(waiting({"name": "until", "valueInstant": "2023-11-13T10:00:00Z"})),
    json.dumps(waiting({"name": "until", "valueInstant": "2023-11-20T10:00:00Z"})),
    json.dumps(waiting({"name": "until", "valueInstant": "2023-11-13T12:00:00"})),
    json.dumps(waiting({"name": "until", "valueInstant": "tomorrow"})),
    json.dumps(waiting({"name": "until", "valueDateTime": "2023-11-14"})),
    json.dumps(waiting({"name": "until", "valueInstant": "9999-12-31T23:59:59-14:00"})),
    json.dumps(waiting({"name": "until", "valueInstant": 5})),
    json.dumps(waiting({"name": "interruptible", "valueBoolean": True})),
    json.dumps(
        waiting({"name": "duration", "valueDuration": {"value": 1, "code": "h"}}, {"name": "interruptible"})
    ),
    "[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("body", BAD)
def test_a_wait_that_is_not_as_it_should_be_changes_nothing_but_the_actions_minute(body: str) -> None:
    ward = Ward()
    answer = ward.ask("POST", "$wait", body)
    outcome = json.loads(answer.body)
    assert (answer.status, outcome["resourceType"]) == (400, "OperationOutcome")
    assert outcome["issue"][0]["diagnostics"].startswith("$wait: ")
    assert len(answer.body) < 1000
    assert ward.told.minute == 1
    assert not ward.raw.recorded


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wait_is_posted(method: str) -> None:
    assert Ward().ask(method, "$wait").status == 405


@pytest.mark.parametrize("target", ["$wait/1", "Patient/$wait", "Patient/S1/$wait", "$waiting", "$wait/$wait"])
def test_other_operations_are_the_servers(target: str) -> None:
    ward = Ward()
    assert 400 <= ward.ask("POST", target, duration(60)).status < 500
    assert ward.told.minute == 1


def test_time_stands_still_at_the_horizon() -> None:
    ward = Ward(horizon=90)
    answer = ward.wait(5, "h")
    assert {"name": "ended", "valueBoolean": True} in answer["parameter"]
    assert ward.told.minute == 90
    assert ward.ask("GET", "Patient/S1").status == 200
    assert ward.told.minute == 90
    assert ward.stay.news.endswith("The stay has ended.")
    assert "FINISH" in ward.ask("POST", "$wait", duration(5)).body


def test_a_page_ends_a_wait_that_may_be_interrupted() -> None:
    for interruptible, passed in ((True, 75), (False, 480)):
        ward = Ward(body=SimpleBody(potassium=2.0))
        ward.post(requested("potassium", "stat"))
        asked: list[Any] = [{"name": "duration", "valueDuration": {"value": 479, "code": "min"}}]
        if interruptible:
            asked.append({"name": "interruptible", "valueBoolean": True})
        ward.ask("POST", "$wait", waiting(*asked))
        assert (ward.told.minute < passed) if interruptible else (ward.told.minute == passed)
        assert any(message.urgent for message in ward.told.messages)


def test_the_operation_is_listed_and_described() -> None:
    ward = Ward()
    statement = ward.get("metadata")
    CapabilityStatement.model_validate(statement)
    (listed,) = [each for each in statement["rest"][0]["operation"] if each["name"] == "wait"]
    definition = ward.get(listed["definition"].removeprefix(f"{BACKEND.base_url}/"))
    OperationDefinition.model_validate(definition)
    assert (definition["code"], definition["url"]) == ("wait", listed["definition"])
    assert "wait" not in [each["name"] for each in _bare("metadata")["rest"][0]["operation"]]


def _bare(target: str) -> Any:
    return json.loads(BACKEND.open().handle(Request("GET", target)).body)


def test_the_hospitals_writes_are_told_apart() -> None:
    ward = Ward(vitals_every=240)
    busy(ward)
    assert [write.resource_type for write in ward.stay.writes] == ["MedicationRequest", *["ServiceRequest"] * 2]
    recorded = [write.resource_type for write in ward.stay.recorded]
    assert {"Specimen", "Observation", "DiagnosticReport", "MedicationAdministration"} <= set(recorded)
    assert [write.interaction for write in ward.stay.recorded if write.resource_type == "ServiceRequest"] == ["update"]
    assert ward.get("ServiceRequest?_summary=count")["total"] == 2


def test_a_reset_takes_all_of_it_back() -> None:
    ward = Ward(vitals_every=240)
    busy(ward)
    assert ward.raw.recorded
    ward.raw.reset()
    assert not ward.raw.recorded
    assert not ward.raw.writes
    fresh = BACKEND.open()
    targets = ("Observation", "MedicationAdministration?_count=50", "_history", "Patient/S1", "metadata")
    for target in targets:
        asked = Request("GET", target)
        assert ward.raw.handle(asked) == fresh.handle(asked)
    again = Ward(session=ward.raw)
    assert again.post(drug("potassium chloride", dosage(20))) == Ward().post(drug("potassium chloride", dosage(20)))


def transcript(ward: Ward) -> list[tuple[str, str]]:
    busy(ward)
    targets = ("Observation?_count=100", "MedicationAdministration?_count=100", "Communication", "_history?_count=200")
    return [(answer.body, str(answer.headers)) for answer in (ward.ask("GET", target) for target in targets)]


def test_equal_actions_give_equal_bytes() -> None:
    first, second = Ward(vitals_every=240), Ward(vitals_every=240)
    assert transcript(first) == transcript(second)
    first.stay.finish()
    second.stay.finish()
    assert first.told == second.told


def test_it_does_not_matter_into_how_many_waits_a_time_is_cut() -> None:
    whole, cut = Ward(minutes=0, vitals_every=240), Ward(minutes=0, vitals_every=240)
    for ward, parts in ((whole, [720]), (cut, [1, 9, 200, 30, 480])):
        ward.post(drug("potassium chloride", dosage(20, route="iv", rate=(10, "meq/h"), timing=every(6))))
        ward.post(requested("potassium", occurrenceTiming=every(4)))
        for part in parts:
            ward.wait(part)
    assert whole.told.truth == cut.told.truth
    assert whole.told.given == cut.told.given
    assert whole.told.results == cut.told.results


def test_after_finish_the_stay_goes_on_to_its_horizon_unseen() -> None:
    ward = Ward()
    ward.post(drug("potassium chloride", dosage(20, timing=every(6))))
    ward.wait(60)
    written = len(ward.raw.recorded)
    ward.stay.finish()
    assert len(ward.raw.recorded) == written
    assert (ward.told.left, ward.told.minute, ward.told.finished) == (61, 2880, True)
    assert len(ward.told.given) == 8
    assert list(ward.told.truth)[-1] == 2880


def test_the_record_of_a_stay_answers_questions() -> None:
    ward = Ward(body=SimpleBody(potassium=3.6))
    ward.stay.finish()
    told = ward.told  # falls by 0.24 a day
    assert told.at("potassium", 600) == pytest.approx(3.5, abs=0.01)
    assert told.reached("potassium", 0, 3.5) == pytest.approx(600, abs=16)
    assert told.in_range("potassium", 3.5, 5.0) == pytest.approx(600 / 2880, abs=0.01)
    assert told.in_range("potassium", 3.5, 5.0, since=900) == 0.0
    assert told.in_range("nothing", 0, 1) == 0.0
    assert [minute for minute, _ in told.series("potassium", 30, 60)] == [30, 45, 60]


def test_a_real_server_is_left_as_it_was() -> None:
    before = [*RESOURCES, requested("potassium", "routine", id="standing")]
    with hospital(serve(before)) as place:
        backend = RemoteBackend(place.base, writes="undone")
        ward = Ward(session=backend.open(), standing=[requested("potassium", "routine", id="standing")])
        busy(ward)
        results = {write.key for write in ward.raw.recorded if write.resource_type == "Observation"}
        assert len(results) >= 8
        assert json.loads(ward.ask("GET", "ServiceRequest/standing").body)["status"] == "completed"
        assert [write.resource_type for write in ward.raw.writes] == ["MedicationRequest", *["ServiceRequest"] * 2]
        ward.raw.reset()
        for kind in ("Observation", "MedicationAdministration", "MedicationRequest", "Specimen", "DiagnosticReport"):
            assert place.ids(kind) == []
        kept = json.loads(backend.open().handle(Request("GET", "ServiceRequest/standing")).body)
        assert kept["status"] == "active"
        backend.close()


FHIR = {"content-type": "application/fhir+json"}


def test_a_server_of_ones_own_takes_back_what_was_changed_and_deleted_in_between() -> None:
    order = drug("potassium chloride", dosage(20))
    with hospital(serve(RESOURCES)) as place:
        live = LiveServer(Transport(place.base))
        stored = json.loads(live.handle(Request("POST", "MedicationRequest", FHIR, json.dumps(order))).body)
        address = f"MedicationRequest/{stored['id']}"
        stopped = json.dumps({**stored, "status": "stopped"})
        assert live.handle(Request("PUT", address, FHIR, stopped)).status == 200
        test = json.loads(live.handle(Request("POST", "ServiceRequest", FHIR, json.dumps(requested("potassium")))).body)
        assert live.handle(Request("DELETE", f"ServiceRequest/{test['id']}")).status == 200
        assert [write.interaction for write in live.writes] == ["create", "update", "create", "delete"]
        given = {
            "resourceType": "MedicationAdministration", "status": "completed", "subject": PATIENT,
            "medicationCodeableConcept": {"text": "potassium chloride"}, "request": {"reference": address},
            "effectiveDateTime": "2023-11-13",
        }  # fmt: skip
        (dose,) = live.record([given])
        assert live.record([{**given, "id": dose.split("/")[1], "status": "entered-in-error"}]) == [dose]
        assert live.take_back()
        assert live.untouched
        for kind in ("MedicationRequest", "ServiceRequest", "MedicationAdministration"):
            assert place.ids(kind) == []


def test_a_server_that_is_only_read_from_has_no_stays() -> None:
    with hospital(serve(RESOURCES)) as place:
        backend = RemoteBackend(place.base)
        ward = Ward(session=backend.open(), vitals_every=15)
        with pytest.raises(UsageError, match="undone"):
            ward.wait(60)
        backend.close()


@pytest.mark.parametrize("horizon", [0, -1, 10**9])
def test_a_course_has_a_horizon(horizon: int) -> None:
    with pytest.raises(ContentError, match="horizon"):
        Ward(horizon=horizon)


@pytest.mark.parametrize("minutes", [-1, 1441, 1.5, True, "5"])
def test_an_action_takes_whole_minutes(minutes: Any) -> None:
    with pytest.raises(UsageError, match="minutes_per_action"):
        Ward(minutes=minutes)
