"""Changes of a gold solution: those that a verifier must notice, and others that mean the same.

A solution is the list of an episode's actions. Every function yields a label and a changed list.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Actions = list[str]
Path = tuple[str | int, ...]
BASE = "http://localhost:8080/fhir"
HARMLESS_TO_DROP = {"frequency"}
"""1 where FHIR R4 states none (Timing.repeat.frequency)."""


def posts(actions: Sequence[str]) -> list[int]:
    """The places of the POSTs."""
    return [place for place, action in enumerate(actions) if action.startswith("POST")]


def body(action: str) -> dict[str, Any]:
    """The resource that a POST sends."""
    read: dict[str, Any] = json.loads(action.partition("\n")[2])
    return read


def post(resource: dict[str, Any]) -> str:
    """The POST that sends a resource."""
    return f"POST {BASE}/{resource['resourceType']}\n{json.dumps(resource)}"


def answer(actions: Sequence[str]) -> list[Any]:
    """The answer that the last action gives."""
    read: list[Any] = json.loads(actions[-1].removeprefix("FINISH(").removesuffix(")"))
    return read


def finish(items: Any) -> str:
    """The FINISH that gives an answer."""
    return f"FINISH({json.dumps(items)})"


def paths(value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every part of a JSON value below its root with its place, the inner ones after the outer."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in items:
        yield (*at, name), part
        yield from paths(part, (*at, name))


def changed(resource: dict[str, Any], path: Path, change: Callable[[Any, Any], None]) -> dict[str, Any]:
    """A copy with something done at a place; ``change`` gets the container and the key."""
    new = copy.deepcopy(resource)
    container: Any = new
    for name in path[:-1]:
        container = container[name]
    change(container, path[-1])
    return new


def put(resource: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy with another value at a place."""

    def change(container: Any, key: Any) -> None:
        container[key] = value

    return changed(resource, path, change)


def drop(resource: dict[str, Any], path: Path) -> dict[str, Any]:
    """A copy without what is at a place."""

    def change(container: Any, key: Any) -> None:
        del container[key]

    return changed(resource, path, change)


def replaced(actions: Sequence[str], place: int, resource: dict[str, Any]) -> Actions:
    """The actions with another resource posted at a place."""
    return [*actions[:place], post(resource), *actions[place + 1 :]]


def _moment(value: Any) -> datetime | None:
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) and len(value) > 18 else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo is not None else None


# --- what must be noticed -------------------------------------------------------------------------------------------


def wrong(actions: Actions, strangers: Sequence[str], strays: Sequence[str]) -> Iterator[tuple[str, Actions]]:
    """Changes that each make a solution wrong.

    Args:
        actions: The gold solution.
        strangers: MRNs of other people.
        strays: POSTs that were due in other cases.
    """
    yield from _wrong_answers(actions)
    for number, stray in enumerate(strays):
        yield f"stray {number}", [*actions[:-1], stray, actions[-1]]
    for place in posts(actions):
        resource = body(actions[place])
        kind = resource["resourceType"]
        yield f"{kind} missing", [*actions[:place], *actions[place + 1 :]]
        yield f"{kind} twice", [*actions[: place + 1], *actions[place:]]
        for change, new in _wrong_resources(resource):
            yield f"{kind} {change}", replaced(actions, place, new)
        for stranger in strangers:
            yield f"{kind} for {stranger}", replaced(actions, place, _for_another(resource, stranger))
    if posts(actions):
        yield "no FINISH", [*actions[:-1], f"GET {BASE}/metadata", *[f"GET {BASE}/Patient?_count=1"] * 8]


def _wrong_answers(actions: Actions) -> Iterator[tuple[str, Actions]]:
    items = answer(actions)
    if not items:
        return  # nothing is asked
    for place, item in enumerate(items):
        others: list[Any] = [None, [], {}, True, [item], ""]
        if isinstance(item, int | float):
            others += [item + 1, item - 1, item + 0.1, -item - 3, item * 10, str(item)]
        elif (moment := _moment(item)) is not None:
            others += [(moment + timedelta(seconds=step)).isoformat() for step in (-60, 60, 1, 3600, -8 * 3600, 86400)]
            others += [item[:10], item[:19], f"{item} "[::-1]]
        else:
            others += [
                f"{item}0",
                item[:-1],
                item[::-1] + "x",
                item.lower() + "_",
                7,
                f"It is {item}",
                f"{item}, {item}",
            ]
        for number, other in enumerate(others):
            yield f"answer {place}.{number}", [*actions[:-1], finish([*items[:place], other, *items[place + 1 :]])]
        yield f"answer without {place}", [*actions[:-1], finish([*items[:place], *items[place + 1 :]])]
    yield "answer longer", [*actions[:-1], finish([*items, items[-1]])]
    if items[::-1] != items:
        yield "answer reversed", [*actions[:-1], finish(items[::-1])]
    yield "answer empty", [*actions[:-1], finish([])]
    yield "answer nested", [*actions[:-1], finish([items])]
    yield "answer an object", [*actions[:-1], finish(dict(enumerate(items)))]


def _wrong_resources(resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, part in paths(resource):
        where = ".".join(map(str, path))
        if path[-1] == "resourceType":
            continue
        if path[-1] not in HARMLESS_TO_DROP:
            yield f"without {where}", drop(resource, path)
        if isinstance(part, dict | list):
            if isinstance(part, list) and path[-1] in ("dosageInstruction", "doseAndRate"):
                yield f"{where} twice", put(resource, path, part * 2)
            continue
        for number, other in enumerate(_other_values(part)):
            yield f"{where} changed {number}", put(resource, path, other)
        if path[-1] == "code" and path[-3:-2] == ("coding",):
            codings = list(_at(resource, path[:-2]))
            contrary = {**codings[0], "code": "0000"}
            yield f"{where} gainsaid", put(resource, path[:-2], [*codings, contrary])
    if resource["resourceType"] in ("MedicationRequest", "ServiceRequest"):
        yield "doNotPerform", resource | {"doNotPerform": True}
    yield "modifierExtension", resource | {"modifierExtension": [{"url": "http://a.example/not", "valueBoolean": True}]}
    if "dosageInstruction" in resource:
        events = {"event": ["2023-11-13T11:00:00Z", "2023-11-13T17:00:00Z"]}
        yield "timing.event", put(resource, ("dosageInstruction", 0, "timing"), events)
        timing = {**resource["dosageInstruction"][0].get("timing", {}), "code": {"coding": [{"code": "QID"}]}}
        yield "timing.code", put(resource, ("dosageInstruction", 0, "timing"), timing)
        if "priorPrescription" not in resource:
            yield "replaces", resource | {"priorPrescription": {"reference": "MedicationRequest/785300"}}
        if "repeat" in timing:
            for name, value in (("count", 1), ("periodMax", 48), ("frequencyMax", 4), ("dayOfWeek", ["mon"])):
                yield f"repeat.{name}", put(resource, ("dosageInstruction", 0, "timing", "repeat", name), value)
            timed = {**resource["dosageInstruction"][0]["timing"], **events}
            yield "repeat and events", put(resource, ("dosageInstruction", 0, "timing"), timed)
        else:
            daily = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
            yield "again and again", put(resource, ("dosageInstruction", 0, "timing"), daily)
        yield "asNeeded", put(resource, ("dosageInstruction", 0, "asNeededBoolean"), True)
        per_day = {"repeat": {"frequency": 5, "period": 1, "periodUnit": "d"}}
        yield "five times a day", put(resource, ("dosageInstruction", 0, "timing"), per_day)
        place = ("dosageInstruction", 0, "doseAndRate", 0, "doseQuantity")
        amount = resource["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
        for comparator in ("<", "<=", ">=", ">"):
            yield f"dose {comparator}", put(resource, place, {**amount, "comparator": comparator})
        dose = amount["value"]
        thousandfold = {"value": dose, "unit": "ug"}
        yield "unit ug", put(resource, ("dosageInstruction", 0, "doseAndRate", 0, "doseQuantity"), thousandfold)
        for value in (dose, dose / 1000):
            torn = {"value": value, "unit": "mg", "code": "g"}
            yield f"{value} mg or g", put(resource, ("dosageInstruction", 0, "doseAndRate", 0, "doseQuantity"), torn)
        limit = {"value": dose, "unit": "mg", "comparator": "<"}
        yield "less than", put(resource, ("dosageInstruction", 0, "doseAndRate", 0, "doseQuantity"), limit)


def _at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def _other_values(value: Any) -> list[Any]:
    if isinstance(value, int | float):
        return [value * 2, value + 1, value / 2, value * 10, 0, -value]
    if (moment := _moment(value)) is not None:
        shifted = [(moment + timedelta(seconds=step)).isoformat() for step in (60, -60, 86400, -86400, 43200)]
        return [*shifted, value[:10], value.replace("+00:00", "-08:00")]
    return [f"{value}x", value[:-1], "Patient/S0000000" if "/" in value else "other"]


def _for_another(resource: dict[str, Any], mrn: str) -> dict[str, Any]:
    new = copy.deepcopy(resource)
    for name in ("subject", "for", "patient"):
        if name in new:
            new[name] = {"reference": f"Patient/{mrn}"}
    return new


# --- what means the same --------------------------------------------------------------------------------------------


def same(actions: Actions) -> Iterator[tuple[str, Actions]]:
    """Changes that leave a solution right."""
    items, written = answer(actions), posts(actions)
    yield "reads more", [f"GET {BASE}/Patient?_count=1", *actions]
    yield "blanks in FINISH", [*actions[:-1], "FINISH( " + json.dumps(items, indent=1) + " )"]
    yield "decimals", [*actions[:-1], finish([float(i) if isinstance(i, int) else i for i in items])]
    for zone in (UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=5, minutes=30))):
        told = [m.astimezone(zone).isoformat() if (m := _moment(item)) else item for item in items]
        yield f"answer in {zone}", [*actions[:-1], finish(told)]
    told = [item.replace("+00:00", "Z") if _moment(item) else item for item in items]
    yield "answer with Z", [*actions[:-1], finish(told)]
    if not written:
        return
    for label, change in _SAME_RESOURCES.items():
        new = list(actions)
        for place in written:
            new[place] = post(change(copy.deepcopy(body(actions[place]))))
        yield label, new
    new = list(actions)
    for place, source in zip(written, written[::-1], strict=True):
        new[place] = actions[source]
    yield "other order", new
    pretty = [f"POST {BASE}/{body(a)['resourceType']}\n{json.dumps(body(a), indent=3)}" for a in actions if a[0] == "P"]
    new = list(actions)
    for place, action in zip(written, pretty, strict=True):
        new[place] = action
    yield "pretty", new


def _times(zone: timezone | None) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(resource: dict[str, Any]) -> dict[str, Any]:
        for path, part in list(paths(resource)):
            if (moment := _moment(part)) is not None:
                text = (
                    moment.isoformat().replace("+00:00", "Z") if zone is None else moment.astimezone(zone).isoformat()
                )
                resource = put(resource, path, text)
        return resource

    return change


def _other_system_too(resource: dict[str, Any]) -> dict[str, Any]:
    for path, part in list(paths(resource)):
        if path[-1] == "coding":
            resource = put(resource, path, [{"system": "http://a.example/local", "code": "L1"}, *part])
    return resource


def _displays(resource: dict[str, Any]) -> dict[str, Any]:
    for path, part in list(paths(resource)):
        if path[-1] == "coding":
            resource = put(resource, path, [{**coding, "display": "what it is called"} for coding in part])
    return resource


def _backwards(resource: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(resource.items()))


def _named_patient(resource: dict[str, Any]) -> dict[str, Any]:
    for name in ("subject", "for", "patient"):
        if name in resource:
            resource[name] |= {"type": "Patient", "display": "the patient"}
    return resource


def _other_unit(resource: dict[str, Any]) -> dict[str, Any]:
    for path, part in list(paths(resource)):
        if path[-1] == "doseQuantity":
            other, factor = {"mg": ("g", 0.001), "g": ("mg", 1000)}.get(part["unit"], (part["unit"], 1))
            amount = {"value": part["value"] * factor, "unit": other}
            resource = put(resource, path, amount | {"system": "http://unitsofmeasure.org", "code": other})
    return resource


def _ucum(resource: dict[str, Any]) -> dict[str, Any]:
    for path, part in list(paths(resource)):
        if path[-1] == "doseQuantity":
            more = {"system": "http://unitsofmeasure.org", "code": {"mEq": "meq"}.get(part["unit"], part["unit"])}
            resource = put(resource, path, {**part, "value": float(part["value"]), **more})
    return resource


def _coded_route(resource: dict[str, Any]) -> dict[str, Any]:
    for path, part in list(paths(resource)):
        if path[-1] == "route":
            code = "47625008" if part["text"] == "IV" else "26643006"
            resource = put(resource, path, {"coding": [{"system": "http://snomed.info/sct", "code": code}]})
    return resource


def _other_period(resource: dict[str, Any]) -> dict[str, Any]:
    for path, part in list(paths(resource)):
        if path[-1] == "repeat":
            hours = part["period"] * (24 if part["periodUnit"] == "d" else 1)
            other = {"frequency": 24 // hours, "period": 1, "periodUnit": "d"}
            resource = put(resource, path, other if part["periodUnit"] == "h" else {"period": 24, "periodUnit": "h"})
    return resource


def _versioned(resource: dict[str, Any]) -> dict[str, Any]:
    for path, part in list(paths(resource)):
        if path[-1] == "reference":
            resource = put(resource, path, f"{part}/_history/1")
    return resource


def _noted(resource: dict[str, Any]) -> dict[str, Any]:
    return resource | {"note": [{"text": "As discussed with the patient."}]}


def _identified(resource: dict[str, Any]) -> dict[str, Any]:
    return resource | {"identifier": [{"system": "http://a.example/orders", "value": "17"}]}


_SAME_RESOURCES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "times with Z": _times(None),
    "times at -08:00": _times(timezone(timedelta(hours=-8))),
    "times at +05:30": _times(timezone(timedelta(hours=5, minutes=30))),
    "other systems too": _other_system_too,
    "displays": _displays,
    "fields backwards": _backwards,
    "patient named": _named_patient,
    "other unit": _other_unit,
    "ucum": _ucum,
    "route coded": _coded_route,
    "other period": _other_period,
    "versioned references": _versioned,
    "note": _noted,
    "identifier": _identified,
}
