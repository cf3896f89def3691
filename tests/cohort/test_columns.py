from __future__ import annotations

import json

import numpy as np
import pytest

from mab_gym.cohort._columns import InstantBuilder, PoolBuilder, digits, pretty
from mab_gym.fhir.store._table import InstantForm


def test_json_is_printed_as_hapi_prints_it() -> None:
    value = [{"use": "official", "given": ["José", "Ann"], "more": {"n": digits(40, 1)}}, {"on": True}]
    assert pretty(value) == (
        '[ {\n    "use": "official",\n    "given": [ "José", "Ann" ],\n    "more": {\n      "n": 4.0\n    }\n'
        '  }, {\n    "on": true\n  } ]'
    )


@pytest.mark.parametrize(("whole", "places", "text"), [(4, 0, "4"), (40, 1, "4.0"), (5, 2, "0.05"), (1234, 2, "12.34")])
def test_numbers_keep_their_precision(whole: int, places: int, text: str) -> None:
    assert digits(whole, places) == text


def test_a_pool_column_holds_what_occurs_once_and_no_more() -> None:
    builder = PoolBuilder("code", 5, 300, lambda choice: json.dumps(choice // 2))
    builder.put(slice(0, 3), np.array([0, 300, 299]))
    builder.put(slice(3, 5), 1)
    column = builder.column()
    assert list(column.texts) == ["0", "149"]
    assert column.codes.tolist() == [0, 2, 2, 1, 1]
    assert column.codes.dtype == np.uint8


def test_absent_instants_carry_no_seconds() -> None:
    builder = InstantBuilder("issued", 2, [InstantForm(4)])
    builder.put(slice(0, 2), np.array([99, 99]), np.array([0, 1]))
    assert builder.column().seconds.tolist() == [0, 99]
