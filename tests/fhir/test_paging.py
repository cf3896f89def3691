import json
from typing import Any

import numpy as np
import pytest

from mab_gym.fhir.http._server import FhirSession, Request
from mab_gym.fhir.search._found import FirstRows, Found
from mab_gym.fhir.search._paging import Page, SearchProgress, offset_page
from mab_gym.fhir.search._query import LARGEST_PAGE
from tests.fhir.serving import bundle, get, ids, observation, patient, refusal, relative, serve


def session_with(count: int) -> FhirSession:
    return serve([patient("p"), *(observation(f"o{number}", "p") for number in range(count))])


def links(found: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in found["link"]}


def walk(session: FhirSession, target: str) -> list[dict[str, Any]]:
    pages = [bundle(session, target)]
    while "next" in links(pages[-1]):
        pages.append(bundle(session, relative(session, links(pages[-1])["next"])))
    return pages


@pytest.mark.parametrize(
    ("matches", "count", "totals"),
    [
        (12, 5, [12, 12, 12]),  # the first pass takes in thirteen
        (13, 5, [None, None, 13]),  # here it does not come to the end; the last page looks again
        (19, 20, [19]),
        (20, 20, [None]),
        (20, 10, [None, None]),  # a full last page is not looked at again
        (21, 20, [None, 21]),
        (45, 20, [None, None, 45]),
    ],
)
def test_the_total_is_there_once_hapi_has_come_to_the_end(matches: int, count: int, totals: list[int | None]) -> None:
    pages = walk(session_with(matches), f"Observation?_count={count}")

    assert [page.get("total") for page in pages] == totals
    assert sum(len(page["entry"]) for page in pages) == matches


def test_an_accurate_total_is_there_from_the_first_page_on() -> None:
    pages = walk(session_with(30), "Observation?_total=accurate")

    assert [page["total"] for page in pages] == [30, 30]


def test_links_lead_both_ways_and_keep_the_form() -> None:
    session = session_with(30)
    second = walk(session, "Observation?_count=10&_format=json&_elements=status,code")[1]

    assert set(links(second)) == {"self", "next", "previous"}
    tail = "&_count=10&_format=json&_pretty=true&_bundletype=searchset&_elements=code,status"
    assert links(second)["next"].endswith(f"_getpagesoffset=20{tail}")
    assert links(second)["previous"].endswith(f"_getpagesoffset=0{tail}")
    assert list(second["entry"][0]["resource"]) == ["resourceType", "id", "meta", "status", "code"]


def test_a_search_asked_again_is_the_same_search() -> None:
    session = session_with(45)
    first = walk(session, "Observation?patient=p")[0]
    again = bundle(session, "Observation?patient=p&_format=json&_elements=code")

    assert again["id"] == first["id"]
    assert "total" not in first
    assert again["total"] == 45


def test_a_search_asked_again_sees_what_was_written_since() -> None:
    session = session_with(3)
    assert len(ids(session, "Observation?patient=p")) == 3

    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/p"},
    }
    headers = {"content-type": "application/fhir+json"}
    assert session.handle(Request("POST", "Observation", headers, json.dumps(body))).status == 201
    assert len(ids(session, "Observation?patient=p")) == 4


def test_a_page_shows_the_record_as_it_was_searched() -> None:
    session = session_with(25)
    first = bundle(session, "Observation")
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    headers = {"content-type": "application/fhir+json"}
    session.handle(Request("POST", "Observation", headers, json.dumps(body)))

    assert len(ids(session, relative(session, links(first)["next"]))) == 5


def test_counting_alone() -> None:
    for target in ("Observation?_summary=count", "Observation?_count=0"):
        found = bundle(session_with(3), target)

        assert found["total"] == 3
        assert "entry" not in found
        assert "link" not in found


def test_offsets_are_not_kept() -> None:
    session = session_with(30)
    found = bundle(session, "Observation?_offset=10&_count=5")

    assert found["entry"][0]["resource"]["id"] == "o10"
    assert links(found)["next"].endswith("/Observation?_count=5&_offset=15")
    assert links(found)["previous"].endswith("/Observation?_count=5&_offset=5")
    assert refusal(session, "Observation?_offset=x") == (400, "HAPI-0461: Invalid _offset value: x")


def test_pages_of_a_search_that_is_not_there() -> None:
    assert refusal(session_with(1), "?_getpages=nope")[0] == 410


def test_equal_requests_give_equal_bytes() -> None:
    one, other = session_with(30), session_with(30)

    for target in ("Observation?code=K", "Observation?_count=7", "Observation?code=K", "Patient"):
        assert get(one, target) == get(other, target)


def test_repeated_rows_count_against_a_pass() -> None:
    """``_has`` finds a patient once for each Observation: of fourteen rows some are the same patient."""
    found = Found(np.arange(10), FirstRows(28, [0, 3, 5, 6, 7, 11, 15, 20, 24, 26]))

    assert SearchProgress().first_page(found, 5, counted=False) == Page(0, 5, 5, None, more=True)
    assert SearchProgress().first_page(found, 10, counted=False) == Page(0, 10, 10, None, more=False)
    assert SearchProgress().first_page(found, 12, counted=False) == Page(0, 10, 12, 10, more=False)


def test_an_offset_beyond_the_end_is_taken_for_the_total() -> None:
    assert offset_page(44, 5, 1000, counted=False) == Page(1000, 0, 5, 1000, more=False)


def test_a_page_is_bounded_whatever_is_asked_for() -> None:
    """HAPI would try; here nobody's request takes the server away from the others."""
    session = serve(observation(f"o{number}", "S1") for number in range(LARGEST_PAGE + 5))
    first = bundle(session, "Observation?_count=1000000000")
    assert len(first["entry"]) == LARGEST_PAGE
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    wide = relative(session, following).replace(f"_count={LARGEST_PAGE}", "_count=1000000000")
    assert len(bundle(session, wide)["entry"]) == 5


@pytest.mark.parametrize(
    ("question", "total"),
    [("code=A", 12), ("code=A,B", None), ("code=http://loinc.org|", None), ("code=A,B&_sort=_id", None)],
)
def test_a_match_by_several_values_is_several_rows(question: str, total: int | None) -> None:
    both = {"coding": [{"system": "http://loinc.org", "code": code} for code in ("A", "B")]}
    session = serve([patient("p"), *({**observation(f"o{number}", "p"), "code": both} for number in range(12))])

    found = bundle(session, f"Observation?{question}&_count=5")

    assert found.get("total") == total
    assert (
        len({url["fullUrl"] for page in walk(session, f"Observation?{question}&_count=5") for url in page["entry"]})
        == 12
    )


def test_a_text_that_a_resource_has_twice_is_several_rows() -> None:
    names = [{"family": "Jones", "given": ["Jon"]}]
    session = serve([patient(f"p{number}", name=names) for number in range(12)])

    assert bundle(session, "Patient?name=jon&_count=5").get("total") is None
    assert bundle(session, "Patient?family=jon&_count=5").get("total") == 12
