"""Right: elements filled in that leave what is asked for as it is."""

from __future__ import annotations

from collections.abc import Iterator

from mab_gym.fhir.model._definitions import elements
from tests.contract.rewritings.grammar import Change, listed, objects, put, spots
from tests.contract.rewritings.meaning import Ask
from tests.contract.rewritings.right_elements_by_name import BY_NAME
from tests.contract.rewritings.wrong_elements import owners

ACTORS = {"requester": "Dr. Greta Gustafson", "performer": "Night shift nurse", "recorder": "Dr. Greta Gustafson",
          "asserter": "Dr. Greta Gustafson", "owner": "Ward pharmacy", "insurance": "Health plan of the patient",
          "locationReference": "Ward 4B", "location": "Ward 4B"}  # fmt: skip
"""The person who did something, and the place, in words."""
LOGICAL = ("requester", "performer", "recorder", "owner")


def changes(ask: Ask) -> Iterator[Change]:
    """Elements that any reader may leave unread, and those that `BY_NAME` lists."""
    yield from _anywhere(ask)
    for spot in spots(ask.resource):
        if len(spot.path) > 1 or spot.value is not None:
            continue
        if spot.element.type == "Identifier":
            for label, value in (
                ("of a system", {"system": "http://a.example/orders", "value": "17"}),
                ("bare", {"value": "A-17"}),
                ("with its use", {"use": "official", "system": "urn:oid:1.2.36.146.595.217", "value": "9"}),
            ):
                new = put(ask.resource, spot.path, listed(spot, value))
                yield Change(f"{spot.name} {label}", new, True, "it names the order and says nothing of it")
        if spot.element.type == "Reference" and spot.name in ACTORS:
            new = put(ask.resource, spot.path, listed(spot, {"display": ACTORS[spot.name]}))
            yield Change(f"{spot.name} in words", new, True, "it says who takes part")
            if spot.name in LOGICAL:
                logical = {
                    "type": "Practitioner",
                    "identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"},
                }
                new = put(ask.resource, spot.path, listed(spot, logical))
                yield Change(f"{spot.name} by identifier", new, True, "it says who takes part")
                inside = [{"resourceType": "Practitioner", "id": "who", "name": [{"text": ACTORS[spot.name]}]}]
                new = put(put(ask.resource, ("contained",), inside), spot.path, listed(spot, {"reference": "#who"}))
                yield Change(f"{spot.name} contained", new, True, "it says who takes part")
    for owner, rules in BY_NAME.items():
        for path in owners(ask, owner):
            for label, element, value, right, why in rules(ask):
                if element in elements(owner if path else ask.type):
                    yield Change(f"{element} {label}", put(ask.resource, (*path, element), value), right, why)


def _anywhere(ask: Ask) -> Iterator[Change]:
    """FHIR R4, 2.4.0.1: what an extension says may be left unread, unless it is a modifier extension."""
    for path, type_name, _ in objects(ask.resource):
        if "extension" in elements(type_name) and type_name not in ("CodeableConcept", "Reference"):
            more = [{"url": "http://a.example/origin", "valueString": "order set"}]
            new = put(ask.resource, (*path, "extension"), more)
            yield Change(
                f"extension at {'.'.join(map(str, path)) or 'top'}", new, True, "extensions may be left unread"
            )
        if "id" in elements(type_name) and path:
            yield Change(
                f"id at {'.'.join(map(str, path))}",
                put(ask.resource, (*path, "id"), "e1"),
                True,
                "it is a label within",
            )
    for name, value in (
        ("language", "en"),
        ("language", "en-US"),
        ("id", "mine"),
        ("meta", {"source": "http://a.example/agent"}),
        ("meta", {"tag": [{"system": "http://a.example/tags", "code": "agent"}]}),
    ):
        label = f"{name} {value if isinstance(value, str) else next(iter(value))}"
        yield Change(label, put(ask.resource, (name,), value), True, "it says nothing of what is asked for")
    profiled = put(ask.resource, ("meta",), {"profile": [f"http://hl7.org/fhir/StructureDefinition/{ask.type}"]})
    yield Change("meta profile", profiled, True, "it is the type's own profile")
    for status, label in (("generated", "generated"), ("additional", "additional")):
        words = ask.sentence.replace("&", "&amp;").replace("<", "&lt;")
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'
        told = put(ask.resource, ("text",), {"status": status, "div": div})
        yield Change(f"text {label}", told, True, "the narrative says the same")
    backwards = dict(reversed(ask.resource.items()))
    yield Change("elements in another order", backwards, True, "their order means nothing")
