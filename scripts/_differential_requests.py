"""Seeded random requests over a fixture for `scripts/differential`: meaningful ones, near misses and bad ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from _differential_fixtures import FixtureMaker, Resource, references_of

from mab_gym.fhir.model._definitions import SearchParameter, search_parameters
from mab_gym.fhir.model._json_text import compact
from mab_gym.fhir.model._paths import Node, compile_paths
from mab_gym.fhir.model._values import read_values

Pair = tuple[str, str]

CONTROL: dict[str, tuple[str, ...]] = {
    "_count": ("1", "2", "3", "5", "10", "50", "0", "-1", "x", "200"),
    "_total": ("accurate", "none", "estimate", "foo"),
    "_summary": ("true", "text", "data", "count", "false", "foo"),
    "_elements": ("status", "code,status", "identifier,name", "foo", "subject.reference", ""),
    "_format": ("json", "application/fhir+json", "xml", "foo"),
    "_pretty": ("true", "false", "x"),
    "_offset": ("0", "1", "3", "100", "-1", "x"),
    "_getpagesoffset": ("0", "2", "5"),
    "_contained": ("true", "false", "both", "x"),
}
BAD_DATES = (
    "2023-13-01",
    "2023-02-30",
    "23",
    "2023-1-1",
    "yesterday",
    "ge",
    "2023-01-01T25:00:00Z",
    "ap2023",
    "2023-01-01T10",
    "",
)
PREFIXES = ("", "", "", "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Attributes:
        kind: ``search``, ``read``, ``create`` and so on.
        path: The path below the base URL, as it is sent.
        pairs: Names and values of the query, not yet encoded.
        method: The HTTP method.
        headers: The headers.
        body: The body, or None.
        follow: True if next links are followed.
        encoded: True if everything that can be percent-encoded is.
    """

    kind: str
    path: str
    pairs: tuple[Pair, ...] = ()
    method: str = "GET"
    headers: tuple[Pair, ...] = ()
    body: str | None = None
    follow: bool = False
    encoded: bool = False

    @property
    def target(self) -> str:
        """The part of the URL after the base and its slash."""
        safe = "" if self.encoded else "/:|,$*"
        query = "&".join(f"{quote(name, safe=safe + ':')}={quote(value, safe=safe)}" for name, value in self.pairs)
        return self.path + ("?" + query if query else "")


@dataclass(slots=True)
class RequestMaker:
    """Makes requests over the resources of a fixture.

    Args:
        seed: Equal seeds and fixtures give equal requests.
        resources: The fixture.
        base_url: The server's base URL, for absolute references.
    """

    seed: int
    resources: Sequence[Resource]
    base_url: str
    rng: random.Random = field(init=False)
    _by_type: dict[str, list[Resource]] = field(init=False)
    _maker: FixtureMaker = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"requests {self.seed}")
        self._by_type = {}
        for resource in self.resources:
            self._by_type.setdefault(resource["resourceType"], []).append(resource)
        self._maker = FixtureMaker(self.seed + 1_000_000)
        self._maker.known = {kind: [r["id"] for r in rows] for kind, rows in self._by_type.items()}

    def make(self) -> Ask:
        """Makes the next request."""
        rng = self.rng
        makers: list[tuple[Callable[[], Ask], int]] = [
            (self._search, 74),
            (self._paging, 8),
            (self._read, 5),
            (self._bad, 4),
            (self._create, 7),
            (self._posted, 2),
        ]
        chosen: Callable[[], Ask] = rng.choices([m for m, _ in makers], [w for _, w in makers])[0]
        return chosen()

    # --- kinds of requests ---------------------------------------------------------------------------------------

    def _type(self) -> str:
        kinds = list(self._by_type)
        return self.rng.choices(kinds, [len(self._by_type[kind]) ** 0.7 for kind in kinds])[0]

    def _search(self) -> Ask:
        rng, kind = self.rng, self._type()
        pairs: list[Pair] = []
        shape = rng.random()
        if shape < 0.45:
            pairs.append(self._condition(kind))
        elif shape < 0.7:
            pairs += [self._condition(kind) for _ in range(rng.randint(2, 3))]
        elif shape < 0.77:
            pairs.append(self._chain(kind))
        elif shape < 0.84:
            pairs.append(self._has(kind))
        elif shape < 0.92:
            pairs += self._includes(kind)
            if rng.random() < 0.6:
                pairs.append(self._condition(kind))
        else:
            pairs.append(self._sort(kind))
            if rng.random() < 0.6:
                pairs.append(self._condition(kind))
        if rng.random() < 0.12:
            pairs.append(self._sort(kind))
        if rng.random() < 0.06:
            pairs += self._includes(kind)
        if rng.random() < 0.15:
            name = rng.choice(list(CONTROL))
            pairs.append((name, rng.choice(CONTROL[name])))
        else:
            pairs.append(("_count", "200"))
        if rng.random() < 0.04 and pairs:
            pairs.append(rng.choice(pairs))
        return Ask("search", kind, tuple(pairs), encoded=rng.random() < 0.2)

    def _paging(self) -> Ask:
        rng, kind = self.rng, self._type()
        pairs = [self._condition(kind)] if rng.random() < 0.5 else []
        if rng.random() < 0.3:
            pairs.append(self._sort(kind))
        if rng.random() < 0.25:
            pairs += self._includes(kind)
        for name in rng.sample(("_total", "_summary", "_elements", "_format", "_pretty", "_offset"), rng.randint(0, 2)):
            pairs.append((name, rng.choice(CONTROL[name])))
        if rng.random() < 0.85:
            pairs.append(("_count", rng.choice(("1", "2", "3", "5", "7", "13", "14"))))
        return Ask("paging", kind, tuple(pairs), follow=True)

    def _read(self) -> Ask:
        rng = self.rng
        resource = rng.choice(self.resources)
        path = f"{resource['resourceType']}/{resource['id']}"
        form = rng.random()
        pairs: list[Pair] = []
        if form < 0.15:
            path += rng.choice(("/_history/1", "/_history/2", "/_history/x", "/_history/0"))
        elif form < 0.3:
            path += "/_history"
        elif form < 0.4:
            path = rng.choice((f"{path}x", f"Patient/{resource['id']}", f"Foo/{resource['id']}", path.lower()))
        elif form < 0.45:
            path += rng.choice(("/foo", "/$foo", "/$meta", "/$validate"))
        if rng.random() < 0.4:
            name = rng.choice(("_summary", "_elements", "_pretty", "_format"))
            pairs.append((name, rng.choice(CONTROL[name])))
        return Ask("read", path, tuple(pairs))

    def _bad(self) -> Ask:
        rng, kind = self.rng, self._type()
        names = list(search_parameters(kind))
        pair = rng.choice(
            (
                ("foo", "bar"),
                (rng.choice(names).upper(), "x"),
                (f"{rng.choice(names)}:foo", "x"),
                (f"{rng.choice(names)}.foo", "x"),
                (f"_has:{kind}:foo:bar", "x"),
                ("_has:Foo:subject:code", "x"),
                ("_include", f"{kind}:foo"),
                ("_include", "Foo:subject"),
                ("_sort", "foo"),
                ("_foo", "x"),
                ("_filter", "name eq x"),
                ("_text", "x"),
                ("_content", "x"),
                ("_query", "x"),
                ("_list", "x"),
                ("", "x"),
            )
        )
        pairs = [pair] + ([self._condition(kind)] if rng.random() < 0.3 else [])
        path = kind if rng.random() < 0.85 else rng.choice((kind.lower(), "Foo", f"{kind}s"))
        return Ask("bad", path, tuple(pairs))

    def _posted(self) -> Ask:
        kind = self._type()
        pairs = [self._condition(kind) for _ in range(self.rng.randint(1, 2))]
        form = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        return Ask("posted", f"{kind}/_search", method="POST", headers=headers, body=form)

    def _create(self) -> Ask:
        rng = self.rng
        kind = self._type()
        resource = self._maker.resource(kind)
        body = compact(resource)
        if rng.random() < 0.5:
            for _ in range(rng.randint(1, 2)):
                body = self._oddity(json.loads(body))
        headers = (("Content-Type", "application/fhir+json"),)
        return Ask("create", kind, method="POST", headers=headers, body=body)

    def _oddity(self, resource: dict[str, Any]) -> str:
        """Returns a resource's JSON with something wrong or unusual in it."""
        rng = self.rng
        holders = [holder for holder in _objects(resource) if len(holder) > (holder is resource)] or [resource]
        holder = rng.choice(holders)
        names = [name for name in holder if name != "resourceType"] or list(holder)
        name = rng.choice(names)
        value = holder[name]
        match rng.randrange(14):
            case 0:
                holder["foo"] = "bar"
            case 1:
                holder[name] = None
            case 2:
                holder[name] = [value] if not isinstance(value, list) else value[0]
            case 3:
                holder[name] = rng.choice((1, 1.5, True, "x", "", {}, [], {"foo": 1}))
            case 4:
                holder[name] = [] if isinstance(value, list) else {}
            case 5:
                holder[f"_{name}"] = {"extension": [{"url": "http://example.org/e", "valueString": "x"}]}
            case 6:
                holder[name.upper()] = holder.pop(name)
            case 7:
                holder["extension"] = [{"url": "http://example.org/e", "valueCode": "x"}]
            case 8:
                holder["id"] = rng.choice(("a1", "1", "x y", ""))
            case 9:
                resource["resourceType"] = rng.choice(("Foo", "Patient", "", 1))
            case 10:
                if isinstance(value, str):
                    holder[name] = value + rng.choice((" ", "\n", "T", "Z", "-", "9"))
            case 11:
                reference = rng.choice(
                    ("Patient/nobody", "Foo/1", "nobody", "#c1", "http://example.org/Patient/1", "urn:uuid:x")
                )
                holder["subject" if holder is resource else "reference"] = (
                    {"reference": reference} if holder is resource else reference
                )
            case 12:
                resource["contained"] = [{"resourceType": "Patient", "id": rng.choice(("c1", "#c1"))}]
            case _:
                resource["meta"] = {
                    "versionId": "7",
                    "tag": [{"code": "x"}, {"code": "x"}],
                    "profile": ["http://x/b", "http://x/a"],
                }
        return compact(resource)

    # --- parameters ----------------------------------------------------------------------------------------------

    def _parameter(self, kind: str, wanted: Sequence[str] = ()) -> SearchParameter:
        """Chooses a parameter of a type, usually one that the fixture has values for."""
        rng = self.rng
        known = [p for p in search_parameters(kind).values() if (p.type in wanted or not wanted) and p.expression]
        for _ in range(4):
            if not known:
                break
            chosen = rng.choice(known)
            if chosen.type == "composite" or self._nodes(kind, chosen):
                return chosen
        return rng.choice(known or [search_parameters(kind)["_id"]])

    def _nodes(self, kind: str, parameter: SearchParameter) -> list[Node]:
        """Returns the nodes that a parameter finds in a few resources of a type."""
        rows = self._by_type.get(kind, [])
        return [
            node
            for resource in self.rng.sample(rows, min(5, len(rows)))
            for path in compile_paths(kind, parameter.expression)
            for node in path.nodes(resource.get(path.top))
        ]

    def _condition(self, kind: str, wanted: Sequence[str] = ()) -> Pair:
        """Makes a parameter with one or more values, sometimes with a modifier."""
        rng = self.rng
        parameter = self._parameter(kind, wanted)
        if rng.random() < 0.06:
            return f"{parameter.name}:missing", rng.choice(("true", "false", "true", "false", "TRUE", "x", ""))
        modifier, value = self._one(kind, parameter)
        chance = {"token": 0.25, "string": 0.2, "reference": 0.2, "uri": 0.2, "_": 0.08}
        values = [value]
        while rng.random() < chance.get(parameter.type, chance["_"]) and len(values) < 4:
            values.append(self._one(kind, parameter)[1])
        if rng.random() < 0.02:
            values.append(rng.choice(("", " ")))
        return parameter.name + modifier, ",".join(values)

    def _one(self, kind: str, parameter: SearchParameter) -> Pair:
        """Makes a modifier with its colon, or nothing, and one value."""
        if parameter.name == "_id":
            return self.rng.choice(("", "", "", ":not")), self._some_id(kind)
        if parameter.name == "_lastUpdated":
            resource = self.rng.choice(self._by_type.get(kind) or self.resources)
            stamp = resource.get("meta", {}).get("lastUpdated", "2023-01-01T00:00:00.000+00:00")
            return "", self.rng.choice(PREFIXES[3:]) + stamp[: self.rng.choice((4, 7, 10, 29))]
        makers: dict[str, Callable[[str, SearchParameter], Pair]] = {
            "string": self._string,
            "token": self._token,
            "date": self._date,
            "quantity": self._quantity,
            "number": self._number,
            "reference": self._reference,
            "uri": self._uri,
            "composite": self._composite,
        }
        maker = makers.get(parameter.type)
        return ("", "42.25|-71.08|11|km") if maker is None else maker(kind, parameter)

    def _some_id(self, kind: str) -> str:
        rng = self.rng
        logical_id = str(rng.choice(self._by_type.get(kind) or self.resources)["id"])
        return rng.choice(
            (logical_id, logical_id, logical_id, f"{kind}/{logical_id}", logical_id + "x", logical_id.lower())
        )

    def _string(self, kind: str, parameter: SearchParameter) -> Pair:
        rng = self.rng
        texts = [value.exact for node in self._nodes(kind, parameter) for value in read_values("string", node)]
        text = rng.choice(texts) if texts else "Smith"
        form = rng.random()
        if form < 0.25:
            text = text[: rng.randint(1, 5)]
        elif form < 0.35:
            text = text.swapcase()
        elif form < 0.45:
            text = text[rng.randint(0, max(0, len(text) - 2)) :][: rng.randint(1, 4)]
        elif form < 0.5:
            text = rng.choice(("%", "_", "*", " " + text, text + " ", "'", '"'))
        elif form < 0.55:
            text = text.encode("ascii", "ignore").decode() or "a"
        modifier = rng.choices(
            ("", ":exact", ":contains", ":text", ":nickname", ":not", ":above"), (60, 16, 16, 3, 2, 2, 1)
        )
        return modifier[0], _escaped(text)

    def _token(self, kind: str, parameter: SearchParameter) -> Pair:
        rng = self.rng
        nodes = self._nodes(kind, parameter)
        found = [value for node in nodes for value in read_values("token", node)]
        system, code, text = rng.choice(found) if found else ("http://loinc.org", "K", "Potassium")
        code = code or rng.choice(("K", "active", ""))
        form = rng.random()
        if form < 0.1:
            code = rng.choice((code.swapcase(), code + "x", code[:-1], f" {code}"))
        modifier = rng.choices(
            (
                "",
                ":not",
                ":text",
                ":in",
                ":not-in",
                ":above",
                ":below",
                ":of-type",
                ":exact",
                ":contains",
                ":identifier",
            ),
            (72, 10, 8, 1, 1, 1, 1, 2, 1, 1, 1),
        )[0]
        if modifier == ":text":
            return modifier, _escaped((text or "pot")[: rng.choice((3, 5, 100))])
        if modifier in (":in", ":not-in"):
            return modifier, rng.choice(("http://example.org/vs", "http://hl7.org/fhir/ValueSet/observation-status"))
        if modifier == ":of-type":
            return modifier, "http://terminology.hl7.org/CodeSystem/v2-0203|MR|12345"
        shape = rng.random()
        written = _escaped(code)
        if shape < 0.4:
            return modifier, written
        if shape < 0.75:
            return modifier, f"{_escaped(system)}|{written}"
        if shape < 0.85:
            return modifier, f"|{written}"
        if shape < 0.95:
            return modifier, f"{_escaped(system)}|"
        return modifier, rng.choice(
            (f"http://example.org/other|{written}", "|", f"{system}|{written}|x", f"{system.upper()}|{written}")
        )

    def _date(self, kind: str, parameter: SearchParameter) -> Pair:
        rng = self.rng
        if rng.random() < 0.03:
            return "", rng.choice(BAD_DATES)
        texts = [text for node in self._nodes(kind, parameter) for text in _texts(node.value) if text[:4].isdigit()]
        text = rng.choice(texts) if texts else self._maker.date_time()
        form = rng.random()
        if form < 0.3:
            text = text[:10]
        elif form < 0.4:
            text = text[: rng.choice((4, 7))]
        elif form < 0.5:
            text = self._maker.date_time()
        elif form < 0.55 and "T" in text:
            text = text[:16] + rng.choice(("", "Z", "+05:30"))
        elif form < 0.6 and "T" in text:
            text = text[:19]
        modifier = rng.choices(("", ":exact", ":not"), (97, 2, 1))[0]
        return modifier, rng.choice(PREFIXES) + text

    def _quantity(self, kind: str, parameter: SearchParameter) -> Pair:
        rng = self.rng
        nodes = [node.value for node in self._nodes(kind, parameter) if isinstance(node.value, dict)]
        quantity = rng.choice(nodes) if nodes else {"value": 4.4, "unit": "mmol/L", "code": "mmol/L"}
        number = self._near(quantity.get("value", 4.4))
        system, code, unit = (str(quantity.get(name, "")) for name in ("system", "code", "unit"))
        text = rng.choices(
            (
                number,
                f"{number}|{system}|{code}",
                f"{number}||{code or unit}",
                f"{number}||{unit}",
                f"{number}|{system}|",
                f"{number}|{code}",
                f"{number}|x|{code}",
            ),
            (40, 25, 15, 8, 4, 4, 4),
        )[0]
        return "", text

    def _number(self, kind: str, parameter: SearchParameter) -> Pair:
        numbers = [node.value for node in self._nodes(kind, parameter) if isinstance(node.value, int | float)]
        return "", self._near(self.rng.choice(numbers) if numbers else 5)

    def _near(self, value: Any) -> str:
        rng = self.rng
        text = str(value)
        form = rng.random()
        if form < 0.15:
            text += "0" if "." in text else ".0"
        elif form < 0.25:
            text = f"{float(value) + rng.choice((0.04, -0.04, 1, -1)):.2f}"
        elif form < 0.3:
            text = f"{float(value):.0f}"
        elif form < 0.34:
            text = rng.choice(("1e2", "abc", "", "+5", "5.", ".5"))
        return rng.choice(PREFIXES) + text

    def _reference(self, kind: str, parameter: SearchParameter) -> Pair:
        rng = self.rng
        found = sorted({text for node in self._nodes(kind, parameter) for text in references_of(node.value)})
        canonical = [node.value for node in self._nodes(kind, parameter) if isinstance(node.value, str)]
        if canonical and rng.random() < 0.8:
            text = rng.choice(canonical)
            return rng.choice(("", "", ":below", ":above")), rng.choice((text, text.partition("|")[0], text[:-1]))
        if not found:
            target = rng.choice(self.resources)
            found = [f"{target['resourceType']}/{target['id']}"]
        text = rng.choice(found)
        target, _, logical_id = text.partition("/")
        shape = rng.random()
        if shape < 0.35:
            return "", logical_id
        if shape < 0.65:
            return "", text
        if shape < 0.8:
            return f":{target}", rng.choice((logical_id, logical_id, text))
        if shape < 0.84:
            return ":identifier", rng.choice(("http://example.org/mrn|12345", "12345", "S0001"))
        return rng.choice(("", "", ":Patient", ":Foo", ":not", ":text", ":above")), rng.choice(
            (
                f"{self.base_url}/{text}",
                f"{text}/_history/1",
                f"Group/{logical_id}",
                f"Foo/{logical_id}",
                logical_id + "x",
                text.lower(),
                f"#{logical_id}",
                "/" + text,
            )
        )

    def _uri(self, kind: str, parameter: SearchParameter) -> Pair:
        rng = self.rng
        texts = [node.value for node in self._nodes(kind, parameter) if isinstance(node.value, str)]
        text = rng.choice(texts) if texts else "http://example.org/fhir"
        text = rng.choice((text, text, text, text[:-1], text + "/x", text.upper(), text.rpartition("/")[0] or text))
        return rng.choices(("", ":above", ":below", ":contains", ":exact", ":not"), (70, 10, 14, 2, 2, 2))[0], text

    def _composite(self, kind: str, parameter: SearchParameter) -> Pair:
        defined = search_parameters(kind)
        parts = [self._one(kind, defined[name])[1] for name, _ in parameter.components if name in defined]
        if self.rng.random() < 0.08:
            parts = self.rng.choice((parts[:1], [*parts, "x"], ["", *parts[1:]]))
        return "", "$".join(parts)

    def _chain(self, kind: str) -> Pair:
        rng = self.rng
        references = [p for p in search_parameters(kind).values() if p.type == "reference"]
        if not references:
            return self._condition(kind)
        parameter = rng.choice(references)
        for _ in range(5):
            if self._nodes(kind, parameter):
                break
            parameter = rng.choice(references)
        found = [text for node in self._nodes(kind, parameter) for text in references_of(node.value)]
        target = rng.choice(found).partition("/")[0] if found else rng.choice(parameter.targets or ("Patient",))
        name, value = (
            self._condition(target) if rng.random() < 0.9 or target not in self._by_type else self._chain(target)
        )
        middle = f":{target}" if rng.random() < 0.5 else ""
        return f"{parameter.name}{middle}.{name}", value

    def _has(self, kind: str) -> Pair:
        rng = self.rng
        sources = [
            (source, p.name)
            for source in self._by_type
            for p in search_parameters(source).values()
            if p.type == "reference" and (kind in p.targets or not p.targets)
        ]
        if not sources:
            return self._condition(kind)
        source, reference = rng.choice(sources)
        name, value = self._condition(source) if rng.random() < 0.9 else self._has(source)
        return f"_has:{source}:{reference}:{name}", value

    def _includes(self, kind: str) -> list[Pair]:
        rng = self.rng
        pairs = []
        for _ in range(rng.choices((1, 2), (75, 25))[0]):
            reverse = rng.random() < 0.4
            if reverse:
                sources = [
                    f"{source}:{p.name}"
                    for source in self._by_type
                    for p in search_parameters(source).values()
                    if p.type == "reference" and (kind in p.targets or not p.targets)
                ]
            else:
                sources = [f"{kind}:{p.name}" for p in search_parameters(kind).values() if p.type == "reference"]
            if not sources:
                continue
            text = rng.choice(sources)
            if rng.random() < 0.12:
                text = rng.choice(("*", f"{kind}:*"))
            elif rng.random() < 0.15:
                text += ":" + rng.choice(("Patient", "Practitioner", kind))
            name = "_revinclude" if reverse else "_include"
            pairs.append((name + rng.choices(("", ":iterate", ":recurse"), (80, 16, 4))[0], text))
        return pairs

    def _sort(self, kind: str) -> Pair:
        rng = self.rng
        names = [
            rng.choice(("", "-")) + self._parameter(kind).name for _ in range(rng.choices((1, 2, 3), (70, 22, 8))[0])
        ]
        return "_sort", ",".join(names)


def _escaped(text: str) -> str:
    for character in "\\,|$":
        text = text.replace(character, "\\" + character)
    return text


def _texts(value: Any) -> list[str]:
    """Returns all texts in a value."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]


def _objects(value: Any) -> list[dict[str, Any]]:
    """Returns all JSON objects in a value, itself included."""
    if isinstance(value, list):
        return [found for item in value for found in _objects(item)]
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in _objects(item))]
    return []
