"""Elements and timings by value: what each of them says, and what is refused, with element, value and reason."""

from __future__ import annotations

import json

import pytest

from mab_gym.tasking.meaning.reading import read
from mab_gym.tasking.meaning.said import Order
from mab_gym.tasking.meaning.schedules import read_timing
from tests.tasking.meaning.tabled import rows, statements


@pytest.mark.parametrize(("written", "meaning"), rows("elements"))
def test_elements(written: str, meaning: list[str]) -> None:
    kind, _, members = written.partition(" ")
    assert statements(read({"resourceType": kind, **json.loads(members)})) == meaning


@pytest.mark.parametrize(("written", "meaning"), rows("timings"))
def test_timings(written: str, meaning: list[str]) -> None:
    order = Order("MedicationRequest")
    read_timing(order, json.loads(written), "timing")
    assert statements(order) == meaning
