"""Random resources that an agent might post: valid ones, broken ones, and huge ones within the allowed megabyte."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from mab_gym.actions import MAX_BODY_CHARS
from mab_gym.fhir.model._json_text import DecimalNumber, compact

Resource = dict[str, Any]

ODD_TEXTS = (
    "", " ", "%", "_", "\\", "'", '"', "\u202eabc", "a\u0000b", "\ud800", "\udfff\ud800", "𝒳" * 40, "é" * 300,
    "e\u0301" * 100, "İıſß", "<b>&amp;</b>", "]]>", "{{7*7}}", "../../etc/passwd", "' OR 1=1 --", "%00", "\x1b[31m",
    "NaN", "null", "-0", "1e400", "٣", "你好" * 50,
)  # fmt: skip
NUMBERS = (
    "1e308", "1e-308", "-1e400", "9" * 400, "0." + "0" * 300 + "1", "1E+9999999", "-0.0", "2147483648",
    "9007199254740993", "1e20000",
)  # fmt: skip
LENGTHS = (100, 5_000, 100_000, 900_000)


def monster(rng: random.Random, resource: Resource) -> str | Resource:
    """Makes a resource huge, deep or hostile.

    Args:
        rng: The random generator.
        resource: The resource to begin with; it is not changed.
    """
    makers: tuple[Callable[[random.Random, Resource], str | Resource], ...] = (
        _deep, _deep_text, _long_text, _many_extensions, _long_list, _huge_number, _odd_text, _many_contained, _cut,
        _repeated_names,
    )  # fmt: skip
    return rng.choice(makers)(rng, copy.deepcopy(resource))


def _deep(rng: random.Random, resource: Resource) -> str:
    depth = rng.choice((10, 60, 200, 400, 5_000))
    begin = '{"url":"http://example.org/e","extension":['
    extension = f'{begin * depth}{{"url":"http://example.org/e","valueString":"x"}}{"]}" * depth}'
    return f'{compact(resource)[:-1]},"extension":[{extension}]}}'


def _deep_text(rng: random.Random, resource: Resource) -> str:
    depth = rng.choice((100, 1_000, 20_000, 400_000))
    opened, closed = rng.choice((("[", "]"), ('{"extension":[', "]}"), ('{"a":', "}")))
    depth = min(depth, (MAX_BODY_CHARS - 200) // len(opened + closed))
    kind = resource["resourceType"]
    return f'{{"resourceType":"{kind}","extension":{opened * depth}1{closed * depth}}}'


def _long_text(rng: random.Random, resource: Resource) -> Resource:
    holder, name = rng.choice(list(_texts(resource)) or [(resource, "implicitRules")])
    letters = rng.choice(("a", "é", " ", "a ", "1", "%", "\\", "😀"))
    holder[name] = letters * (rng.choice(LENGTHS) // len(letters.encode()))
    return resource


def _many_extensions(rng: random.Random, resource: Resource) -> Resource:
    values = ({"valueString": "x"}, {"valueDecimal": 1}, {"valueQuantity": {"value": 1}}, {"valueCode": "x"})
    count = rng.choice((10, 1_000, 10_000))
    resource["extension"] = [{"url": f"http://example.org/{n}", **rng.choice(values)} for n in range(count)]
    return resource


def _long_list(rng: random.Random, resource: Resource) -> Resource:
    lists = [(holder, name) for holder, name in _places(resource) if isinstance(holder[name], list)]
    if not lists:
        return _many_extensions(rng, resource)
    holder, name = rng.choice(lists)
    length = max(1, len(compact(holder[name])))
    holder[name] = holder[name] * min(rng.choice((5, 500, 20_000)), 900_000 // length + 1)
    return resource


def _huge_number(rng: random.Random, resource: Resource) -> str | Resource:
    number = rng.choice(NUMBERS)
    numbers = [place for place in _places(resource) if isinstance(place[0][place[1]], int | float | DecimalNumber)]
    if numbers:
        holder, name = rng.choice(numbers)
        holder[name] = "@number@"
        return compact(resource).replace('"@number@"', number)
    return compact({**resource, "valueQuantity": "@"}).replace('"@"', f'{{"value":{number}}}')


def _odd_text(rng: random.Random, resource: Resource) -> str | Resource:
    for holder, name in rng.sample(places := list(_texts(resource)), min(len(places), rng.randint(1, 3))):
        holder[name] = rng.choice(ODD_TEXTS)
    return json.dumps(resource, default=str) if rng.random() < 0.3 else resource


def _many_contained(rng: random.Random, resource: Resource) -> Resource:
    count = rng.choice((1, 10, 2_000))
    kind = rng.choice(("Patient", "Observation", resource["resourceType"]))
    resource["contained"] = [{"resourceType": kind, "id": f"c{number}"} for number in range(count)]
    resource["subject"] = {"reference": "#c0"}
    return resource


def _cut(rng: random.Random, resource: Resource) -> str:
    text = compact(resource)
    return text[: rng.randrange(len(text))] + rng.choice(("", "}", "]", '"', "\\", "\\ud800", ",", "//", "\ufeff"))


def _repeated_names(rng: random.Random, resource: Resource) -> str:
    text = compact(resource)
    again = f'"status":"final",{text[1:-1]},' * rng.choice((1, 2, 300))
    return f"{{{again[:900_000]}{text[1:]}" if len(again) < 900_000 else text


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every place below the top of a value, as its container and its name or index there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in list(items):
        yield value, name
        yield from _places(item)


def _texts(resource: Resource) -> Iterator[tuple[Any, Any]]:
    for holder, name in _places(resource):
        if isinstance(holder[name], str) and name != "resourceType":
            yield holder, name
