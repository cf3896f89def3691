"""The grammar of everything that an agent can send, seeded; for `scripts/fuzz` and ``scripts/bench --worst``.

Values come from the charts, so that searches find something: real ids, MRNs, codes and dates. Other resource types and
awkward values come from the random fixtures of `scripts/differential`.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from _differential_fixtures import FixtureMaker
from _differential_requests import CONTROL, RequestMaker
from _grammar_actions import GET, NEXT, POST, Action, Pair, query
from _grammar_bodies import ODD_TEXTS, Resource, monster
from _grammar_operations import patch_entry, terminology, validation
from _grammar_words import chatter, elsewhere, finish

from mab_gym.backends import RecordSession
from mab_gym.fhir.model._definitions import resource_types, search_parameters

SAMPLED = 60
COUNTS = ("0", "1", "20", "100", "200", "1000", "5000", "10000", "10001", "2147483647", "99999999999", "-5", "1e3")
OFFSETS = ("0", "1", "20", "1000", "100000", "500000", "99999999999", "-1")
OPERATIONS = (
    "$everything",
    "$lastn",
    "$meta",
    "$validate",
    "$foo",
    "$get-resource-counts",
    "$document",
    "$summary",
    "$meta-add",
    "$meta-delete",
    "$export",
    "$expunge",
)
FORMATS = (
    "json", "xml", "html", "application/fhir+xml", "text/html", "html/xml", "html/json", "ttl", "application/json",
    "xml;q=1", "",
)  # fmt: skip
METHODS = ("GET",) * 8 + ("POST", "POST", "POST", "PUT", "PUT", "DELETE", "PATCH", "PATCH", "HEAD", "foo")
FILTERS = (
    "name co an and birthdate ge 1980", "code eq GLU or code eq K", "not (status eq final)", "date ge 2023",
    "(" * 70 + "status eq final" + ")" * 70, " or ".join(["status eq final"] * 40), "name", "", "id pr true",
    "(name co a or name co e) and (gender eq female or gender eq male)", 'family eq "O\\"Brien"',
)  # fmt: skip


def sampled(session: RecordSession, ids: dict[str, Sequence[object]]) -> list[Resource]:
    """Reads resources of a record system, evenly spread over its types.

    Args:
        session: The session to read from.
        ids: The logical ids by type.
    """
    found = []
    for kind, names in sorted(ids.items()):
        for place in range(0, len(names), max(1, len(names) // SAMPLED)):
            resource = session.read(kind, str(names[place]))
            if resource is not None:
                found.append(resource)
    return found


def others(known: Sequence[str]) -> list[Resource]:
    """Makes a few resources of every other type."""
    maker = FixtureMaker(19, "x")
    return [maker.resource(kind, number) for kind in resource_types() if kind not in known for number in range(2)]


@dataclass(slots=True)
class Grammar(RequestMaker):
    """Makes actions; all random choices come from ``rng``, which callers seed before each script.

    Args:
        seed: The first seed; scripts use seeds of their own.
        resources: The resources from `sampled`.
        base_url: The FHIR base, without a slash at its end.
    """

    _all: dict[str, list[Resource]] = field(init=False)
    _charted: dict[str, list[Resource]] = field(init=False)

    def __post_init__(self) -> None:
        charted = list(self.resources)
        kinds = sorted({str(resource["resourceType"]) for resource in charted})
        self.resources = [*charted, *others(kinds)]
        RequestMaker.__post_init__(self)
        self._all = self._by_type
        self._charted = {kind: self._all[kind] for kind in kinds}
        self._maker.known = {kind: [str(r["id"]) for r in rows] for kind, rows in self._charted.items()}
        self.seeded("")

    def seeded(self, seed: object) -> None:
        """Seeds the random choices."""
        self.rng = self._maker.rng = random.Random(f"grammar {seed}")

    def action(self) -> Action:
        """Makes any action."""
        makers: tuple[tuple[Callable[[], Action], int], ...] = (
            (self.search, 46), (self.read_one, 5), (self.history, 4), (self.operation, 5), (self.next_page, 4),
            (self.create, 13), (self.broken, 8), (self.bundle, 9), (self.posted_search, 2), (self.validation, 4),
            (lambda: terminology(self.rng), 3),
            (lambda: elsewhere(self.rng), 2), (lambda: finish(self.rng), 1), (lambda: chatter(self.rng), 1),
        )  # fmt: skip
        # References are usually followed to types that the charts have.
        self._by_type = self._charted if self.rng.random() < 0.85 else self._all
        chosen: Callable[[], Action] = self.rng.choices([make for make, _ in makers], [often for _, often in makers])[0]
        return chosen()

    def request(self) -> Action:
        """Makes an action that reaches the record system and does not end the episode."""
        while (action := self.action()).kind in ("finish", "words", "elsewhere"):
            pass
        return action

    # --- reading -------------------------------------------------------------------------------------------------

    def _type(self) -> str:
        if self.rng.random() < 0.85:
            return self.rng.choices(list(self._charted), [6 if k == "Observation" else 2 for k in self._charted])[0]
        return self.rng.choice(resource_types())

    def search(self) -> Action:
        """Makes a search of any form."""
        rng, kind = self.rng, self._type()
        if rng.random() < 0.06:
            ask = self._bad()
            return Action("search", GET, ask.path, ask.pairs)
        pairs: list[Pair] = []
        pairs += [self.condition(kind) for _ in range(rng.choices((0, 1, 2, 3, 6), (25, 42, 20, 10, 3))[0])]
        if rng.random() < 0.25:
            pairs += self.includes(kind)
        if rng.random() < 0.3:
            pairs.append(self.sort(kind))
        for name in rng.sample(list(CONTROL), rng.choices((0, 1, 2, 4), (47, 35, 15, 3))[0]):
            pairs.append(self.control(name))
        if rng.random() < 0.02:
            pairs = pairs * rng.choice((2, 10))
        return Action("search", GET, kind, tuple(pairs), encoded=rng.random() < 0.1)

    def condition(self, kind: str) -> Pair:
        """Makes one parameter of any form that restricts a search."""
        rng = self.rng
        form = rng.random()
        if form < 0.12:
            return self._chain(kind)
        if form < 0.22:
            return self._has(kind)
        if form < 0.25:
            return "_filter", rng.choice(FILTERS)
        if form < 0.29:
            name = rng.choice(list(search_parameters(kind)))
            return name + rng.choice(("", ":contains", ":text", ":not", ":missing")), rng.choice(ODD_TEXTS)
        if form < 0.36:
            return self.many_values(kind, self._condition(kind))
        return self._condition(kind)

    def many_values(self, kind: str, pair: Pair) -> Pair:
        """Makes the same parameter with many different values of its type."""
        name, value = pair
        stem, _, modifier = name.partition(":")
        defined = search_parameters(kind).get(stem)
        more = range(self.rng.choice((5, 40, 400)))
        values = [value, *(self._one(kind, defined)[1] if defined is not None else value for _ in more)]
        return f"{stem}:{modifier}" if modifier else stem, ",".join(values)[:40_000]

    def includes(self, kind: str) -> list[Pair]:
        """Makes forward and reverse includes."""
        return self._includes(kind)

    def sort(self, kind: str) -> Pair:
        """Makes a sort by one or several keys."""
        rng = self.rng
        if rng.random() < 0.5:
            return self._sort(kind)
        names = list(search_parameters(kind))
        keys = rng.sample(names, min(len(names), rng.choice((1, 1, 2, 5))))
        return "_sort", ",".join(rng.choice(("", "-")) + key for key in keys)

    def control(self, name: str) -> Pair:
        """Makes a parameter that controls how results are shown."""
        rng = self.rng
        wider = {"_count": COUNTS, "_offset": OFFSETS, "_format": FORMATS}.get(name, CONTROL[name])
        return name, rng.choice(wider)

    def one_of(self, kind: str) -> Resource:
        """Chooses a resource of a type, from the charts if they have one."""
        return self.rng.choice(self._all.get(kind) or self.resources)

    def read_one(self) -> Action:
        """Makes a read of one resource, or of a version or history of it."""
        ask = self._read()
        pairs = (*ask.pairs, self.control("_format")) if self.rng.random() < 0.3 else ask.pairs
        return Action("read", GET, ask.path, pairs)

    def history(self) -> Action:
        """Makes a history of everything, of a type or of one resource."""
        rng, kind = self.rng, self._type()
        path = rng.choice(("_history", f"{kind}/_history", f"{kind}/{self.one_of(kind)['id']}/_history"))
        names = rng.sample(("_count", "_since", "_at", "_offset", "_format", "_summary", "_total"), rng.randint(0, 2))
        pairs = []
        for name in names:
            if name in ("_since", "_at"):
                pairs.append((name, rng.choice(("2023-01-01", "2023-11-13T10:15:00Z", "ge2020", "x", "2023"))))
            else:
                pairs.append(self.control(name))
        return Action("history", GET, path, tuple(pairs))

    def operation(self) -> Action:
        """Makes an operation on the server, a type or one resource; only some exist."""
        rng = self.rng
        kind = rng.choice(("Patient", "Patient", "Observation", "Encounter", self._type()))
        name = rng.choice(OPERATIONS[:3] if rng.random() < 0.8 else OPERATIONS)
        path = rng.choice((f"{kind}/{self.one_of(kind)['id']}/{name}",) * 3 + (f"{kind}/{name}",) * 2 + (name,))
        pairs: list[Pair] = []
        for _ in range(rng.choices((0, 1, 2, 4), (30, 30, 25, 15))[0]):
            types = rng.sample(("Observation", "Condition", "Patient", "Procedure"), rng.randint(1, 4))
            known = (
                ("_type", ",".join(types)),
                ("_count", rng.choice(COUNTS)), ("_offset", rng.choice(OFFSETS)), ("max", rng.choice(("1", "100"))),
                ("start", "2020-01-01"), ("end", "2024"), ("_since", "2023-01-01"), ("_id", self._some_id(kind)),
                self.control("_format"), self.control("_summary"), self.control("_elements"), self._condition(kind),
            )  # fmt: skip
            pairs.append(rng.choice(known))
        if rng.random() < 0.15:
            parameters = [{"name": name, "valueString": value} for name, value in pairs]
            return Action("operation", POST, path, body={"resourceType": "Parameters", "parameter": parameters})
        return Action("operation", GET, path, tuple(pairs))

    def next_page(self) -> Action:
        """Makes a request for the next page of the last search, or for an invented page."""
        rng = self.rng
        if rng.random() < 0.7:
            return Action("next", NEXT)
        invented = (
            ("_getpages", rng.choice(("x", "", "9d5e0f0e-0000-4000-8000-000000000000"))),
            ("_getpagesoffset", rng.choice(OFFSETS)),
            ("_count", rng.choice(COUNTS)),
        )
        return Action("next", GET, "", invented)

    def posted_search(self) -> Action:
        """Makes a search by POST."""
        kind = self._type()
        pairs = [self.condition(kind) for _ in range(self.rng.randint(0, 3))]
        return Action("search", POST, f"{kind}/_search", tuple(pairs[:1]), query(pairs[1:]))

    # --- writing -------------------------------------------------------------------------------------------------

    def resource(self, kind: str = "") -> Resource:
        """Makes a valid resource, like one of the charts or of any type.

        Args:
            kind: The type; if the charts have none of it, another one is chosen.
        """
        rng = self.rng
        if kind in self._charted or rng.random() < 0.6:
            copied = copy.deepcopy(self.one_of(kind if kind in self._charted else rng.choice(list(self._charted))))
            copied.pop("id", None)
            copied.pop("meta", None)
            return copied
        return self._maker.resource(rng.choice(resource_types()))

    def create(self, kind: str = "") -> Action:
        """Makes a POST of a valid resource."""
        resource = self.resource(kind)
        return Action("create", POST, resource["resourceType"], body=resource)

    def broken(self) -> Action:
        """Makes a POST of something odd, huge, deep or hostile."""
        rng = self.rng
        resource = self.resource()
        kind = str(resource["resourceType"])
        if rng.random() < 0.4:
            body: Any = self._oddity(copy.deepcopy(resource))
        else:
            body = monster(rng, resource)
        path = kind if rng.random() < 0.9 else rng.choice((kind.lower(), "Foo", "", f"{kind}/1", "$process-message"))
        return Action("broken", POST, path, body=body)

    def validation(self) -> Action:
        """Makes a ``$validate``."""
        resource = self.resource()
        kind = str(resource["resourceType"])
        return validation(self.rng, resource, f"{kind}/{self.one_of(kind)['id']}")

    def bundle(self) -> Action:
        """Makes a batch or a transaction."""
        rng = self.rng
        entries = [self.entry() for _ in range(rng.choices((0, 1, 3, 10, 40), (3, 25, 40, 26, 6))[0])]
        if entries and rng.random() < 0.1:
            entries = entries[:1] * rng.choice((10, 100, 1000))
        kind = rng.choices(("batch", "transaction", "searchset", "foo"), (55, 40, 3, 2))[0]
        bundle: Resource = {"resourceType": "Bundle", "type": kind, "entry": entries}
        return Action("bundle", POST, "", body=bundle)

    def entry(self) -> Resource:
        """Makes one entry of a Bundle."""
        rng = self.rng
        method = rng.choice(METHODS)
        request: Resource = {"method": method}
        if method in ("GET", "HEAD", "foo"):
            maker = rng.choice((self.search, self.search, self.read_one, self.history, self.operation))
            request["url"] = maker().target
            return {"request": request}
        resource = self.resource()
        kind = str(resource["resourceType"])
        entry: Resource = {"request": request}
        if method == "DELETE":
            request["url"] = self._place(kind)
            return entry
        if method == "PATCH" and rng.random() < 0.9:
            return patch_entry(rng, self._place(kind), kind)
        if rng.random() < 0.5:
            entry["fullUrl"] = f"urn:uuid:{rng.getrandbits(32):08x}-fcbb-4ff8-8a92-55ee120877b7"
        if rng.random() < 0.1:
            resource["subject"] = {
                "reference": rng.choice((entry.get("fullUrl", "urn:uuid:x"), self._place("Patient")))
            }
        entry["resource"] = resource
        if method == "POST":
            request["url"] = kind
            if rng.random() < 0.3:
                request["ifNoneExist"] = query([self.condition(kind)])
            return entry
        request["url"] = self._place(kind)
        if "?" not in request["url"]:
            resource["id"] = request["url"].partition("/")[2]
        return entry

    def _place(self, kind: str) -> str:
        """Makes a resource's address, or a condition that finds it."""
        if self.rng.random() < 0.3:
            return f"{kind}?{query([self.condition(kind)])}"
        return f"{kind}/{self.one_of(kind)['id']}"
