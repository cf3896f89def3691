"""`Order`: the statements that a resource makes, with helpers to read JSON of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Facet(StrEnum):
    """One aspect of an order's meaning; verdicts name their criteria by these values."""

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
        value: The value; its type depends on the facet.
        element: The element that makes the statement, as in ``dosageInstruction[0].route.text``.
    """

    value: Any
    element: str


class Refusal(NamedTuple):
    """An element that could not be understood, or that turns the order into something else.

    Attributes:
        element: The element.
        value: Its value.
        why: The reason.
        critical: True if it makes the order unsafe: it takes it back, or makes it depend on something.
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
    """Free text beside the structure.

    Attributes:
        text: The text.
        element: The element that holds it.
        names: True if it names the ordered thing, as ``code.text`` does; False if it is a remark.
    """

    text: str
    element: str
    names: bool = False


@dataclass(slots=True)
class Order:
    """The meaning of a resource: its statements, and the elements that could not be understood.

    Attributes:
        resource_type: As in ``MedicationRequest``.
        size: Characters and values of the resource, as far as it was read.
        said: The statements by facet.
        refused: The elements that could not be understood.
        texts: Free text beside the structure.
    """

    resource_type: str
    size: int = 0
    said: dict[Facet, list[Said]] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    texts: list[FreeText] = field(default_factory=list)

    def of(self, facet: Facet) -> Sequence[Said]:
        """Returns the statements on one facet."""
        return self.said.get(facet, ())

    def say(self, facet: Facet, value: Any, element: str) -> None:
        """Notes a statement."""
        said = self.said.get(facet)
        if said is None:
            self.said[facet] = [Said(value, element)]
        else:
            said.append(Said(value, element))

    def refuse(self, element: str, value: Any, why: str = "not understood", *, critical: bool = False) -> None:
        """Notes an element that cannot be understood."""
        self.refused.append(Refusal(element, value, why, critical))


def listed(value: Any) -> Sequence[Any]:
    """Returns a JSON value as a list: a list as it is, null as an empty one, anything else as a list of one."""
    if value is None:
        return ()
    return value if isinstance(value, list) else [value]


def words_of(concept: Any) -> list[Any]:
    """Returns the text of a CodeableConcept and the displays of its codings, if there are any."""
    words = [member(concept, "text"), *(member(coding, "display") for coding in listed(member(concept, "coding")))]
    return [each for each in words if each is not None]


def member(value: Any, name: str) -> Any:
    """Returns a member of a JSON object; None if it has no such member or is not an object."""
    return value.get(name) if isinstance(value, dict) else None
