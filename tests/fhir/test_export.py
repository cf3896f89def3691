"""Bulk Data: ``$export`` with polling, as a real HAPI FHIR 7.6 answers where it is switched on.

What each export has, and the words of every refusal, are HAPI's: they were read off a server with the same resources.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._export_jobs import MOST_JOBS
from mab_gym.fhir.http._export_scope import FILE_CHARACTERS
from mab_gym.fhir.http._server import FhirServer, FhirSession
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.store._base import one_line, parse_element
from tests.fhir.serving import Resource, get, observation, patient, refusal, serve

ASYNC = {"prefer": "respond-async"}
JSON = "application/fhir+json"


def reference(kind: str, logical_id: str) -> dict[str, str]:
    return {"reference": f"{kind}/{logical_id}"}


CHART: list[Resource] = [
    {"resourceType": "Organization", "id": "org"},
    {"resourceType": "Practitioner", "id": "gp"},
    {"resourceType": "Practitioner", "id": "nurse"},
    {"resourceType": "Practitioner", "id": "nobody"},
    patient("a", gender="male", generalPractitioner=[reference("Practitioner", "gp")],
            managingOrganization=reference("Organization", "org")),
    patient("b", gender="female"),
    observation("of-a", "a", performer=[reference("Practitioner", "nurse")]),
    observation("of-b", "b"),
    {"resourceType": "Observation", "id": "by-a", "status": "final", "code": {"text": "x"},
     "performer": [reference("Patient", "a")]},
    {"resourceType": "Medication", "id": "drug"},
    {"resourceType": "MedicationRequest", "id": "mr", "status": "active", "intent": "order",
     "medicationReference": reference("Medication", "drug"), "subject": reference("Patient", "a")},
    {"resourceType": "Schedule", "id": "plan", "actor": [reference("Patient", "a")]},
    {"resourceType": "Device", "id": "pump", "patient": reference("Patient", "a")},
    {"resourceType": "Group", "id": "g", "type": "person", "actual": True,
     "member": [{"entity": reference("Patient", "a")}]},
    {"resourceType": "Group", "id": "empty", "type": "person", "actual": True},
    {"resourceType": "Binary", "id": "raw", "contentType": "text/plain", "data": "aGk="},
]  # fmt: skip


def exporting(resources: Iterable[Resource] = CHART) -> FhirSession:
    session = serve(resources)
    session.server.bulk_export = True
    return session


@pytest.fixture
def session() -> FhirSession:
    return exporting()


def here(session: FhirSession, url: str) -> str:
    return url.removeprefix(session.server.base_url + "/")


def begin(session: FhirSession, target: str) -> str:
    """Begins an export and returns the target of its polls."""
    answer = get(session, target, **ASYNC)
    assert (answer.status, answer.body) == (202, ""), answer.body
    return here(session, answer.headers["content-location"])


def polled(session: FhirSession, target: str) -> Response:
    """The answer to the second poll."""
    poll = begin(session, target)
    assert get(session, poll).status == 202
    return get(session, poll)


def files(session: FhirSession, target: str) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The files of an export: of each the type and the resources."""
    answer = polled(session, target)
    assert answer.status == 200, answer.body
    return [
        (output["type"], [json.loads(line) for line in get(session, here(session, output["url"])).body.splitlines()])
        for output in json.loads(answer.body)["output"]
    ]


def exported(session: FhirSession, target: str) -> dict[str, list[str]]:
    """The ids of an export's resources by type."""
    found: dict[str, list[str]] = {}
    for kind, resources in files(session, target):
        assert {each["resourceType"] for each in resources} == {kind}
        found.setdefault(kind, []).extend(each["id"] for each in resources)
    return {kind: sorted(ids) for kind, ids in found.items()}


def put(session: FhirSession, resource: Resource) -> Response:
    target = f"{resource['resourceType']}/{resource['id']}"
    return session.handle(Request("PUT", target, {"content-type": JSON}, json.dumps(resource)))


def post(session: FhirSession, target: str, *parameters: Mapping[str, Any], **headers: str) -> Response:
    body = json.dumps({"resourceType": "Parameters", "parameter": parameters})
    return session.handle(Request("POST", target, {"content-type": JSON, **headers}, body))


# --- one flow -------------------------------------------------------------------------------------------------------


def test_an_export_from_its_beginning_to_its_files(session: FhirSession) -> None:
    begun = get(session, "$export?_type=Patient,Group", **ASYNC)
    poll = begun.headers["content-location"]
    assert poll.startswith(f"{session.server.base_url}/$export-poll-status?_jobId=")

    first = get(session, here(session, poll))
    assert (first.status, first.body, first.headers["retry-after"]) == (202, "", "1")
    assert first.headers["x-progress"] == "Build in progress - Status set to QUEUED at 2023-11-13T10:15:00.000+00:00"

    done = get(session, here(session, poll))
    assert done.headers["content-type"] == "application/json;charset=ISO-8859-1"
    manifest = json.loads(done.body)
    assert done.body.startswith('{\n  "transactionTime" : "2023-11-13T10:15:00.000+00:00",\n  "request" : "')
    assert manifest["request"] == f"{session.server.base_url}/$export?_type=Patient,Group"
    assert manifest["requiresAccessToken"] is True
    assert manifest["error"] == []
    assert [each["type"] for each in manifest["output"]] == ["Group", "Patient"]
    assert get(session, here(session, poll)).body == done.body

    target = here(session, manifest["output"][1]["url"])
    file = get(session, target)
    assert file.headers["content-type"] == "application/fhir+ndjson"
    assert file.content == file.body.encode()
    stored = [compact(parse_element(get(session, f"Patient/{name}").body)) for name in "ab"]
    assert file.body == "".join(f"{text}\n" for text in stored)
    assert get(session, f"{target}/_history/1").body == file.body

    resource = json.loads(get(session, target, accept=JSON).body)
    assert (resource["resourceType"], resource["contentType"]) == ("Binary", "application/fhir+ndjson")
    assert [each["valueString"] for each in resource["meta"]["extension"]] == [poll.partition("=")[2], "Patient"]
    assert session.written == 0


def test_what_is_written_later_is_in_the_next_export_alone(session: FhirSession) -> None:
    before = begin(session, "$export?_type=Patient")
    put(session, patient("c"))
    put(session, patient("a", gender="other"))
    session.handle(Request("DELETE", "Observation/of-b"))
    session.handle(Request("DELETE", "Patient/b"))
    get(session, before)
    url = json.loads(get(session, before).body)["output"][0]["url"]

    then = [json.loads(line) for line in get(session, here(session, url)).body.splitlines()]

    assert [(each["id"], each["gender"]) for each in then] == [("a", "male"), ("b", "female")]
    assert exported(session, "$export?_type=Patient") == {"Patient": ["a", "c"]}


def test_from_one_export_to_the_next_by_its_time(session: FhirSession) -> None:
    put(session, patient("c"))
    time = json.loads(polled(session, "$export").body)["transactionTime"].replace("+", "%2B")
    assert exported(session, f"$export?_since={time}") == {}
    put(session, patient("d"))
    put(session, observation("of-d", "d"))
    for target in ("$export", "Patient/$export"):
        assert exported(session, f"{target}?_since={time}") == {"Patient": ["d"], "Observation": ["of-d"]}


# --- what an export has ---------------------------------------------------------------------------------------------


def test_all_types_but_binary(session: FhirSession) -> None:
    found = exported(session, "$export")
    assert sum(map(len, found.values())) == len(CHART) - 1
    assert "Binary" not in found


def test_types_and_filters(session: FhirSession) -> None:
    both = {"Observation": ["by-a", "of-a", "of-b"], "Patient": ["a", "b"]}
    asked = "$export?_type=Patient, Observation"
    assert exported(session, asked) == both
    assert exported(session, f"{asked}&_elements=id&foo=bar&_typeFilter=x&_typeFilter=Patient?") == both
    women = {**both, "Patient": ["b"]}
    assert exported(session, f"{asked}&_typeFilter=Patient?gender=female") == women
    assert exported(session, f"{asked}&_typePostFetchFilterUrl=Patient?gender=female") == women
    several = "Observation?subject=Patient/b,Observation?performer=Patient/a,Patient?_id=a"
    assert exported(session, f"{asked}&_typeFilter={several}") == {"Observation": ["by-a", "of-b"], "Patient": ["a"]}


def test_what_belongs_to_patients(session: FhirSession) -> None:
    of_a = {
        "Device": ["pump"],
        "Group": ["g"],
        "MedicationRequest": ["mr"],
        "Observation": ["by-a", "of-a"],
        "Patient": ["a"],
        "Schedule": ["plan"],
    }
    for target in ("Patient/a/$export", "Patient/$export?patient=a", "Patient/$export?patient=Patient/a"):
        assert exported(session, target) == of_a
    everybody = exported(session, "Patient/$export")
    assert everybody["Patient"] == ["a", "b"]
    assert everybody["Group"] == ["empty", "g"]
    assert {"Medication", "Practitioner", "Organization"}.isdisjoint(everybody)
    named = exported(session, "Patient/$export?patient=a&patient=b&_type=Patient,Observation")
    assert named == {"Patient": ["a", "b"], "Observation": ["by-a", "of-a", "of-b"]}


def test_what_belongs_to_a_group(session: FhirSession) -> None:
    assert exported(session, "Group/g/$export") == {
        "Device": ["pump"],
        "Group": ["g"],
        "MedicationRequest": ["mr"],
        "Observation": ["of-a"],
        "Organization": ["org"],
        "Patient": ["a"],
        "Practitioner": ["gp", "nurse"],
        "Schedule": ["plan"],
    }
    assert exported(session, "Group/empty/$export") == {"Group": ["empty"]}
    assert exported(session, "Group/g/$export?_type=Observation") == {"Observation": ["of-a"]}
    assert exported(session, "Group/g/$export?_type=Practitioner") == {"Practitioner": ["gp"]}


def test_the_members_of_a_group_by_the_sessions_own_writes(session: FhirSession) -> None:
    put(session, {**CHART[-3], "member": [{"entity": reference("Patient", "b")}]})
    put(session, observation("new", "b", performer=[reference("Practitioner", "nobody")]))
    found = exported(session, "Group/g/$export?_type=Patient,Observation,Practitioner")
    assert found == {"Patient": ["b"], "Observation": ["new", "of-b"], "Practitioner": ["nobody"]}


def test_nothing_found(session: FhirSession) -> None:
    manifest = json.loads(polled(session, "$export?_type=Questionnaire").body)
    assert manifest["output"] == []
    assert manifest["message"].startswith("Export complete, but no data to generate report for job instance: ")


def test_files_are_short() -> None:
    locations = [{"resourceType": "Location", "id": f"l{number}"} for number in range(1203)]
    session = exporting(locations)
    assert [len(resources) for _, resources in files(session, "$export")] == [500, 500, 203]

    text = "x" * (FILE_CHARACTERS // 3)
    long = [{"resourceType": "Location", "id": f"l{number}", "description": text} for number in range(4)]
    session = exporting(long[:3])
    put(session, long[3])
    counts = [len(resources) for _, resources in files(session, "$export")]
    assert sum(counts) == 4
    assert max(counts) == 2


def test_resources_on_one_line() -> None:
    for resource in ({"a": 'say "no"\n\\', "b": [1.50, {"c": "two  blanks: [ ], { }"}]}, {"d": ["ü", True]}):
        assert one_line(pretty(resource)) == compact(resource)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_it_is_off_unless_switched_on() -> None:
    session = serve(CHART)
    for target in ("$export", "Patient/$export", "$export-poll-status?_jobId=x"):
        status, said = refusal(session, target)
        assert status == 400
        assert said.startswith("Invalid request: The FHIR endpoint on this server does not know how to handle GET")
    assert FhirServer({}).bulk_export is False
    assert "export" not in get(session, "metadata").body
    assert get(session, "OperationDefinition/-s-export-poll-status").status == 404


def test_metadata_lists_it(session: FhirSession) -> None:
    rest = json.loads(get(session, "metadata").body)["rest"][0]
    assert [each["name"] for each in rest["operation"]][:2] == ["export-poll-status", "export"]
    listed = {each["type"]: each["operation"][0]["name"] for each in rest["resource"]}
    assert {kind for kind, name in listed.items() if name == "export"} == {"Group", "Patient"}
    definition = json.loads(get(session, "OperationDefinition/GroupPatient-its-export").body)
    assert definition["resource"] == ["Group", "Patient"]


@pytest.mark.parametrize(
    "prefer", ["", "return=minimal", "RESPOND-ASYNC", "respond-async; return=minimal", "handling=lenient,respond-async"]
)
def test_it_has_to_be_asked_for_asynchronously(session: FhirSession, prefer: str) -> None:
    answer = get(session, "$export", prefer=prefer)
    wanted = "respond-async" in prefer
    assert (answer.status == 202) is wanted
    assert ("HAPI-0513: Must request async processing for $export" in answer.body) is not wanted


JOB = "HAPI-2039: Failed to validate parameters for job of type BULK_EXPORT: \n * "
REFUSED = {
    "$export?_type=Foo,Bar,Patient": f"{JOB}Resource type Bar is not a supported resource type!\n * "
    "Resource type Foo is not a supported resource type!",
    "$export?_type=binary": f"{JOB}Bulk export of Binary resources is forbidden",
    "$export?_outputFormat=csv": f"{JOB}The only allowed format for Bulk Export is currently application/fhir+ndjson",
    "$export?_since=gt2020": 'Invalid date/time format: "gt2020"',
    "$export?_typePostFetchFilterUrl=Patient": f"{JOB}Invalid post-fetch filter URL, must be in the format "
    "[resourceType]?[parameters]: Patient",
    "$export?_typePostFetchFilterUrl=Foo?x=1": f"{JOB}Invalid post-fetch filter URL, unknown resource type: Foo",
    "Patient/$export?_type=Observation,Location,Medication": "HAPI-0512: Resource types [Medication,Location] are "
    "invalid for this type of export, as they do not contain search parameters that refer to patients.",
    "Patient/nobody/$export": "HAPI-2001: Resource Patient/nobody is not known",
    "Patient/$export?patient=Group/g": "HAPI-0996: Incorrect resource type (Group) for this DAO, wanted: Patient",
    "Group/nobody/$export": "HAPI-2001: Resource Group/nobody is not known",
    "Group/g/$export?_mdm=x": "Invalid boolean string: 'x'",
    "Group/$export": "Invalid request: The FHIR endpoint on this server does not know how to handle GET "
    "operation[Group/$export] with parameters [[]]",
}


@pytest.mark.parametrize("target", REFUSED)
def test_what_is_refused_at_once(session: FhirSession, target: str) -> None:
    answer = get(session, target, **ASYNC)
    assert json.loads(answer.body)["issue"][0]["diagnostics"] == REFUSED[target]
    assert answer.status == (404 if "nobody" in target else 400)


FAILED = {
    "$export?_typeFilter=Patient?foo=bar": "HAPI-0488: Failed to parse match URL[Patient?foo=bar] - Resource type "
    "Patient does not have a parameter with name: foo",
    "$export?_typeFilter=Patient?birthdate=zz": 'HAPI-2223: HAPI-1940: Invalid date/time/quantity format: "zz"',
    "Patient/$export?_type=Observation&_typeFilter=Observation?patient=a": "HAPI-2223: HAPI-0796: Patient Bulk Export "
    "manually modifies the Search Parameter called [patient], so you may not include this search parameter in your "
    "_typeFilter!",
    "Group/g/$export?_typeFilter=Observation?patient=a": "HAPI-2223: HAPI-0792: Group Bulk Export manually modifies "
    "the Search Parameter called [patient], so you may not include this search parameter in your _typeFilter!",
}


@pytest.mark.parametrize("target", FAILED)
def test_what_fails_later(session: FhirSession, target: str) -> None:
    answer = polled(session, target)
    assert answer.status == 500
    said = f"ca.uhn.fhir.batch2.api.JobExecutionFailedException: HAPI-2239:  : {FAILED[target]}"
    assert json.loads(answer.body)["issue"] == [{"severity": "error", "diagnostics": said}]


def test_polls_of_what_there_is_not(session: FhirSession) -> None:
    unknown = "HAPI-2040: Unknown instance ID: nope. Please check if the input job ID is valid."
    poll = "$export-poll-status"
    assert refusal(session, f"{poll}?_jobId=nope") == (404, unknown)
    assert session.handle(Request("DELETE", f"{poll}?_jobId=nope")).status == 404
    assert post(session, poll, {"name": "_jobId", "valueString": "nope"}).status == 404
    assert post(session, poll, {"name": "x", "valueString": "nope"}).status == 400
    assert get(session, poll).status == 500  # HAPI's NullPointerException
    for logical_id in ("x", "0" * 32, "١" * 32):
        assert get(session, f"Binary/{logical_id}").status == 404


# --- POST and DELETE ------------------------------------------------------------------------------------------------


def test_it_can_be_posted(session: FhirSession) -> None:
    answer = post(session, "$export", {"name": "_type", "valueString": "Patient"}, **ASYNC)
    poll, _, job_id = here(session, answer.headers["content-location"]).partition("?_jobId=")
    wanted = {"name": "_jobId", "valueString": job_id}
    assert post(session, poll, wanted).status == 202
    manifest = json.loads(post(session, poll, wanted).body)
    assert [each["type"] for each in manifest["output"]] == ["Patient"]

    wrong = post(session, "$export", {"name": "_since", "valueDate": "2020-01-01"}, **ASYNC)
    assert "HAPI-0362: Request has parameter _since of type DateType but" in wrong.body
    assert session.handle(Request("DELETE", "$export", ASYNC)).status == 405


def test_it_can_be_cancelled_until_it_is_done(session: FhirSession) -> None:
    poll = begin(session, "$export")
    answer = session.handle(Request("DELETE", poll))
    assert answer.status == 202
    assert "successfully cancelled" in answer.body
    for _ in range(3):
        assert "Status set to CANCELLED" in get(session, poll).headers["x-progress"]

    poll = begin(session, "$export")
    get(session, poll)
    answer = session.handle(Request("DELETE", poll))
    assert answer.status == 404
    assert "was already cancelled or has completed" in answer.body
    assert get(session, poll).status == 200


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_a_reset_ends_it(session: FhirSession) -> None:
    poll = begin(session, "$export")
    get(session, poll)
    url = here(session, json.loads(get(session, poll).body)["output"][0]["url"])
    assert get(session, url).status == 200

    session.reset()

    assert get(session, poll).status == 404
    assert get(session, url).status == 404
    assert session.held == 0


def test_other_sessions_do_not_see_it(session: FhirSession) -> None:
    poll = begin(session, "$export")
    assert get(session.server.open(), poll).status == 404


def test_the_oldest_exports_make_room(session: FhirSession) -> None:
    polls = [begin(session, "$export") for _ in range(MOST_JOBS + 1)]
    assert [get(session, poll).status for poll in (polls[0], *polls[-2:])] == [404, 202, 202]


def test_it_holds_no_copy_of_what_it_has_found() -> None:
    session = exporting(observation(f"o{number}", "a", note=[{"text": "x" * 500}]) for number in range(2000))
    polled(session, "$export")
    assert 0 < session.held < 10_000


def test_its_work_is_bounded(session: FhirSession) -> None:
    limits = session.server.limits
    session.server.limits = replace(limits, search=1)
    answer = get(session, "$export?_type=Patient,Observation", **ASYNC)
    assert (answer.status, json.loads(answer.body)["issue"][0]["code"]) == (400, "too-costly")
    assert session.held == 0

    session.server.limits = limits
    for name, text in (("_type", "x," * 20_000), ("_type", "x" * 300_000), ("_typeFilter", "Patient?," * 5000)):
        refused = post(session, "$export", {"name": name, "valueString": text}, **ASYNC)
        assert (refused.status, json.loads(refused.body)["issue"][0]["code"]) == (400, "too-costly")

    poll = begin(session, "$export?_type=Observation")
    get(session, poll)
    url = here(session, json.loads(get(session, poll).body)["output"][0]["url"])
    session.server.limits = replace(limits, answer=100)
    assert get(session, url).status == 413
    assert get(session, poll).status == 413
