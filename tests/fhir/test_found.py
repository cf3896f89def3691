"""Sorted searches, sorted no further than somebody looks, against plain sorting."""

import json
import random
from typing import Any

import numpy as np
import pytest

from mab_gym.fhir.http._server import Request
from mab_gym.fhir.store._row_keys import id_keys, together
from mab_gym.fhir.store._sorting import stable_order
from tests.fhir.serving import get, ids, observation, patient, relative, serve

DAYS = ["2021", "2021-03", "2021-03-04", "2021-03-04T05:06:07Z", "2021-03-04T05:06:07+05:00", "2020-12-31T23:59:59.5Z"]


def moment(day: str) -> str:
    """The first instant that a date stands for, in Greenwich, as a text that sorts."""
    return {
        "2021": "2021-01-01T00:00:00.0",
        "2021-03": "2021-03-01T00:00:00.0",
        "2021-03-04": "2021-03-04T00:00:00.0",
        "2021-03-04T05:06:07Z": "2021-03-04T05:06:07.0",
        "2021-03-04T05:06:07+05:00": "2021-03-04T00:06:07.0",
        "2020-12-31T23:59:59.5Z": "2020-12-31T23:59:59.5",
    }[day]


def made(rng: random.Random, number: int) -> dict[str, Any]:
    elements: dict[str, Any] = {"effectiveDateTime": rng.choice(DAYS)} if rng.random() < 0.9 else {}
    if rng.random() < 0.7:
        elements["valueQuantity"] = {"value": rng.choice([1, 2.5, 10, 100]), "unit": "mg"}
    if rng.random() < 0.1:
        elements.pop("effectiveDateTime", None)
        elements["effectivePeriod"] = {"start": rng.choice(DAYS), "end": "2022-01-01"}
    return dict(observation(str(number), rng.choice("pq"), rng.choice(["K", "MG", "CA"]), **elements))


def began(resource: dict[str, Any]) -> str:
    return moment(resource.get("effectiveDateTime") or resource["effectivePeriod"]["start"])


def has_date(resource: dict[str, Any]) -> bool:
    return "effectiveDateTime" in resource or "effectivePeriod" in resource


@pytest.mark.parametrize("seed", range(6))
def test_pages_of_a_sorted_search_are_in_order_whatever_was_written(seed: int) -> None:
    rng = random.Random(seed)
    stored = [made(rng, number) for number in range(1, 200) if rng.random() < 0.95]
    session = serve([patient("p"), patient("q"), *stored])
    resources = {each["id"]: each for each in stored}
    for number in rng.sample(sorted(resources), 8):
        changed = {**made(rng, 0), "id": number}
        body = json.dumps(changed)
        session.handle(Request("PUT", f"Observation/{number}", {"content-type": "application/fhir+json"}, body))
        resources[number] = changed
    for number in range(1000, 1005):
        new = made(rng, number)
        answer = session.handle(
            Request("POST", "Observation", {"content-type": "application/fhir+json"}, json.dumps(new))
        )
        resources[json.loads(answer.body)["id"]] = new

    for sign, key in (("", "date"), ("-", "date"), ("", "value-quantity"), ("-", "value-quantity")):
        found: list[str] = []
        target: str | None = f"Observation?_sort={sign}{key}&_count={rng.choice([3, 20, 50])}"
        while target is not None:
            page = json.loads(get(session, target).body)
            found += [entry["resource"]["id"] for entry in page["entry"]]
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            target = relative(session, following[0]) if following else None
        assert sorted(found) == sorted(resources), "each once"
        known = [resources[i] for i in found]
        if key == "date":
            values: list[Any] = [began(each) for each in known if has_date(each)]
            assert all(has_date(each) for each in known[: len(values)]), "what has no date comes last"
        else:
            values = [each["valueQuantity"]["value"] for each in known if "valueQuantity" in each]
            assert all("valueQuantity" in each for each in known[: len(values)])
        assert values == sorted(values, reverse=bool(sign))


def test_ids_are_sorted_as_the_texts_that_they_are() -> None:
    numbers = np.array([1, 10, 2, 9, 100, 99, 123456, 7, 1234567])
    texts = ["1a", "a1", "10-", "3.5", "Z", "12", "0012", "9999999999", "10x", "-1", "1.", "99z"]

    written = [*map(str, numbers.tolist()), *texts]
    places = range(len(numbers), len(written))
    keys = id_keys(np.append(numbers, [0] * len(texts)), dict(zip(places, texts, strict=True)))

    assert [written[place] for place in np.argsort(keys, kind="stable")] == sorted(written)


def test_ids_of_a_session_are_sorted_among_those_of_the_snapshot() -> None:
    session = serve([patient(str(number)) for number in (3, 20, 100, 9)])
    for name in ("b", "2x", "15-"):
        body = json.dumps({"resourceType": "Patient", "id": name})
        session.handle(Request("PUT", f"Patient/{name}", {"content-type": "application/fhir+json"}, body))

    assert ids(session, "Patient?_sort=_id") == ["100", "15-", "20", "2x", "3", "9", "b"]
    assert ids(session, "Patient?_sort=-_id") == ["b", "9", "3", "2x", "20", "15-", "100"]


@pytest.mark.parametrize("size", [10, 5_000, 50_000])
def test_equals_keep_their_order(size: int) -> None:
    keys = np.random.default_rng(size).integers(-(2**40), 2**40, size) // 2**36 * 2**36

    assert stable_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()


def test_several_columns_are_one() -> None:
    rng = np.random.default_rng(3)
    columns = [
        rng.integers(-(2**41), 2**41, 500) // 2**39 * 2**39,
        rng.integers(0, 2**41, 500),
        rng.integers(0, 3, 500),
    ]

    assert np.argsort(together(columns), kind="stable").tolist() == np.lexsort(columns[::-1]).tolist()
