"""Seeded random fixtures for `scripts/differential`: resources of many types, full of awkward values.

The choice of elements follows the search parameters: elements that one of them reads are usually there, others rarely.
Values come from small pools, so that ties and near misses are frequent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from mab_gym.fhir.model._definitions import Element, elements, is_primitive, resource_types, search_parameters
from mab_gym.fhir.model._json_text import DecimalNumber
from mab_gym.fhir.model._paths import compile_paths

Resource = dict[str, Any]

ALWAYS = {
    "Organization": 5, "Practitioner": 6, "Location": 4, "Patient": 16, "Encounter": 12, "Condition": 16,
    "Observation": 60, "Procedure": 14, "MedicationRequest": 16, "ServiceRequest": 14, "DiagnosticReport": 12,
    "AllergyIntolerance": 10, "Immunization": 8, "Appointment": 8, "CarePlan": 8, "Questionnaire": 6,
}  # fmt: skip
"""The types of every fixture and about how many of each, ordered so that references can point back."""
LEFT_OUT = {
    "Binary", "Bundle", "CodeSystem", "ConceptMap", "ImplementationGuide", "OperationOutcome", "Parameters",
    "SearchParameter", "StructureDefinition", "Subscription", "ValueSet", "MessageHeader",
}  # fmt: skip
"""Types that make a server do more than store them (search, expand or notify)."""
MORE_TYPES = 7

SYSTEMS = (
    "http://loinc.org", "http://snomed.info/sct", "http://example.org/codes", "urn:oid:2.16.840.1.113883.6.103", None,
)  # fmt: skip
CODES = ("K", "MG", "8480-6", "271649006", "k", "Ä-1", "a b", "x,y", "p|q", "K2", "true")
DISPLAYS = ("Potassium", "potassium level", "Blood pressure", "Ménière's disease", "Fracture, left", "POTASSIUM")
FAMILIES = (
    "Müller",
    "Muller",
    "MULLER",
    "O'Brien",
    "de la Cruz",
    "Dela Cruz",
    "Nguyễn",
    "Van Dyke",
    "Smith-Jones",
    "Ng",
)
GIVEN = ("Ann", "ann", "Anne-Marie", "José", "Jose", "Jo", "Øyvind", "Zoë", "李", "J.")
WORDS = (
    "left arm", "Left  Arm", "Straße 5", "strasse 5", "Boston", "boston", "Sao Paulo", "São Paulo", "98101",
    "98101-1234", "Unit 4, back", "100% sure", "a_b", "x|y", "$5", "naïve", "NAIVE", "back\\slash",
)  # fmt: skip
URIS = (
    "http://example.org/fhir/Questionnaire/q1", "http://example.org/fhir/Questionnaire/q10", "http://example.org/fhir",
    "HTTP://example.org/fhir", "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", "http://example.org/a?b=c",
    "http://example.org/fhir/", "urn:oid:1.2.3",
)  # fmt: skip
UNITS = (
    ("mmol/L", "http://unitsofmeasure.org", "mmol/L"), ("mg/dL", "http://unitsofmeasure.org", "mg/dL"),
    ("millimole", "http://unitsofmeasure.org", "mmol/L"), ("mmol/L", None, None), (None, None, None),
    ("tablets", "http://example.org/units", "TAB"), (None, None, "mg/dL"),
)  # fmt: skip
NUMBERS = (
    "4.4", "4.40", "4", "5", "5.0", "4.44", "4.36", "0", "0.0", "-1.5", "120", "1e2", "100", "99.99999", "0.001",
    "1E-3",
)  # fmt: skip
DAYS = ("2023-03-12", "2023-03-13", "2023-11-05", "2022-12-31", "2023-01-01", "2024-02-29", "2023-11-12", "1969-12-31")
TIMES = ("00:00:00", "23:59:59", "10:15:00", "10:15:30", "02:30:00", "12:00:00")
FRACTIONS = ("", "", "", "", ".000", ".5", ".123", ".999999")
ZONES = ("Z", "+00:00", "+05:30", "-08:00", "+14:00", "-11:00", "-05:00")


@cache
def read_places(resource_type: str) -> frozenset[tuple[str, ...]]:
    """Returns the places (names from the top down) that the type's search parameters read, with all above them."""
    places: set[tuple[str, ...]] = set()
    for parameter in search_parameters(resource_type).values():
        roots = [parameter.expression]
        for _, part in parameter.components:
            parents = [each.strip() for each in parameter.expression.split("|")]
            roots += [f"{parent}.{part}" for parent in parents if parent != resource_type]
        for root in roots:
            for path in compile_paths(resource_type, root):
                names = (path.top, *(name.partition(" as ")[0] for kind, name in path.steps if kind == "child"))
                places.update(names[:length] for length in range(1, len(names) + 1))
    return frozenset(place for place in places if place[0] not in ("id", "meta"))


class FixtureMaker:
    """Makes the resources of one fixture.

    Args:
        seed: Equal seeds give equal fixtures.
        prefix: The beginning of every id.
    """

    def __init__(self, seed: int, prefix: str = "f") -> None:
        self.rng = random.Random(f"fixture {seed}")
        self.prefix = prefix
        self.known: dict[str, list[str]] = {}
        self.days = self.rng.sample(DAYS, 5)
        self.codes = self.rng.sample(CODES, 6)
        self._makers: dict[str, Callable[[], Any]] = {
            "boolean": lambda: self.rng.random() < 0.5,
            "integer": lambda: self.rng.choice((-1, 0, 1, 5, 100)),
            "unsignedInt": lambda: self.rng.choice((0, 1, 5, 30)),
            "positiveInt": lambda: self.rng.choice((1, 2, 5, 30)),
            "decimal": lambda: DecimalNumber(self.rng.choice(NUMBERS)),
            "string": lambda: self.rng.choice(WORDS),
            "markdown": lambda: self.rng.choice(WORDS),
            "code": lambda: self.rng.choice(("active", "en", "final", "K")),
            "id": lambda: self.rng.choice(("a1", "b-2")),
            "uri": lambda: self.rng.choice(URIS),
            "url": lambda: self.rng.choice(URIS),
            "canonical": lambda: self.rng.choice(URIS) + self.rng.choice(("", "", "|1.0")),
            "oid": lambda: "urn:oid:1.2.3",
            "uuid": lambda: "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
            "base64Binary": lambda: "YWJj",
            "time": lambda: self.rng.choice(TIMES),
            "date": self._date,
            "dateTime": self.date_time,
            "instant": self._instant,
            "HumanName": self._name,
            "Address": self._address,
            "ContactPoint": self._contact,
            "Identifier": self._identifier,
            "CodeableConcept": self._concept,
            "Coding": self.coding,
            "Quantity": self._quantity,
            "Age": lambda: self._quantity(compared=False),
            "Duration": lambda: self._quantity(compared=False),
            "Count": lambda: self._quantity(compared=False),
            "Distance": lambda: self._quantity(compared=False),
            "Money": lambda: {"value": DecimalNumber(self.rng.choice(NUMBERS)), "currency": "EUR"},
            "Range": lambda: {"low": self._quantity(compared=False), "high": self._quantity(compared=False)},
            "Ratio": lambda: {"numerator": self._quantity(), "denominator": self._quantity()},
            "Period": self._period,
            "Timing": self._timing,
            "Annotation": lambda: {"text": self.rng.choice(WORDS)},
            "Attachment": lambda: {"contentType": "text/plain", "title": self.rng.choice(WORDS)},
        }

    def make(self) -> list[Resource]:
        """Makes all resources, type after type; references point only to earlier ones."""
        others = [name for name in resource_types() if name not in LEFT_OUT and name not in ALWAYS]
        counts = dict(ALWAYS)
        extra = {name: self.rng.randint(2, 8) for name in self.rng.sample(others, MORE_TYPES)}
        return [
            self.resource(resource_type, number)
            for resource_type, count in (*counts.items(), *extra.items())
            for number in range(max(2, round(count * self.rng.uniform(0.6, 1.4))))
        ]

    def resource(self, resource_type: str, number: int | None = None) -> Resource:
        """Makes one resource; with a number it gets an id, and later references may point to it."""
        rng = self.rng
        made: Resource = {"resourceType": resource_type}
        if number is not None:
            made["id"] = f"{self.prefix}-{resource_type[:4]}-{number}"
        if rng.random() < 0.2:
            made["meta"] = self._meta()
        if rng.random() < 0.05:
            made["language"] = rng.choice(("en", "de-CH"))
        if rng.random() < 0.05:
            made["text"] = {
                "status": "generated",
                "div": '<div xmlns="http://www.w3.org/1999/xhtml">A <b>note</b></div>',
            }
        made.update(self._children(resource_type, (), read_places(resource_type), 0))
        if number is not None:
            self.known.setdefault(resource_type, []).append(made["id"])
        return made

    def _children(
        self, type_name: str, place: tuple[str, ...], places: frozenset[tuple[str, ...]], depth: int
    ) -> dict[str, Any]:
        """Makes the elements of a resource or of a backbone element."""
        rng = self.rng
        made: dict[str, Any] = {}
        chosen: dict[str, str] = {}
        by_choice: dict[str, list[Element]] = {}
        for element in elements(type_name).values():
            by_choice.setdefault(element.choice or element.name, []).append(element)
        for stem, alternatives in by_choice.items():
            if stem in (
                "id",
                "meta",
                "implicitRules",
                "language",
                "text",
                "contained",
                "extension",
                "modifierExtension",
            ):
                continue
            read = [e for e in alternatives if (*place, e.name) in places or (*place, stem) in places]
            if rng.random() > (0.62 if read else 0.05):
                continue
            chosen[stem] = rng.choice(read if read and rng.random() < 0.9 else alternatives).name
        for element in elements(type_name).values():
            stem = element.choice or element.name
            if chosen.get(stem) != element.name:
                continue
            inner = (*place, element.name) if (*place, element.name) in places else (*place, stem)
            count = rng.choices((1, 2, 3), (70, 22, 8))[0] if element.many else 1
            items = [
                item for _ in range(count) if (item := self._value(element, inner, places, depth)) not in (None, {})
            ]
            if items:
                made[element.name] = items if element.many else items[0]
        return made

    def _value(self, element: Element, place: tuple[str, ...], places: frozenset[tuple[str, ...]], depth: int) -> Any:
        kind = element.type
        if element.codes:
            return self.rng.choice(sorted(element.codes)[:4])
        if kind == "Reference":
            return self._reference(element)
        if kind in self._makers:
            return self._makers[kind]()
        if kind == "Resource" or is_primitive(kind) or depth > 3:
            return None
        return self._children(kind, place, places, depth + 1)

    # --- datatypes -----------------------------------------------------------------------------------------------

    def _meta(self) -> dict[str, Any]:
        rng = self.rng
        meta: dict[str, Any] = {}
        if rng.random() < 0.5:
            meta["profile"] = rng.sample(URIS[:3], rng.randint(1, 2))
        if rng.random() < 0.5:
            meta["tag"] = [self._label() for _ in range(rng.randint(1, 2))]
        if rng.random() < 0.3:
            meta["security"] = [self._label()]
        if rng.random() < 0.3:
            meta["source"] = rng.choice(URIS[:3])
        return meta

    def _label(self) -> dict[str, Any]:
        """Makes a tag; a code always has the same display, because a server remembers the first one."""
        code = self.rng.choice(CODES[:6])
        return {"system": self.rng.choice(SYSTEMS[:3]), "code": code, "display": f"The label {code}"}

    def _date(self) -> str:
        return self.rng.choice(self.days)[: self.rng.choices((4, 7, 10), (12, 13, 75))[0]]

    def _instant(self) -> str:
        rng = self.rng
        return f"{rng.choice(self.days)}T{rng.choice(TIMES)}{rng.choice(FRACTIONS)}{rng.choice(ZONES)}"

    def date_time(self) -> str:
        """Makes a dateTime, partial or whole."""
        return self._date() if self.rng.random() < 0.35 else self._instant()

    def _period(self) -> dict[str, str]:
        ends = sorted((self.date_time(), self.date_time()))
        period = {"start": ends[0], "end": ends[1]}
        if self.rng.random() < 0.4:
            period.pop(self.rng.choice(("start", "end")))
        return period

    def _timing(self) -> dict[str, Any]:
        rng = self.rng
        timing: dict[str, Any] = {}
        if rng.random() < 0.6:
            timing["event"] = [self.date_time() for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.5:
            timing["repeat"] = {"boundsPeriod": self._period()} if rng.random() < 0.6 else {"count": 3}
        if rng.random() < 0.2 or not timing:
            timing["code"] = {"text": "BID"}
        return timing

    def _name(self) -> dict[str, Any]:
        rng = self.rng
        name: dict[str, Any] = {}
        if rng.random() < 0.3:
            name["use"] = rng.choice(("official", "old"))
        if rng.random() < 0.2:
            name["text"] = f"{rng.choice(GIVEN)} {rng.choice(FAMILIES)}"
        if rng.random() < 0.85:
            name["family"] = rng.choice(FAMILIES)
        if rng.random() < 0.8 or not name:
            name["given"] = rng.sample(GIVEN, rng.randint(1, 2))
        if rng.random() < 0.15:
            name["prefix"] = ["Dr."]
        if rng.random() < 0.1:
            name["suffix"] = ["Jr."]
        return name

    def _address(self) -> dict[str, Any]:
        rng = self.rng
        made: dict[str, Any] = {"use": rng.choice(("home", "work"))} if rng.random() < 0.5 else {}
        if rng.random() < 0.2:
            made["text"] = rng.choice(WORDS)
        if rng.random() < 0.6:
            made["line"] = rng.sample(WORDS, rng.randint(1, 2))
        for name in ("city", "district", "state", "postalCode", "country"):
            if rng.random() < 0.5:
                made[name] = rng.choice(WORDS)
        return made or {"city": "Boston"}

    def _contact(self) -> dict[str, Any]:
        rng = self.rng
        made = {}
        if rng.random() < 0.85:
            made["system"] = rng.choice(("phone", "email", "url"))
        if rng.random() < 0.9 or not made:
            made["value"] = rng.choice(("555-0100", "5550100", "a@example.org", "A@example.org"))
        if rng.random() < 0.4:
            made["use"] = rng.choice(("home", "work"))
        return made

    def _identifier(self) -> dict[str, Any]:
        rng = self.rng
        made: dict[str, Any] = {}
        if rng.random() < 0.25:
            made["use"] = "usual"
        if rng.random() < 0.3:
            kind: dict[str, Any] = {}
            if rng.random() < 0.7:
                kind["coding"] = [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]
            if rng.random() < 0.6 or not kind:
                kind["text"] = rng.choice(("Medical record", "medical Record number"))
            made["type"] = kind
        if rng.random() < 0.7:
            made["system"] = rng.choice(("http://example.org/mrn", "urn:oid:1.2.36", "http://example.org/ssn"))
        if rng.random() < 0.92 or not made:
            made["value"] = rng.choice(("S0001", "s0001", "12345", "12 345", "A|1", "12345-6"))
        return made

    def coding(self) -> dict[str, Any]:
        """Makes a Coding, sometimes without system, code or display."""
        rng = self.rng
        made: dict[str, Any] = {}
        system = rng.choice(SYSTEMS)
        if system:
            made["system"] = system
        if rng.random() < 0.93:
            made["code"] = rng.choice(self.codes)
        if rng.random() < 0.5 or not made:
            made["display"] = rng.choice(DISPLAYS)
        return made

    def _concept(self) -> dict[str, Any]:
        rng = self.rng
        made: dict[str, Any] = {}
        if rng.random() < 0.9:
            made["coding"] = [self.coding() for _ in range(rng.choices((1, 2, 3), (65, 25, 10))[0])]
        if rng.random() < 0.35 or not made:
            made["text"] = rng.choice(DISPLAYS)
        return made

    def _quantity(self, *, compared: bool = True) -> dict[str, Any]:
        rng = self.rng
        made: dict[str, Any] = {}
        if rng.random() < 0.95:
            made["value"] = DecimalNumber(rng.choice(NUMBERS))
        if compared and rng.random() < 0.1:
            made["comparator"] = rng.choice(("<", ">", "<=", ">="))
        parts = zip(("unit", "system", "code"), rng.choice(UNITS), strict=True)
        made.update((name, part) for name, part in parts if part)
        return made or {"value": DecimalNumber("4")}

    def _reference(self, element: Element) -> dict[str, Any]:
        rng = self.rng
        targets = element.reference_targets
        kinds = [kind for kind in self.known if "Resource" in targets or not targets or kind in targets]
        made: dict[str, Any] = {}
        if kinds and rng.random() < 0.93:
            kind = rng.choice(kinds)
            logical_id = rng.choice(self.known[kind][:6])
            made["reference"] = f"{kind}/{logical_id}" + ("/_history/1" if rng.random() < 0.05 else "")
        if rng.random() < 0.08 or not made:
            made["identifier"] = self._identifier()
        if rng.random() < 0.1:
            made["display"] = rng.choice(DISPLAYS)
        return made


def closure(resources: list[Resource], left_out: Mapping[str, object]) -> list[Resource]:
    """Removes some resources (by ``Type/id``) and all that refer to them, directly or indirectly."""
    gone = set(left_out)
    while True:
        more = {key_of(r) for r in resources if key_of(r) not in gone and not gone.isdisjoint(references_of(r))}
        if not more:
            return [r for r in resources if key_of(r) not in gone]
        gone |= more


def key_of(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def references_of(value: Any) -> set[str]:
    """Returns the references of a resource or a part of one, as ``Type/id``."""
    if isinstance(value, list):
        return {text for item in value for text in references_of(item)}
    if not isinstance(value, dict):
        return set()
    found = {text for item in value.values() for text in references_of(item)}
    if isinstance(value.get("reference"), str):
        found.add(value["reference"].partition("/_history/")[0])
    return found
