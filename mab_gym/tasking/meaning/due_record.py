"""Due measurements and allergies, which have to be recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from mab_gym.fhir.model._dates import milliseconds
from mab_gym.tasking.meaning._said import Facet, Order, Refusal, listed, member, words_of
from mab_gym.tasking.meaning._texts import Expectation
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due import DAY, Check, Due, compared, told_day
from mab_gym.tasking.verdict import Code

__all__ = ["AllergyDue", "ObservationDue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservationDue(Due):
    """A measurement to be recorded.

    Attributes:
        measured: The measured thing.
        category: The code systems and the code of its category.
        reading: The reading as the prompt writes it; white space may differ.
        parts: Its numbers, by the LOINC codes of its parts.
        interpretations: Codes and words of interpretations that fit.
    """

    resource_type: ClassVar[str] = "Observation"

    measured: Concept
    category: tuple[frozenset[str], str]
    reading: str
    parts: Mapping[str, float]
    interpretations: frozenset[str]

    def checks(self, order: Order) -> Iterator[Check]:
        """Compares an order with this one."""
        yield self._patient(order)
        yield self._plain(order, Facet.STATUS, "final", Code.WRONG_STATUS)
        yield self._at(order, Facet.OCCURRENCE, "effectiveDateTime", self.now)
        yield compared(
            self._name("category"), self._categories(order), Code.WRONG_CATEGORY, "It should be a vital sign"
        )
        yield compared(
            self._name("code"), self._codes(order), Code.WRONG_CODE, f"It should be {self.measured.names[0]}"
        )
        yield compared(self._name("value"), self._values(order), Code.WRONG_VALUE, f"It should be {self.reading!r}")
        yield from self._understood(
            order, Expectation(now=self.now, names=self.measured, said=self.reading, measured=True)
        )

    def _categories(self, order: Order) -> Iterator[Refusal]:
        systems, code = self.category
        said = order.of(Facet.CATEGORY)
        if not any(value.get("code") == code and value.get("system") in systems for value, _ in said):
            yield Refusal("", None, f"it is not coded {code}")
        for value, element in said:
            other = (value.get("system"), value.get("code")) not in {(system, code) for system in systems}
            if other and (value.get("system") in systems or value.get("userSelected") is True):
                yield Refusal(element, value, f"it is not {code}")
            for text in (value.get("display"), value.get("text")):
                if text is not None and _OTHER_CATEGORY.search(str(text)):
                    yield Refusal(element, text, "it is another category")

    def _codes(self, order: Order) -> Iterator[Refusal]:
        for refusal in self.measured.problems(order.of(Facet.CODE)):
            if refusal.element:
                yield refusal
        named = any(
            str(value.get("text") or "").strip() == self.measured.code
            or (value.get("system"), value.get("code")) in self.measured.also
            or value.get("code") == self.measured.code
            for value, _ in order.of(Facet.CODE)
        )
        if not named:
            yield Refusal("", None, f"neither its text nor a code is {self.measured.code}")

    def _values(self, order: Order) -> Iterator[Refusal]:
        for value, element in order.of(Facet.SITE):
            text = str(value.get("text") or value.get("display") or "").lower()
            if not text or not set(text.replace(",", " ").split()) <= _LIMBS:
                yield Refusal(element, value, "it is no place where a cuff is")
        wanted = "".join(self.reading.split())
        said = order.of(Facet.VALUE)
        if not said:
            yield Refusal("", None, "there is no valueString")
        for value, element in said:
            if "".join(str(value).split()) != wanted:
                yield Refusal(element, value, "it is another reading")
        for value, element in order.of(Facet.COMPONENT):
            yield from self._part(value, element)
        for value, element in order.of(Facet.INTERPRETATION):
            told = [value[name] for name in ("code", "display", "text") if value.get(name) is not None]
            if not told or any(_plain(each) not in self.interpretations for each in told):
                yield Refusal(element, value, "it does not fit the reading")
        for (written, period), element in order.of(Facet.AUTHORED):
            if not milliseconds(self.now) <= period.high <= milliseconds(self.now) + DAY:
                yield Refusal(element, written, "it cannot have been issued then")

    def _part(self, component: Any, element: str) -> Iterator[Refusal]:
        codes = {member(c, "code") for c in listed(member(member(component, "code"), "coding"))}
        wanted = {self.parts[code] for code in codes if code in self.parts}
        quantity = member(component, "valueQuantity")
        known = {"id", "extension", "code", "valueQuantity"}
        fits = (
            len(wanted) == 1
            and len(codes) == 1
            and member(quantity, "value") in wanted
            and member(quantity, "comparator") is None
            and {member(quantity, "unit"), member(quantity, "code")} - {None} <= {"mmHg", "mm[Hg]", "mm Hg"}
            and isinstance(component, Mapping)
            and set(component) <= known
            and _names_no_other(component, next(iter(codes)))
        )
        if not fits:
            yield Refusal(element, component, "it is not part of the reading")


def _plain(interpretation: object) -> str:
    """Normalizes an interpretation for the comparison with `ObservationDue.interpretations`."""
    return re.sub(r"^critical(?:ly)? ", "", str(interpretation).strip().lower())


def _names_no_other(component: Mapping[str, Any], code: Any) -> bool:
    """Tells if the words beside a part's code do not name another part."""
    others = [name for other, name in _PARTS.items() if other != code]
    return not any(name in str(each).lower() for each in words_of(member(component, "code")) for name in others)


_PARTS: Final = {"8480-6": "systolic", "8462-4": "diastolic"}
"""LOINC codes of the parts of a blood pressure."""
_OTHER_CATEGORY: Final = re.compile(
    r"\b(?:lab\w*|imaging|radiolog\w*|survey|exam\w*|social\w*|procedure\w*|therapy|activity|not|non)\b", re.IGNORECASE
)
_LIMBS: Final = frozenset(
    {"left", "right", "upper", "lower", "arm", "forearm", "wrist", "leg", "thigh", "ankle", "calf", "finger", "limb",
     "brachial", "artery", "structure", "of", "entire", "the"}
)  # fmt: skip


_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance"
_STATUSES: Final = {
    Facet.CLINICAL: Concept(f"{_TERMINOLOGY}-clinical", "active", ("active",)),
    Facet.VERIFICATION: Concept(f"{_TERMINOLOGY}-verification", "confirmed", ("confirmed",)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AllergyDue(Due):
    """An allergy to be recorded.

    Attributes:
        substance: The substance.
        reaction: Words for the reaction; the text of a stated reaction must contain one of them.
    """

    resource_type: ClassVar[str] = "AllergyIntolerance"

    substance: Concept
    reaction: frozenset[str]

    def checks(self, order: Order) -> Iterator[Check]:
        """Compares an order with this one."""
        yield self._patient(order)
        yield self._concept(order, self.substance, "substance.code", critical=True)
        for facet, status in _STATUSES.items():
            due = f"The {facet.value} should be {status.code}"
            yield compared(f"{facet.value}.code", status.problems(order.of(facet)), Code.WRONG_CODE, due, False)
        yield self._plain(order, Facet.CRITICALITY, "high", Code.WRONG_PRIORITY)
        yield self._at(order, Facet.AUTHORED, "recordedDate", self.now)
        yield compared(
            self._name("reaction"), self._reactions(order), Code.WRONG_VALUE, "It is an anaphylaxis to a drug"
        )
        yield from self._understood(order, Expectation(now=self.now, names=self.substance, avoids=True))

    def _reactions(self, order: Order) -> Iterator[Refusal]:
        for value, element in order.of(Facet.CATEGORY):
            if value != "medication":
                yield Refusal(element, value, "it should be medication")
        for value, element in order.of(Facet.KIND):
            if value != "allergy":
                yield Refusal(element, value, "it should be allergy")
        for value, element in order.of(Facet.SEVERITY):
            if value != "severe":
                yield Refusal(element, value, "it should be severe")
        for value, element in order.of(Facet.REACTION):
            text = str(value.get("text") or value.get("display") or value.get("code") or "").lower()
            if not any(word in text for word in self.reaction):
                yield Refusal(element, value, "it is another reaction")
        for period, element in order.of(Facet.PAST):
            if period.low > milliseconds(self.now):
                yield Refusal(element, told_day(period), "it lies ahead")
