import pytest

from mab_gym.fhir.http._server import FhirSession
from mab_gym.fhir.search._includes import in_hapis_order, read_include
from tests.fhir.serving import bundle, observation, patient, serve

PRACTITIONER = {"resourceType": "Practitioner", "id": "d"}


def condition(logical_id: str, subject: str) -> dict[str, object]:
    return {"resourceType": "Condition", "id": logical_id, "subject": {"reference": f"Patient/{subject}"}}


@pytest.fixture(scope="module")
def session() -> FhirSession:
    return serve(
        [
            patient("p"),
            patient("q"),
            PRACTITIONER,
            observation("o1", "q", performer=[{"reference": "Practitioner/d"}]),
            observation("o2", "p"),
            *(condition(f"c{number}", "p") for number in range(14)),
        ]
    )


def included(session: FhirSession, target: str) -> list[str]:
    entries = bundle(session, target)["entry"]
    return [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "include"]


def test_includes_come_in_the_order_of_a_java_hash_set() -> None:
    written = ["Observation:specimen", "Observation:performer", "Observation:subject", "Observation:device"]
    includes = in_hapis_order(read_include("_include", "", text) for text in written)

    assert [include.text for include in includes] == [
        "Observation:performer",  # in one bucket with the next, and written first
        "Observation:subject",
        "Observation:device",
        "Observation:specimen",
    ]


def test_the_next_link_names_them_in_this_order(session: FhirSession) -> None:
    found = bundle(session, "Observation?_count=1&_include=Observation:device&_include=Observation:patient")
    url = next(link["url"] for link in found["link"] if link["relation"] == "next")

    assert "&_include=Observation%3Apatient&_include=Observation%3Adevice&" in url


@pytest.mark.parametrize(
    ("target", "found"),
    [
        # What points to the matches comes first, then what they point to, then the same for repeated includes.
        ("Observation?_id=o1&_include=Observation:performer&_include:iterate=Observation:subject", ["d", "q"]),
        ("Patient?_id=q&_revinclude=Observation:subject&_include:iterate=Observation:performer", ["o1", "d"]),
        # Of Condition:* the database is not told the type.
        ("Observation?_id=o1&_include=Condition:*", ["d", "q"]),
    ],
)
def test_steps(session: FhirSession, target: str, found: list[str]) -> None:
    assert sorted(included(session, target)) == sorted(found)
    if "iterate" in target:
        assert included(session, target) == found
