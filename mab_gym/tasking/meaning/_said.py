"""Statements of a resource, and the order that they make together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Facet(StrEnum):
    """One side of an order's meaning; the names are those of a verdict's criteria."""

    PATIENT = "patient"
    CODE = "code"
    CATEGORY = "category"
    STATUS = "status"
    INTENT = "intent"
    AUTHORED = "authored"
    PRIORITY = "priority"
    DOSE = "dose"
    LIMIT = "limit"
    ROUTE = "route"
    RATE = "rate"
    LASTS = "lasts"
    OFTEN = "often"
    START = "start"
    END = "end"
    OCCURRENCE = "occurrence"
    QUANTITY = "quantity"
    REPLACES = "replaces"
    FOCUS = "focus"
    SITE = "site"
    VALUE = "value"
    RELATED = "related"
    CLINICAL = "clinicalStatus"
    VERIFICATION = "verificationStatus"
    CRITICALITY = "criticality"
    KIND = "kind"
    REACTION = "reaction"
    PAST = "past"
    PERFORMER = "performer"
    VALID = "valid"
    COMPONENT = "component"
    INTERPRETATION = "interpretation"
    SEVERITY = "severity"
    COUNT = "count"


class Said(NamedTuple):
    """One statement.

    Attributes:
        value: The value, as its facet has it.
        element: The element, as in ``dosageInstruction[0].route.text``.
    """

    value: Any
    element: str


class Refusal(NamedTuple):
    """An element that could not be understood, or that turns the order into something else.

    Attributes:
        element: The element.
        value: The value that stands there.
        why: The reason.
        critical: It makes the order unsafe: it takes it back, or makes it depend on something.
    """

    element: str
    value: Any
    why: str
    critical: bool = False

    def __str__(self) -> str:
        written = repr(self.value)
        written = written if len(written) <= 80 else f"{written[:80]}…"
        return f"{self.element} is {written}: {self.why}."


class FreeText(NamedTuple):
    """Words beside the structure.

    Attributes:
        text: The words.
        element: The element.
        names: They name what is ordered, as ``code.text`` does; else they are remarks.
    """

    text: str
    element: str
    names: bool = False


@dataclass(slots=True)
class Order:
    """The meaning of a resource: everything it states, and what of it could not be understood.

    Attributes:
        resource_type: As in ``MedicationRequest``.
        size: Characters and values of the resource, as far as it was read.
        said: The statements on each facet.
        refused: See `Refusal`.
        texts: Free text beside the structure.
    """

    resource_type: str
    size: int = 0
    said: dict[Facet, list[Said]] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    texts: list[FreeText] = field(default_factory=list)

    def of(self, facet: Facet) -> Sequence[Said]:
        """The statements on one facet."""
        return self.said.get(facet, ())

    def say(self, facet: Facet, value: Any, element: str) -> None:
        """Notes a statement."""
        said = self.said.get(facet)
        if said is None:
            self.said[facet] = [Said(value, element)]
        else:
            said.append(Said(value, element))

    def refuse(self, element: str, value: Any, why: str = "not understood", *, critical: bool = False) -> None:
        """Notes what cannot be understood."""
        self.refused.append(Refusal(element, value, why, critical))


def listed(value: Any) -> Sequence[Any]:
    """A JSON value as a list: what is none is a list of one, null is empty."""
    if value is None:
        return ()
    return value if isinstance(value, list) else [value]


def words_of(concept: Any) -> list[Any]:
    """The text of a CodeableConcept and the displays of its codings, as far as there are any."""
    words = [member(concept, "text"), *(member(coding, "display") for coding in listed(member(concept, "coding")))]
    return [each for each in words if each is not None]


def member(value: Any, name: str) -> Any:
    """A member of a JSON object; None where there is none."""
    return value.get(name) if isinstance(value, dict) else None
