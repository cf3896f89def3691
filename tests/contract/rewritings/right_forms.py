"""Right: the same values in other forms that FHIR allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from typing import Any

from tests.contract.rewritings.concepts import RXNORM, SNOMED, TASK_CODE, concept_of
from tests.contract.rewritings.grammar import SERVER_BASE, Change, Path, Spot, add, drop, filled, put
from tests.contract.rewritings.meaning import DOSE, Ask, moment_of
from tests.contract.rewritings.words import ROUTES, UCUM, UNITS


def changes(ask: Ask) -> Iterator[Change]:
    """Moments, references, codes, routes and amounts in other forms."""
    for spot in filled(ask.resource):
        kind = spot.element.type
        if moment := moment_of(spot.value):
            yield from _moments(ask, spot, moment)
        elif kind == "Reference" and isinstance(spot.value, dict) and "reference" in spot.value:
            yield from _references(ask, spot)
        elif spot.name == "route":
            yield from _routes(ask, spot)
        elif kind == "CodeableConcept":
            for place, value in enumerate(spot.value if spot.element.many else [spot.value]):
                yield from _concepts(ask, (*spot.path, place) if spot.element.many else spot.path, spot.name, value)
        elif kind == "Quantity" and {"value", "unit"} <= set(spot.value):
            yield from _quantities(ask, spot)
        elif spot.name == "valueString":
            blank = put(ask.resource, spot.path, f" {spot.value} ")
            yield Change("valueString between blanks", blank, None, "the prompt gives the text to the letter")
    if ask.over and ask.dose:
        yield from _rates(ask, ask.dose, ask.over)


def _moments(ask: Ask, spot: Spot, moment: Any) -> Iterator[Change]:
    why = "it is the same moment"
    for hours in (-8, -5, 1, 5.5, 12):
        told = moment.astimezone(timezone(timedelta(hours=hours))).isoformat()
        yield Change(f"{spot.where} at {hours:+}", put(ask.resource, spot.path, told), True, why)
    utc = moment.astimezone(UTC).isoformat()
    for label, told in (
        ("with Z", utc.replace("+00:00", "Z")), ("with milliseconds", utc.replace("+00:00", ".000+00:00")),
        ("with milliseconds and Z", utc.replace("+00:00", ".000Z")), ("at -00:00", utc.replace("+00:00", "-00:00")),
    ):  # fmt: skip
        yield Change(f"{spot.where} {label}", put(ask.resource, spot.path, told), True, why)
    yield Change(f"{spot.where} as a date", put(ask.resource, spot.path, utc[:10]), None, "it says less than now")


def _references(ask: Ask, spot: Spot) -> Iterator[Change]:
    reference = str(spot.value["reference"])
    kind, _, known = reference.partition("/")
    why, patient = "it is the same resource", ask.scene.patient
    own = patient.mrn == known
    yield Change(
        f"{spot.name} versioned", put(ask.resource, (*spot.path, "reference"), f"{reference}/_history/1"), True, why
    )
    absolute = put(ask.resource, (*spot.path, "reference"), f"{SERVER_BASE}/{reference}")
    yield Change(f"{spot.name} absolute", absolute, True, why, unserved=True)
    versioned = put(ask.resource, (*spot.path, "reference"), f"{SERVER_BASE}/{reference}/_history/1")
    yield Change(f"{spot.name} absolute and versioned", versioned, True, why, unserved=True)
    more: list[tuple[str, dict[str, Any]]] = [("typed", {"type": kind})]
    if own:
        bare = {"value": known}
        more += [
            ("named", {"display": patient.name}),
            ("typed and named", {"type": kind, "display": patient.name}),
            ("identified", {"identifier": patient.identifier}),
            ("identified by the MRN alone", {"identifier": bare}),
            ("shown by MRN", {"display": known}),
            ("wholly told", {"type": kind, "display": patient.name, "identifier": patient.identifier}),
        ]
    for label, added in more:
        yield Change(f"{spot.name} {label}", put(ask.resource, spot.path, {**spot.value, **added}), True, why)
    noted = {**spot.value, "extension": [{"url": "http://a.example/origin", "valueString": "search"}]}
    yield Change(f"{spot.name} extended", put(ask.resource, spot.path, noted), True, "extensions may be left unread")


def _concepts(ask: Ask, path: Path, name: str, value: dict[str, Any]) -> Iterator[Change]:
    known, why = concept_of(value), "it is the same concept"
    codings = value.get("coding", [])
    for words in known.names if known else ():
        if not (name == "code" and ask.kind == "vital"):
            yield Change(f"{name} text {words}", put(ask.resource, (*path, "text"), words), True, why)
        for place, coding in enumerate(codings):
            shown = put(ask.resource, (*path, "coding", place), {**coding, "display": words})
            yield Change(f"{name} shown as {words}", shown, True, why)
    if known and codings and value.get("text"):
        yield Change(f"{name} without its text", drop(ask.resource, (*path, "text")), True, why)
    if known and codings:
        both = put(ask.resource, path, {"coding": [{**codings[0], "display": known.names[0]}], "text": known.names[0]})
        yield Change(f"{name} shown and told", both, True, why)
        local = {"system": "http://a.example/local", "code": "L1", "display": known.names[0]}
        yield Change(f"{name} beside a local code", add(ask.resource, (*path, "coding"), local), True, why)
        before = put(ask.resource, (*path, "coding"), [local, *codings])
        yield Change(f"{name} after a local code", before, True, why)
        bare = add(ask.resource, (*path, "coding"), {"system": "http://a.example/local", "code": "L1"})
        yield Change(f"{name} beside a bare local code", bare, None, "nobody can tell what the local code means")
    for coding in codings:
        yield Change(f"{name} coded twice alike", add(ask.resource, (*path, "coding"), coding), True, why)
        selected = put(ask.resource, (*path, "coding"), [{**coding, "userSelected": True}])
        yield Change(f"{name} selected", selected, True, "it says who chose the code")
        dated = {RXNORM: "2023-11-06", SNOMED: "http://snomed.info/sct/900000000000207008", TASK_CODE: "4.0.1"}
        versions = put(ask.resource, (*path, "coding"), [{**coding, "version": dated.get(coding["system"], "2.76")}])
        yield Change(f"{name} with its version", versions, True, "it says of which release the code is")
    for code in known.same if known else ():
        for display in (True, False):
            more = add(ask.resource, (*path, "coding"), code.coding(display))
            label = f"{name} beside {code.code} {'shown' if display else 'bare'}"
            yield Change(label, more, True, f"{code.code} is the same in another code system")
        if codings:
            before = put(ask.resource, (*path, "coding"), [code.coding(), *codings])
            yield Change(f"{name} after {code.code}", before, True, f"{code.code} is the same in another code system")
            alone = put(ask.resource, path, {"coding": [code.coding()]})
            yield Change(f"{name} {code.code} alone", alone, None, "the prompt names another code")
    noted = put(ask.resource, (*path, "extension"), [{"url": "http://a.example/origin", "valueString": "picklist"}])
    yield Change(f"{name} extended", noted, True, "extensions may be left unread")


def _routes(ask: Ask, spot: Spot) -> Iterator[Change]:
    route, why = ROUTES.get(ask.route), "it is the same route"
    for text in route.names if route else ():
        yield Change(f"route text {text}", put(ask.resource, spot.path, {"text": text}), True, why)
    for code in route.codes if route else ():
        said = f"{code.system.rpartition('/')[2]} {code.code}"
        forms: list[tuple[str, dict[str, Any]]] = [
            ("shown", {"coding": [code.coding()]}), ("bare", {"coding": [code.coding(display=False)]}),
            ("with text", {"coding": [code.coding()], "text": ask.route}),
            ("with its display as text", {"coding": [code.coding(display=False)], "text": code.display}),
        ]  # fmt: skip
        for label, value in forms:
            yield Change(f"route {said} {label}", put(ask.resource, spot.path, value), True, why)
        for words in (*route.names[:6], f"{route.names[0]} route (qualifier value)") if route else ():
            shown = {"coding": [code.coding() | {"display": words}]}
            right = True if "qualifier" not in words else None
            yield Change(f"route {said} shown as {words}", put(ask.resource, spot.path, shown), right, why)
    if route:
        everything = {"coding": [code.coding() for code in route.codes], "text": route.names[-2]}
        yield Change("route in every code", put(ask.resource, spot.path, everything), True, why)


def _quantities(ask: Ask, spot: Spot) -> Iterator[Change]:
    value, unit = spot.value["value"], spot.value["unit"]
    known, why, name = UNITS.get(unit), "it is the same amount", spot.name
    whole = [float(value), int(value)] if float(value).is_integer() else [value]
    for number in whole:
        yield Change(f"{name} as {number}", put(ask.resource, (*spot.path, "value"), number), True, why)
    for words in known.names if known else ():
        yield Change(f"{name} in {words}", put(ask.resource, (*spot.path, "unit"), words), True, why)
        coded = {"value": value, "unit": words, "system": UCUM, "code": known.ucum if known else unit}
        yield Change(f"{name} in {words}, coded", put(ask.resource, spot.path, coded), True, why)
    if known:
        alone = {"value": value, "system": UCUM, "code": known.ucum}
        right = None if unit == "unit" else True
        yield Change(f"{name} by code alone", put(ask.resource, spot.path, alone), right, why)
    for words, code, factor in known.equal if known else ():
        number = round(value * factor, 9)
        for label, quantity in (
            ("", {"value": number, "unit": words}),
            (", coded", {"value": number, "unit": words, "system": UCUM, "code": code}),
        ):
            yield Change(f"{name} as {number:g} {words}{label}", put(ask.resource, spot.path, quantity), True, why)


def _rates(ask: Ask, dose: tuple[float, str], hours: float) -> Iterator[Change]:
    path, why = DOSE[:-1], f"it runs over {hours:g} hours"
    value, unit = dose
    for label, quantity in (
        ("per hour", {"value": value / hours, "unit": f"{unit}/h"}),
        ("per hour, coded", {"value": value / hours, "unit": f"{unit}/h", "system": UCUM, "code": f"{unit}/h"}),
        ("per hr", {"value": value / hours, "unit": f"{unit}/hr"}),
        ("per hour in words", {"value": value / hours, "unit": "g/hour"}),
        ("in mg/h", {"value": 1000 * value / hours, "unit": "mg/h"}),
    ):
        yield Change(f"rate {label}", put(ask.resource, (*path, "rateQuantity"), quantity), True, why)
    for label, long in (("hours", {"value": hours, "unit": "h"}), ("minutes", {"value": hours * 60, "unit": "min"})):
        ratio = {"numerator": {"value": value, "unit": unit}, "denominator": long}
        yield Change(f"rateRatio in {label}", put(ask.resource, (*path, "rateRatio"), ratio), True, why)
    per_hour = {"numerator": {"value": value / hours, "unit": unit}, "denominator": {"value": 1, "unit": "h"}}
    yield Change("rateRatio per hour", put(ask.resource, (*path, "rateRatio"), per_hour), True, why)
