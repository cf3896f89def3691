"""Wrong: codes, names and references that contradict what is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.contract.rewritings.concepts import Code, near, others_than
from tests.contract.rewritings.grammar import Change, Spot, add, filled, put
from tests.contract.rewritings.meaning import DOSAGE, Ask
from tests.contract.rewritings.words import ROUTES


def changes(ask: Ask) -> Iterator[Change]:
    """Every CodeableConcept and reference of the write beside or instead of another one."""
    for spot in filled(ask.resource):
        if spot.element.type == "CodeableConcept":
            for place, value in enumerate(spot.value if spot.element.many else [spot.value]):
                path = (*spot.path, place) if spot.element.many else spot.path
                yield from _routes(ask, spot) if spot.name == "route" else _concepts(ask, spot, path, value)
        if spot.element.type == "Reference" and isinstance(spot.value, dict) and "reference" in spot.value:
            yield from _references(ask, spot)


def _concepts(ask: Ask, spot: Spot, path: tuple[str | int, ...], value: dict[str, Any]) -> Iterator[Change]:
    name = spot.name
    for code in others_than(value):
        said = f"{code.system.rpartition('/')[2]} {code.code}"
        why = f"{name} says {code.display}, too"
        yield Change(
            f"{name} text {code.display} ({said})", put(ask.resource, (*path, "text"), code.display), False, why
        )
        yield Change(f"{name} beside {said}", add(ask.resource, (*path, "coding"), code.coding()), False, why)
        bare = code.coding(display=False)
        yield Change(f"{name} beside bare {said}", add(ask.resource, (*path, "coding"), bare), False, why)
        before = put(ask.resource, (*path, "coding"), [code.coding(), *value.get("coding", ())])
        yield Change(f"{name} after {said}", before, False, why)
        instead = put(ask.resource, path, {"coding": [code.coding()]})
        yield Change(f"{name} is {said}", instead, False, f"{name} is {code.display}")
        if value.get("coding"):
            shown = put(ask.resource, (*path, "coding", 0, "display"), code.display)
            yield Change(f"{name} shown as {code.display} ({said})", shown, False, f"the display is {code.display}")
            swapped = put(
                ask.resource, (*path, "coding", 0), code.coding(display=False) | {"display": _name(ask, value)}
            )
            yield Change(f"{name} {said} shown as its own", swapped, False, f"the code is of {code.display}")
    for words in near(value):
        why = f"{words} is something else"
        yield Change(f"{name} text {words}", put(ask.resource, (*path, "text"), words), False, why)
        shown = put(ask.resource, (*path, "coding", 0, "display"), words)
        yield Change(f"{name} shown as {words}", shown, False, why)
        local = {"system": "http://a.example/local", "code": "L2", "display": words}
        yield Change(f"{name} beside local {words}", add(ask.resource, (*path, "coding"), local), False, why)
    for place, coding in enumerate(value.get("coding", ())):
        again = {**coding, "code": "0000"}
        yield Change(
            f"{name} beside 0000", add(ask.resource, (*path, "coding"), again), False, "two codes of one system"
        )
        text_alone = put(ask.resource, path, {"text": coding["code"]})
        yield Change(f"{name} code as text", text_alone, False, "a code without its system names nothing")
        selected = [{**coding, "userSelected": False}, Code("http://a.example/local", "X9", "Something else").coding()]
        selected[1]["userSelected"] = True
        yield Change(
            f"{name} other selected", put(ask.resource, (*path, "coding"), selected), False, "another was meant"
        )
        shown = put(ask.resource, (*path, "coding", place, "display"), "Do not use")
        yield Change(f"{name} shown as not to use", shown, False, "its display takes it back")
    for text in (f"NOT {_name(ask, value)}", f"no {_name(ask, value)}", f"{_name(ask, value)} - cancelled",
                 f"{_name(ask, value)} or something else"):  # fmt: skip
        if name not in ("category",):
            yield Change(
                f"{name} text {text}", put(ask.resource, (*path, "text"), text), False, "its text takes it back"
            )
    if spot.element.many and (others := others_than(value)):
        more = add(ask.resource, spot.path, {"coding": [others[0].coding()]})
        yield Change(f"{name} and another", more, False, f"it is {others[0].display}, too")


def _name(ask: Ask, value: dict[str, Any]) -> str:
    if ask.concept and ask.what and ask.what[1] == value:
        return ask.concept.names[0]
    coding: dict[str, Any] = next(iter(value.get("coding", ())), {})
    return str(value.get("text") or coding.get("display") or coding.get("code"))


def _routes(ask: Ask, spot: Spot) -> Iterator[Change]:
    own = ROUTES.get(ask.route)
    for name, route in ROUTES.items():
        if route is own:
            continue
        why = f"the route is {name}"
        for text in route.names:
            yield Change(f"route text {text}", put(ask.resource, spot.path, {"text": text}), False, why)
        for code in route.codes:
            said = f"{code.code} ({name})"
            beside = put(ask.resource, (*spot.path, "coding"), [code.coding()])
            yield Change(f"route beside {said}", beside, False, f"{why}, too")
            bare = put(ask.resource, (*spot.path, "coding"), [code.coding(display=False)])
            yield Change(f"route beside bare {said}", bare, False, f"{why}, too")
            yield Change(f"route is {said}", put(ask.resource, spot.path, {"coding": [code.coding()]}), False, why)
            if own:
                both = {"coding": [own.codes[0].coding(), code.coding()]}
                yield Change(f"route coded and {said}", put(ask.resource, spot.path, both), False, f"{why}, too")
                torn = {"text": route.names[0], "coding": [own.codes[0].coding()]}
                yield Change(f"route text {name} beside own", put(ask.resource, spot.path, torn), False, f"{why}, too")
                shown = {"coding": [own.codes[0].coding() | {"display": code.display}]}
                yield Change(f"route shown as {name}", put(ask.resource, spot.path, shown), False, f"{why}, too")
    told = ask.route
    for text in (f"not {told}", f"{told} or IM", f"{told}/SC", f"IM (not {told})", f"{told} then rectal", "any",
                 "unknown", "other", "see note", f"{told}?", "N/A", "none", f"previously {told}, now IM"):  # fmt: skip
        yield Change(
            f"route text {text}", put(ask.resource, spot.path, {"text": text}), False, "the route is left open"
        )
    elsewhere = {"coding": [{"system": "http://a.example/routes", "code": "R7"}]}
    yield Change("route unknown", put(ask.resource, spot.path, elsewhere), False, "it cannot be understood")
    sited = {"IV": "spinal canal", "oral": "rectum"}.get(told, "other")
    yield Change(
        "site elsewhere", put(ask.resource, (*DOSAGE, "site"), {"text": sited}), False, f"it goes into the {sited}"
    )


def _references(ask: Ask, spot: Spot) -> Iterator[Change]:
    kind, _, known = str(spot.value["reference"]).partition("/")
    other = ask.scene.other
    to = f"Patient/{other.mrn}" if kind == "Patient" else f"{kind}/{other.ids.get(kind, '1')}"
    name, path = spot.name, spot.path
    yield Change(f"{name} another", put(ask.resource, path, {"reference": to}), False, "it is somebody else's")
    yield Change(
        f"{name} another, shown as the own",
        put(ask.resource, path, {"reference": to, "display": known}),
        False,
        "it is somebody else's",
    )
    yield Change(f"{name} version of another", put(ask.resource, path, {"reference": f"{to}/_history/1"}), False,
                 "it is somebody else's")  # fmt: skip
    named = {"identifier": other.identifier} if kind == "Patient" else {"identifier": {"value": to}}
    yield Change(f"{name} with another's identifier", put(ask.resource, path, spot.value | named), False,
                 "its identifier is somebody else's")  # fmt: skip
    typed = {"type": "Group" if kind == "Patient" else "Patient"}
    yield Change(
        f"{name} of another type", put(ask.resource, path, spot.value | typed), False, "its type contradicts it"
    )
    shown = put(ask.resource, path, spot.value | {"display": other.name})
    yield Change(f"{name} shown as another", shown, None, "the reference is right, its display names somebody else")
    unread = put(ask.resource, path, {"display": known})
    yield Change(f"{name} in words alone", unread, False, "it points at nothing")
    alone = put(ask.resource, path, named)
    yield Change(f"{name} another's identifier alone", alone, False, "it is somebody else's")
    if name in ("focus", "priorPrescription") and ask.scene.patient.ids.get(kind) not in (None, known):
        own = put(ask.resource, path, {"reference": f"{kind}/{ask.scene.patient.ids[kind]}"})
        yield Change(f"{name} another of the patient's", own, False, "another order is meant")
    if name == "focus":
        for more in (f"Patient/{ask.scene.patient.mrn}", f"Condition/{ask.scene.patient.ids.get('Condition', '1')}"):
            yield Change(f"{name} {more}", put(ask.resource, path, {"reference": more}), False, "that is no order")
