"""The operation ``$wait``: how it is asked, what it answers, and its definition."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.dynamics._timing import Clock
from mab_gym.dynamics._units import MINUTES
from mab_gym.fhir.http._exchange import FHIR_JSON, Response
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._outcome import Issue, operation_outcome
from mab_gym.tasking.meaning.units import number

DEFINITION: Final = "-s-wait"
"""The id of its OperationDefinition, in the way in which HAPI names those of the whole server."""
LONGEST: Final = 24 * 60
"""Minutes that one request can wait."""
_RIGHT: Final = (
    "Send Parameters with one of: duration (valueDuration or valueQuantity, in min or h, whole minutes, at most 24 h), "
    "or until (valueInstant or valueDateTime with its time zone, at most 24 h ahead)."
)
_WORDS: Final = (
    "Lets simulated time pass while the hospital works: ordered tests are drawn and reported, drugs are given, "
    "messages are answered. The answer says the new time and what came in."
)
_SEVERAL: Final = ("value", "unit", "system", "code")


class WaitRefusedError(ValueError):
    """A request to wait that is not as it should be; the text says why and what would be right."""


def asks_to_wait(target: str) -> bool:
    """Tells if the target of a request is the operation at the base."""
    if "wait" not in target:
        return False
    path = target.partition("?")[0].strip("/")
    return path in ("$wait", "%24wait")


def read_wait(body: str, now: int, clock: Clock, horizon: int) -> tuple[int, bool]:
    """Reads a request to wait.

    Args:
        body: Parameters, as JSON.
        now: The minute of the stay.
        clock: Its clock.
        horizon: Its last minute; a wait beyond it ends there.

    Returns:
        The minute until which to wait, and True if a page ends it.

    Raises:
        WaitRefusedError: It is not as it should be.
    """
    try:
        asked = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise WaitRefusedError(f"the body is no JSON. {_RIGHT}") from None
    if not isinstance(asked, dict) or asked.get("resourceType") != "Parameters":
        raise WaitRefusedError(f"the body is no Parameters resource. {_RIGHT}")
    listed = asked.get("parameter", [])
    given: dict[str, Mapping[str, Any]] = {}
    for each in listed if isinstance(listed, list) else [listed]:
        name = each.get("name") if isinstance(each, dict) else None
        if name not in ("duration", "until", "interruptible"):
            raise WaitRefusedError(f"there is no parameter {str(name)[:40]!r}. {_RIGHT}")
        if name in given:
            raise WaitRefusedError(f"{name} is there twice. {_RIGHT}")
        given[name] = each
    if ("duration" in given) == ("until" in given):
        said = "duration and until are there both" if given.keys() >= {"duration", "until"} else "it waits for nothing"
        raise WaitRefusedError(f"{said}. {_RIGHT}")
    wakes = given["interruptible"].get("valueBoolean") if "interruptible" in given else False
    if not isinstance(wakes, bool):
        raise WaitRefusedError("interruptible is a valueBoolean: true to be woken by a page.")
    if now >= horizon:
        raise WaitRefusedError("the stay that you look after has ended. Nothing more happens: write FINISH.")
    minutes = _duration(given["duration"]) if "duration" in given else _until(given["until"], now, clock)
    return min(now + minutes, horizon), wakes


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _duration(given: Mapping[str, Any]) -> int:
    written = given.get("valueDuration", given.get("valueQuantity"))
    if not isinstance(written, Mapping):
        raise WaitRefusedError(f"duration is a valueDuration or a valueQuantity. {_RIGHT}")
    value, unit = number(written.get("value")), written.get("code") or written.get("unit")
    size = MINUTES.get(str(unit).lower()) if isinstance(unit, str) else None
    if size is None or size < 1 or size > 1440:
        raise WaitRefusedError(f"{str(unit)[:40]!r} is no unit of a wait. {_RIGHT}")
    if value is None:
        raise WaitRefusedError(f"{str(written.get('value'))[:40]!r} is no number. {_RIGHT}")
    minutes = value * size
    if minutes <= 0:
        raise WaitRefusedError(f"time goes forward: a wait is a minute or more, not {minutes:g}. {_RIGHT}")
    if minutes > LONGEST:
        raise WaitRefusedError(f"{minutes / 60:g} h is longer than 24 h; look at the patient in between. {_RIGHT}")
    if abs(minutes - round(minutes)) > 1e-6 or minutes < 1:
        raise WaitRefusedError(f"a wait is whole minutes, not {minutes:g}. {_RIGHT}")
    return round(minutes)


def _until(given: Mapping[str, Any], now: int, clock: Clock) -> int:
    written = given.get("valueInstant", given.get("valueDateTime"))
    moment = clock.moment(written) if isinstance(written, str) and len(written) > 10 else None
    if moment is None:
        raise WaitRefusedError(f"until is an instant with its time zone, not {str(written)[:40]!r}. {_RIGHT}")
    here = clock.at(now)
    ahead: timedelta = moment - here
    if ahead <= timedelta(0):
        raise WaitRefusedError(f"{written} is not ahead: it is {here.isoformat()} now. {_RIGHT}")
    if ahead > timedelta(minutes=LONGEST):
        raise WaitRefusedError(f"{written} is more than 24 h ahead; look at the patient in between. {_RIGHT}")
    return max(1, -(-ahead // timedelta(minutes=1)))  # the next whole minute


def refusal(why: str, status: int = 400) -> Response:
    """Returns the answer to a request that is not as it should be: an OperationOutcome."""
    code = "not-supported" if status == 405 else "invalid"
    return _json(status, operation_outcome(Issue(f"$wait: {why}", code)))


def answer(now: datetime, waited: int, news: Sequence[tuple[datetime, str, str]], ended: bool) -> Response:
    """Returns the answer to a wait: Parameters.

    Args:
        now: The simulated time.
        waited: The minutes that passed.
        news: What came in: time, address and words; the address is empty for what has no resource.
        ended: True if the stay has reached its end.
    """
    told: list[dict[str, Any]] = [
        {"name": "now", "valueInstant": now.isoformat()},
        {"name": "waited", "valueDuration": _minutes(waited)},
    ]
    for moment, address, words in news:
        part: list[dict[str, Any]] = [{"name": "time", "valueInstant": moment.isoformat()}]
        if address:
            part.append({"name": "resource", "valueReference": {"reference": address}})
        part.append({"name": "text", "valueString": words})
        told.append({"name": "new", "part": part})
    if ended:
        told.append({"name": "ended", "valueBoolean": True})
    return _json(200, {"resourceType": "Parameters", "parameter": told})


def _minutes(value: int) -> dict[str, Any]:
    return dict(zip(_SEVERAL, (value, "min", "http://unitsofmeasure.org", "min"), strict=True))


def _json(status: int, resource: dict[str, Any]) -> Response:
    return Response(status, pretty(resource), {"content-type": FHIR_JSON})


# --- what it says of itself ------------------------------------------------------------------------------------------


def is_definition(target: str) -> bool:
    """Tells if a request's target is the OperationDefinition."""
    return target.partition("?")[0].strip("/") == f"OperationDefinition/{DEFINITION}"


def definition(base_url: str) -> Response:
    """Returns the OperationDefinition."""

    def parameter(name: str, use: str, least: int, most: str, kind: str, words: str, **more: Any) -> dict[str, Any]:
        about = {"name": name, "use": use, "min": least, "max": most, "documentation": words}
        return {**about, "type": kind, **more} if kind else {**about, **more}

    return _json(
        200,
        {
            "resourceType": "OperationDefinition",
            "id": DEFINITION,
            "url": f"{base_url}/OperationDefinition/{DEFINITION}",
            "name": "Wait",
            "title": "Wait",
            "status": "active",
            "kind": "operation",
            "description": _WORDS,
            "affectsState": True,
            "code": "wait",
            "system": True,
            "type": False,
            "instance": False,
            "parameter": [
                parameter("duration", "in", 0, "1", "Duration", "Whole minutes, in min or h, at most 24 h."),
                parameter("until", "in", 0, "1", "instant", "A time at most 24 h ahead. This or duration, not both."),
                parameter("interruptible", "in", 0, "1", "boolean", "True to be woken by a page."),
                parameter("now", "out", 1, "1", "instant", "The simulated time after the wait."),
                parameter("waited", "out", 1, "1", "Duration", "The minutes that passed."),
                parameter(
                    "new", "out", 0, "*", "", "What came in.",
                    part=[
                        parameter("time", "out", 1, "1", "instant", "When."),
                        parameter("resource", "out", 0, "1", "Reference", "The resource."),
                        parameter("text", "out", 1, "1", "string", "What it is."),
                    ],
                ),
                parameter("ended", "out", 0, "1", "boolean", "True if the stay has reached its end."),
            ],
        },
    )  # fmt: skip


def with_wait(body: str, base_url: str) -> str:
    """Adds the operation to a CapabilityStatement in JSON; any other text stays as it is."""
    try:
        statement = json.loads(body)
        operations = statement["rest"][0].setdefault("operation", [])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return body
    where = f"{base_url}/OperationDefinition/{DEFINITION}"
    operations.append({"name": "wait", "definition": where, "documentation": _WORDS})
    return pretty(statement)
