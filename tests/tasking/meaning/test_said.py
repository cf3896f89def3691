"""Statements and refusals by value."""

from __future__ import annotations

from typing import Any

import pytest

from mab_gym.tasking.meaning._said import Facet, FreeText, Order, Refusal, Said, listed, member

NAMED_OTHERWISE = {"CLINICAL": "clinicalStatus", "VERIFICATION": "verificationStatus"}
FACETS = """
patient code category status intent authored priority dose limit route rate lasts often start end occurrence quantity
replaces focus site value related clinicalStatus verificationStatus criticality kind reaction past performer valid
component interpretation severity count
"""


def test_facets_have_the_names_of_criteria() -> None:
    assert [facet.value for facet in Facet] == FACETS.split()
    assert {facet.name: facet.value for facet in Facet} == {
        facet.name: NAMED_OTHERWISE.get(facet.name, facet.name.lower()) for facet in Facet
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (7, "a.b is 7: it is odd."),
        (None, "a.b is None: it is odd."),
        ("x" * 78, f"a.b is '{'x' * 78}': it is odd."),
        ("x" * 79, f"a.b is '{'x' * 79}…: it is odd."),
        ("x" * 200, f"a.b is '{'x' * 79}…: it is odd."),
    ],
)
def test_a_refusal_in_words(value: Any, told: str) -> None:
    assert str(Refusal("a.b", value, "it is odd")) == told


def test_an_order_holds_what_was_said() -> None:
    order = Order("Task")
    assert (order.resource_type, order.said, order.refused, order.texts) == ("Task", {}, [], [])
    assert tuple(order.of(Facet.DOSE)) == ()
    order.say(Facet.DOSE, 1, "a")
    order.say(Facet.DOSE, 2, "b")
    order.say(Facet.ROUTE, "oral", "c")
    assert order.of(Facet.DOSE) == [Said(1, "a"), Said(2, "b")]
    assert order.of(Facet.ROUTE) == [("oral", "c")]
    order.refuse("a", 1)
    order.refuse("b", 2, "it is odd", critical=True)
    assert order.refused == [("a", 1, "not understood", False), ("b", 2, "it is odd", True)]
    assert Order("Task").refused == []
    assert Refusal("a", 1, "x").critical is False
    assert FreeText("a", "b").names is False


@pytest.mark.parametrize(
    ("value", "items"),
    [(None, []), ([], []), ([1, 2], [1, 2]), (0, [0]), ("ab", ["ab"]), ({"a": 1}, [{"a": 1}]), (False, [False])],
)
def test_a_value_as_a_list(value: Any, items: list[Any]) -> None:
    assert list(listed(value)) == items


@pytest.mark.parametrize(("value", "found"), [({"a": 1}, 1), ({}, None), ({"b": 1}, None), ([1], None), ("a", None)])
def test_a_member_of_a_value(value: Any, found: Any) -> None:
    assert member(value, "a") == found
