"""Every request has an allowance of work and characters, over all entries of a batch together."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirServer, FhirSession, Request, Response
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.store._budget import DEFAULT_LIMITS, Budget, RequestLimits
from mab_gym.fhir.store._build import build_tables
from tests.fhir.serving import get, ids, observation, patient, serve

JSON = {"content-type": "application/fhir+json"}
PLENTY = 1 << 40


def hospital(count: int, **limits: int) -> FhirSession:
    """A session over one patient's Observations, in which a request may cost what is said, and else anything."""
    meta = {"versionId": "1", "lastUpdated": "2023-01-01T00:00:00.000+00:00"}
    resources = [patient("p"), *(observation(f"o{number}", "p", note=[{"text": "x" * 500}]) for number in range(count))]
    tables = build_tables([{**each, "meta": meta} for each in resources])
    allowed = RequestLimits(**{"search": PLENTY, "body": PLENTY, "answer": PLENTY, **limits})
    return FhirServer({table.resource_type: table for table in tables}, limits=allowed).open()


def outcome(response: Response) -> tuple[int, str, str]:
    issue = json.loads(response.body)["issue"][0]
    return response.status, issue["code"], issue["diagnostics"]


def post(session: FhirSession, target: str, body: Any) -> Response:
    return session.handle(Request("POST", target, JSON, json.dumps(body)))


def batch(*urls: str, kind: str = "batch") -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"request": {"method": "GET", "url": url}} for url in urls],
    }


def test_an_answer_that_would_be_too_long_is_refused_with_what_to_ask_instead() -> None:
    session = hospital(100, answer=20_000)

    status, code, told = outcome(get(session, "Observation?_count=100"))

    assert (status, code) == (413, "too-costly")
    assert "20,000 characters" in told
    assert "_count" in told
    assert len(ids(session, "Observation?_count=10")) == 10


def test_a_batch_has_one_allowance_for_all_its_entries() -> None:
    """Each of its characters counts twice: it is held as an entry's answer and in the batch's."""
    session = hospital(100, answer=40_000)
    one = get(session, "Observation?_count=10")
    assert one.status == 200

    response = json.loads(post(session, "", batch(*["Observation?_count=10"] * 5)).body)

    statuses = [entry["response"]["status"].split()[0] for entry in response["entry"]]
    assert statuses[:2] == ["200", "200"]
    assert statuses[2] == "413"
    assert "20,000 characters" in json.dumps(response["entry"][2])
    assert set(statuses[3:]) == {"400"}, "nothing is looked up any more"
    assert response["entry"][1]["resource"]["entry"] == json.loads(one.body)["entry"]


def test_a_transaction_over_its_allowance_stores_nothing() -> None:
    session = hospital(1, body=1_500)
    request = {"method": "POST", "url": "Observation"}
    entries = [{"resource": observation(f"x{n}", "p"), "request": request} for n in range(8)]

    response = post(session, "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})

    assert outcome(response)[:2] == (413, "too-costly")
    assert not session.writes
    assert post(session, "Observation", observation("x", "p")).status == 201


def test_what_is_sent_must_not_be_too_much_to_read() -> None:
    session = hospital(1, body=10_000)

    many = post(session, "Observation", {**observation("x", "p"), "note": [{"text": "a"}] * 5_000})
    long = post(session, "Observation", {**observation("x", "p"), "note": [{"text": "a" * 50_000}]})

    assert outcome(many)[:2] == (413, "too-costly")
    assert long.status == 201


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 100_000])
def test_what_cannot_be_read_is_refused_for_that(body: str) -> None:
    session = hospital(1, body=10_000)

    assert session.handle(Request("POST", "Patient", JSON, body)).status == 400


def test_sorting_by_many_values_again_and_again_is_refused_before_the_rows_multiply() -> None:
    names = [{"family": f"F{number}"} for number in range(8)]
    session = serve(patient(f"p{number}", name=names) for number in range(20))
    assert get(session, "Patient?_sort=family,family").status == 200
    begun = time.process_time()
    status, code, _ = outcome(get(session, "Patient?_sort=" + ",".join(["family"] * 9)))
    assert (status, code) == (400, "too-costly")
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "target",
    [
        "Observation?_sort=-date,code,value-quantity",
        "Observation?code=" + ",".join(f"K{number}" for number in range(300)),
        "Observation?_sort=code&_revinclude=*&_include=*",
        "Patient/p/$everything",
        "Observation/$lastn",
        "Patient?_has:Observation:patient:code=K",
        "Observation?_filter=" + " or ".join(["code eq K"] * 20),
        "Observation?patient.name=x",
        "Observation/_history",
        "_history?_count=1000",
        "Observation?_count=-5&_offset=0&_include=Observation:subject&_revinclude=*",
        "Observation?_count=400&_elements=code",
        "Observation?_count=400&_pretty=false",
        "Observation?_count=400&_format=xml",
    ],
)
def test_work_is_limited_and_told_of(target: str) -> None:
    session = hospital(400)
    spent = _spent(session.server, target)
    assert spent > 20

    session.server.limits = RequestLimits(search=spent // 2, body=PLENTY, answer=PLENTY)
    status, code, told = outcome(get(session, target))

    assert (status, code) == (400, "too-costly")
    assert "too much work" in told


def test_a_condition_that_finds_a_whole_hospital_costs_what_a_search_does() -> None:
    session = hospital(400)
    entry = {
        "resource": {
            **observation("x", "p"),
        },
        "request": {"method": "PUT", "url": "Observation?_filter=" + " or ".join(["code eq K"] * 20)},
    }
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entry] * 20}
    session.server.limits = RequestLimits(search=5_000, body=PLENTY, answer=PLENTY)

    answers = json.loads(post(session, "", bundle).body)["entry"]

    told = [answer["response"]["outcome"]["issue"][0]["diagnostics"] for answer in answers]
    assert "matched 2 resources" in told[0]
    assert "too much work" in told[-1]
    assert not session.writes


@pytest.mark.parametrize(
    "target",
    [
        "Observation?_sort=-value-quantity,code&code=K&_include=*&_has:Observation:has-member:code=x",
        "Observation?_sort=-date,status&code=K,MG&status=final",
        "Observation?code=K&status:not=x&date:missing=true",
        "Patient?_id=p&_revinclude=Observation:patient",
    ],
)
def test_equal_requests_are_refused_alike_whoever_asked_before(target: str) -> None:
    """The things that a process has read and remembers make it quicker and change no answer."""
    spent = _spent(hospital(300).server, target)
    session = hospital(300, search=int(spent))

    first = [get(session.server.open(), target) for _ in range(3)]
    session.server.limits = RequestLimits(search=int(spent) - 1, body=PLENTY, answer=PLENTY)
    again = [get(session.server.open(), target) for _ in range(3)]

    assert {response.status for response in first} == {200}
    assert {response.status for response in again} == {400}


def _spent(server: FhirServer, target: str) -> int:
    """The least allowance with which a request is answered."""
    low, high = 0, 100_000
    while low < high:
        middle = (low + high) // 2
        server.limits = RequestLimits(search=middle, body=PLENTY, answer=PLENTY)
        low, high = (low, middle) if get(server.open(), target).status == 200 else (middle + 1, high)
    return low


def test_a_request_begins_with_a_whole_allowance() -> None:
    session = hospital(100, answer=20_000)

    assert [get(session, "Observation?_count=20").status for _ in range(10)] == [200] * 10


@pytest.mark.parametrize("spend", [lambda budget: budget.spend(11), lambda budget: budget.read(11)])
def test_a_budget_is_used_up(spend: Callable[[Budget], None]) -> None:
    with pytest.raises(FhirError):
        spend(Budget(RequestLimits(search=10, body=10, answer=10)))


def test_what_is_done_once_is_paid_once() -> None:
    budget = Budget(RequestLimits(search=10, body=10, answer=10))
    for _ in range(5):
        budget.spend_once("a column", 8)
    with pytest.raises(FhirError):
        budget.spend_once("another", 8)


def test_a_patients_chart_is_far_from_the_limits() -> None:
    """Five hundred results, read, sorted and brought along with their patient, by default."""
    session = hospital(500, search=DEFAULT_LIMITS.search, answer=DEFAULT_LIMITS.answer)

    for target in ("Observation?patient=p&_sort=-date&_count=500&_include=*", "Patient/p/$everything?_count=500"):
        assert get(session, target).status == 200
