"""Elements and timings by value: what each of them says, and what is refused, with element, value and reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.tasking.meaning._reading import LARGEST, read, size_of
from mab_gym.tasking.meaning._said import Order
from mab_gym.tasking.meaning._schedules import read_timing
from tests.tasking.meaning.tabled import rows, statements


@pytest.mark.parametrize(("written", "meaning"), rows("elements"))
def test_elements(written: str, meaning: list[str]) -> None:
    kind, _, members = written.partition(" ")
    order = read({"resourceType": kind, **json.loads(members)})
    assert (order.resource_type, statements(order)) == (kind, meaning)


def test_what_is_too_much_is_not_read() -> None:
    order = read({"resourceType": "Task", "status": "x" * LARGEST})
    assert statements(order) == [
        "refused: '…' <- resource | it has more than 10,000 characters or values, which nobody reads"
    ]


@pytest.mark.parametrize(
    ("resource", "size"),
    [({}, 1), ({"a": "bcd"}, 4), ({"a": ["b", 1, None, {"c": "de"}]}, 8), ({"a": "x" * 9_999}, 10_000),
     ({"b": "y", "a": "x" * 9_999}, 10_001),
     ({"a": "x" * 20_000, "b": 1}, 20_002), ({"b": 1, "a": "x" * 20_000}, 20_001)],
)  # fmt: skip
def test_the_size_of_a_resource(resource: dict[str, Any], size: int) -> None:
    assert size_of(resource) == size
    assert bool(read({"resourceType": "Task", **resource}).refused) is (size > 1)


def test_the_largest_resource_that_is_read() -> None:
    known = {"resourceType": "Task"}  # 1 and 4 characters
    assert statements(read({**known, "status": "x" * (LARGEST - 5)})) == [f"status: '{'x' * (LARGEST - 5)}' <- status"]
    assert len(read({**known, "status": "x" * (LARGEST - 4)}).refused) == 1


@pytest.mark.parametrize(("written", "meaning"), rows("timings"))
def test_timings(written: str, meaning: list[str]) -> None:
    order = Order("MedicationRequest")
    read_timing(order, json.loads(written), "timing")
    assert statements(order) == meaning
