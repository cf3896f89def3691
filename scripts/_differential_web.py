"""Random scenarios about HTTP itself, for `scripts/differential --scenarios`.

They hold odd characters in request lines, media types, methods, bodies in XML, forms and Binary resources.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from _differential_fixtures import Resource

from mab_gym.fhir.model._xml_text import to_xml

Step = dict[str, Any]
Scenario = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
CHARACTERS = (
    *"[]{}|\\^`\"<>'*(~!$,:@;+&=", "%zz", "%", "%e", "%2F", "%5C", "%00", "%0A", "%09", "%C3%A9", "%E9", "%25",
    "%2525", "%2B", "%27", "%22", "%3C", "//", "..", "%5B", "%7C", "%26", "%3D", "?", "%3F", "%23", "%20",
)  # fmt: skip
MEDIA_TYPES = (
    "application/fhir+json", "application/fhir+xml", "application/json", "application/xml", "text/xml", "text/json",
    "application/json+fhir", "application/xml+fhir", "json", "xml", "ndjson", "application/fhir+ndjson",
    "application/ndjson", "text/plain", "application/pdf", "application/octet-stream", "image/png", "foo", "*/*",
    "text/*", "APPLICATION/FHIR+JSON", "application/json-patch+json", "multipart/form-data", FORM, "",
)  # fmt: skip
SETTINGS = ("", ";charset=utf-8", "; charset=ISO-8859-1", ";q=0.5", ";q=0", ";q=abc", ";fhirVersion=4.0", " ;q=1")
METHODS = ("HEAD", "OPTIONS", "TRACE", "QUERY", "LINK", "PROPFIND", "PUT", "DELETE", "POST", "PATCH")
PLACES = ("", "/", "metadata", "Foo", "Foo/1", "_history", "$foo", "Patient/_search", "Patient/$foo", "_search", "_foo")
MANGLINGS = ("", "", "", "cut", "cut", "twice", "text", "entity", "comment", "prefix")


def scenarios(rng: random.Random, resources: Sequence[Resource]) -> Iterator[Scenario]:
    """Yields scenarios without end.

    Args:
        rng: Decides over them.
        resources: The records that both servers hold.
    """
    makers: Sequence[Callable[[random.Random, Sequence[Resource]], list[Step]]] = (
        _lines,
        _paths,
        _formats,
        _methods,
        _bodies,
        _xml,
        _forms,
        _binary,
    )
    while True:
        make = rng.choice(makers)
        yield {"group": f"web{make.__name__}", "steps": make(rng, resources)}


def _step(method: str, target: str, headers: dict[str, str] | None = None, body: Any = None, **more: Any) -> Step:
    return {"method": method, "target": target, "headers": headers or {}, "body": body, **more}


def _lines(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Odd characters somewhere in a request line."""
    one = rng.choice(resources)
    target = rng.choice((f"{one['resourceType']}/{one['id']}", "Patient?name=Ito", "Observation?code=K&_count=1"))
    place, odd = rng.randrange(1, len(target)), rng.choice(CHARACTERS)
    return [_step(rng.choice(("GET", "GET", "GET", "DELETE", "HEAD")), target[:place] + odd + target[place:], raw=True)]


def _paths(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Paths with more or fewer slashes than usual, and with parts that are encoded."""
    one = rng.choice(resources)
    parts = [str(one["resourceType"]), str(one["id"]), *rng.choice(([], [], ["_history"], ["_history", "1"], ["foo"]))]
    parts = [part if rng.random() < 0.8 else "".join(f"%{ord(c):02x}" for c in part) for part in parts]
    slashes = rng.choices(("/", "//", "///"), (8, 1, 1), k=len(parts))
    target = rng.choice(("", "", "/")) + "".join(part + slash for part, slash in zip(parts, slashes, strict=True))
    target = target if rng.random() < 0.3 else target.rstrip("/")
    return [_step("GET", target + rng.choice(("", "", "?", "?_format=json", "?&&")), raw=True)]


def _media(rng: random.Random) -> str:
    return rng.choice(MEDIA_TYPES) + rng.choice(SETTINGS)


def _formats(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Formats by ``_format``, Accept and Content-Type, of resources, searches and refusals."""
    one = rng.choice(resources)
    name = f"{one['resourceType']}/{one['id']}"
    target = rng.choice((name, f"{name}/_history/1", "Patient?_count=1", "Foo", "Patient/zzz", "Patient?foo=1"))
    mark = "&" if "?" in target else "?"
    if rng.random() < 0.5:
        target += mark + "&".join(f"_format={_media(rng)}" for _ in range(rng.choice((1, 1, 2))))
    headers = {}
    if rng.random() < 0.7:
        headers["Accept"] = ", ".join(_media(rng) for _ in range(rng.choice((1, 1, 2, 3))))
    if rng.random() < 0.2:
        headers["Content-Type"] = _media(rng)
    if rng.random() < 0.2:
        headers["Accept-Encoding"] = rng.choice(("gzip", "gzip;q=0", "GZIP", "br, gzip", "*"))
    return [_step("GET", target, headers)]


def _methods(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """All methods at all places."""
    one = rng.choice(resources)
    method = rng.choice(METHODS)
    name = f"{one['resourceType']}/{one['id']}"
    harmless = () if method == "DELETE" else (name, f"{name}/_history/1", f"{name}/foo")
    headers = rng.choice(({}, {"Content-Type": "application/fhir+json"}, {"Content-Type": "application/fhir+xml"}))
    return [_step(method, rng.choice((*PLACES, *harmless)), dict(headers), rng.choice((None, "", "{}", "<a/>")))]


def _bodies(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Writes with any Content-Type, and bodies that are missing, empty or no FHIR."""
    one = dict(rng.choice(resources))
    kind, text = one["resourceType"], json.dumps(one)
    method, target = rng.choice(
        (("POST", kind), ("PUT", f"{kind}/web{rng.randrange(9)}"), ("POST", ""), ("POST", f"{kind}/1"), ("PUT", kind))
    )
    body: Any = rng.choice((None, "", " ", "{}", "x", text, text[: len(text) // 2], "<a/>", '{"resourceType":"Foo"}'))
    headers = {} if rng.random() < 0.2 else {"Content-Type": _media(rng)}
    if body and rng.random() < 0.2:
        headers["Content-Encoding"] = "gzip"
        body = {"base64": base64.b64encode(gzip.compress(str(body).encode(), mtime=0)).decode()}
    return [_step(method, target, headers, body)]


def _xml(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Resources in XML, whole and broken."""
    one = {name: value for name, value in rng.choice(resources).items() if name not in ("id", "meta")}
    text = to_xml(one, pretty=rng.random() < 0.5)
    place = text.find("<", rng.randrange(1, len(text)))
    match rng.choice(MANGLINGS):
        case "cut":
            text = text[: rng.randrange(len(text))]
        case "twice":
            text += text
        case "text":
            text = text[:place] + "odd" + text[place:]
        case "entity":
            text = text.replace('value="', 'value="&odd;', 1)
        case "comment":
            text = text[:place] + "<!-- odd --><odd/>" + text[place:]
        case "prefix":
            text = rng.choice(('<?xml version="1.0"?>', "<!DOCTYPE x>", "\n ", "x")) + text
    headers = {"Content-Type": rng.choice(("application/fhir+xml", "text/xml", "application/xml"))}
    if rng.random() < 0.7:
        headers["Accept"] = "application/fhir+json"
    return [_step("POST", one["resourceType"], headers, text)]


def _forms(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Searches by POST, with parameters in the URL and in bodies that may be forms."""
    patients = [str(each["id"]) for each in resources if each["resourceType"] == "Patient"]
    choices = ("name=Ito", f"_id={rng.choice(patients)}", "gender=female", "name=%zz", "_count=1", "foo=1", "", "a b")
    query = rng.choice(("", "", "?name=Ito", f"?_id={rng.choice(patients)}"))
    body = "&".join(rng.choice(choices) for _ in range(rng.choice((1, 1, 2))))
    headers = rng.choice(({"Content-Type": FORM}, {"Content-Type": f"{FORM}; charset=UTF-8"}, {}, None))
    headers = {"Content-Type": _media(rng)} if headers is None else dict(headers)
    return [_step("POST", f"Patient/_search{query}", headers, body)]


def _binary(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Content as it is: stored, read in several ways, changed and deleted."""
    headers = {} if rng.random() < 0.1 else {"Content-Type": _media(rng)}
    content = bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 5, 40))))
    steps = [_step("POST", "Binary", headers, {"base64": base64.b64encode(content).decode()})]
    for _ in range(rng.choice((1, 2, 3))):
        accept = {"Accept": _media(rng)} if rng.random() < 0.7 else {}
        steps.append(_step("GET", "Binary/«id0»" + rng.choice(("", "", "?_format=json", "/_history/1")), accept))
    if rng.random() < 0.3:
        steps.append(_step("PUT", "Binary/«id0»", {"Content-Type": _media(rng)}, "text"))
        steps.append(_step("GET", "Binary/«id0»"))
    if rng.random() < 0.2:
        steps += [_step("DELETE", "Binary/«id0»"), _step("GET", "Binary/«id0»")]
    return steps
