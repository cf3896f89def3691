"""Random requests to a real FHIR server and to the embedded one; run by `scripts/differential`.

The real server's store is emptied again and again, so give it one of its own. For HAPI FHIR:

    HAPI_FHIR_EXPUNGE_ENABLED=true HAPI_FHIR_ALLOW_MULTIPLE_DELETE=true \\
    HAPI_FHIR_REUSE_CACHED_SEARCH_RESULTS_MILLIS=-1 java -jar hapi.war --server.port=8095

    scripts/differential http://localhost:8095/fhir --requests 1000 --fixtures 4 --out differences.jsonl.gz
    scripts/differential http://localhost:8095/fhir --scenarios 1000

With --scenarios it plays what agents and tools send in several steps: patches, operations, validation, wrong endpoints,
formats and headers.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import requests
from _differential_compare import (
    LEVELS,
    Answer,
    Answers,
    agreement,
    explained,
    found_by,
    manner,
    refused,
    subject,
)
from _differential_fixtures import FixtureMaker, Resource, closure, key_of, references_of
from _differential_requests import Ask, RequestMaker
from _differential_scenarios import TOPICS, compare_scenarios, fixture

from mab_gym.fhir.http._bodies import read_resource
from mab_gym.fhir.http._checks import check_resource
from mab_gym.fhir.http._server import FhirServer, FhirSession, Request
from mab_gym.fhir.model._filter import split_alternatives
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._outcome import FhirError, operation_outcome
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._build import build_positioned
from mab_gym.fhir.store._table import Positions, Table

FHIR = {"Content-Type": "application/fhir+json"}
KEPT = ("content-type", "location", "content-location", "etag", "last-modified")
MOST_PAGES = 4
NO_ANSWER = 0
"""The status of requests that the real server did not answer."""
MOST_TRIES = 80
"""The number of smaller fixtures that are tried for one example."""


class Side(Protocol):
    """A server that can be filled and asked."""

    def load(self, resources: Sequence[Resource]) -> tuple[list[Answer], int]:
        """Empties the server and loads resources; returns its answers and the first database id."""

    def ask(self, ask: Ask) -> Answers:
        """Sends one request, follows its links, reads back and deletes what it created."""


def sent(base_url: str, target: str) -> str:
    """Returns the URL as the ``requests`` library sends it, percent-encoded where needed."""
    return str(requests.Request("GET", f"{base_url}/{target}").prepare().url)


def next_link(answer: Answer) -> str:
    """Returns the link to the next page, or empty."""
    try:
        bundle = json.loads(answer["body"]) if answer["status"] == 200 else {}
    except ValueError:
        return ""
    links = bundle.get("link", ()) if isinstance(bundle, dict) else ()
    return next((link["url"] for link in links if link.get("relation") == "next"), "")


class Remote:
    """The real server.

    Args:
        base_url: Its FHIR base, without a slash at its end.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._http = requests.Session()

    def load(self, resources: Sequence[Resource]) -> tuple[list[Answer], int]:
        self._wipe()
        probe = self._http.post(f"{self.base_url}/Basic", data='{"resourceType":"Basic"}', headers=FHIR)
        first = int(probe.json()["id"]) + 1
        self._wipe()
        answers = []
        for resource in resources:
            body = compact(resource)
            url = f"{self.base_url}/{key_of(resource)}"
            answers.append(self._send("PUT", url, Ask("load", "", headers=tuple(FHIR.items()), body=body)))
        return answers, first

    def _wipe(self) -> None:
        body = '{"resourceType":"Parameters","parameter":[{"name":"expungeEverything","valueBoolean":true}]}'
        answer = self._http.post(f"{self.base_url}/$expunge", data=body, headers=FHIR)
        if answer.status_code != 200:
            sys.exit(f"the server cannot be emptied: {answer.status_code} {answer.text[:500]}")

    def ask(self, ask: Ask) -> Answers:
        answers: Answers = {"answer": self._send(ask.method, f"{self.base_url}/{ask.target}", ask)}
        if ask.follow:
            answers["pages"] = []
            url = next_link(answers["answer"])
            while url and len(answers["pages"]) < MOST_PAGES:
                answers["pages"].append(self._send("GET", url))
                url = next_link(answers["pages"][-1])
        location = answers["answer"]["headers"].get("location", "").split("/_history")[0]
        if ask.kind == "create" and answers["answer"]["status"] == 201 and location:
            kind, logical_id = location.rsplit("/", 2)[-2:]
            answers["read_back"] = self._send("GET", location)
            answers["search_back"] = self._send("GET", f"{self.base_url}/{kind}?_id={logical_id}")
            self._http.delete(location)
        return answers

    def _send(self, method: str, url: str, ask: Ask | None = None) -> Answer:
        headers = {"Accept-Encoding": "identity", **dict(ask.headers if ask else ())}
        body = ask.body.encode() if ask and ask.body is not None else None
        begun = time.perf_counter()
        try:
            answer = self._http.request(method, url, headers=headers, data=body, allow_redirects=False, timeout=60)
        except requests.RequestException as error:
            print(f"no answer: {method} {url} {type(error).__name__}", file=sys.stderr)
            return {"url": url, "status": NO_ANSWER, "headers": {}, "body": ""}
        return {
            "url": answer.request.url,
            "status": answer.status_code,
            "headers": {name: answer.headers[name] for name in KEPT if name in answer.headers},
            "body": answer.content.decode("utf-8", "replace"),
            "ms": round((time.perf_counter() - begun) * 1e3, 2),
        }


class _Loaded:
    """The resources that references in a fixture may point to: those loaded before."""

    def __init__(self, known: set[str]) -> None:
        self._known = known

    def exists(self, key: tuple[str, str]) -> bool:
        return "/".join(key) in self._known

    def was_deleted(self, key: tuple[str, str]) -> bool:
        return False

    def matching(self, resource_type: str, url: str) -> Sequence[str]:
        return ()


class Embedded:
    """The embedded server, in this process.

    Args:
        base_url: The base URL that it assumes.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.server = FhirServer({}, base_url)
        self._tables: dict[str, tuple[Table, Positions]] = {}
        self._bodies: dict[str, tuple[dict[str, Any], int, str]] = {}

    def load(self, resources: Sequence[Resource]) -> tuple[list[Answer], int]:
        answers: list[Answer] = []
        stored, known = [], set[str]()
        for number, resource in enumerate(resources):
            given = resource.get("meta", {})
            body, status, text = self._taken(_plain(resource), known)
            known.add(key_of(resource))
            stamp = f"2023-01-01T00:00:{number // 1000:02}.{number % 1000:03}+00:00"
            lasting = body.pop("meta", {})
            meta = {
                "versionId": "1",
                "lastUpdated": given.get("lastUpdated", stamp),
                "source": f"{lasting.get('source', '').partition('#')[0]}#recorded",
            }
            meta.update((name, value) for name, value in lasting.items() if name not in meta)
            stored.append({"resourceType": body.pop("resourceType"), "id": body.pop("id"), "meta": meta, **body})
            answers.append({"status": status, "headers": {}, "body": text or json.dumps(stored[-1])})
        self._tables = build_positioned(stored)
        self.begin_at(1)
        return answers, 1

    def begin_at(self, first: int) -> None:
        """Sets the first database id to the other server's."""
        later = first - 1
        tables = {name: (table, [place + later for place in places]) for name, (table, places) in self._tables.items()}
        self.server = FhirServer(tables, self.base_url)

    def _taken(self, resource: Resource, known: set[str]) -> tuple[dict[str, Any], int, str]:
        """Returns a resource as it is stored, with the server's answer; a refused one is stored as it is."""
        kind, text = resource["resourceType"], compact(resource)
        if text not in self._bodies:
            headers = {name.lower(): value for name, value in FHIR.items()}
            try:
                sent = Request("PUT", kind, headers, text)
                body = check_resource(read_resource(sent, kind, "UPDATE"), _Loaded(known))
                self._bodies[text] = body, 201, ""
            except FhirError as error:
                body = dict(parse_resource(text, kind))
                self._bodies[text] = body, error.status, pretty(operation_outcome(*error.issues))
        body, status, said = self._bodies[text]
        return dict(body), status, said

    def ask(self, ask: Ask, created: str = "") -> Answers:
        """Sends one request in a session of its own.

        Args:
            ask: The request.
            created: The location that the other server gave to the created resource.
        """
        logical_id = created.rsplit("/", 1)[-1]
        if logical_id.isdigit():
            self.server.first_free_id = int(logical_id)
        session = self.open()
        answers: Answers = {"answer": self._send(session, ask.method, sent(self.base_url, ask.target), ask)}
        if ask.follow:
            answers["pages"] = []
            url = next_link(answers["answer"])
            while url and len(answers["pages"]) < MOST_PAGES:
                answers["pages"].append(self._send(session, "GET", url))
                url = next_link(answers["pages"][-1])
        location = answers["answer"]["headers"].get("location", "").split("/_history")[0]
        if ask.kind == "create" and answers["answer"]["status"] == 201 and location:
            kind, logical_id = location.rsplit("/", 2)[-2:]
            answers["read_back"] = self._send(session, "GET", location)
            answers["search_back"] = self._send(session, "GET", f"{self.base_url}/{kind}?_id={logical_id}")
        return answers

    def open(self) -> FhirSession:
        return self.server.open()

    def _send(self, session: FhirSession, method: str, url: str, ask: Ask | None = None) -> Answer:
        headers = {name.lower(): value for name, value in (ask.headers if ask else ())}
        target = url.removeprefix(self.base_url).removeprefix("/")
        try:
            answer = session.handle(Request(method, target, headers, (ask.body or "") if ask else ""))
        except Exception as error:  # a crash is also a difference
            return {"url": url, "status": f"{type(error).__name__}: {error}", "headers": {}, "body": ""}
        return {"url": url, "status": answer.status, "headers": dict(answer.headers), "body": answer.body}


@dataclass(slots=True)
class Example:
    """The first difference of a class."""

    ask: Ask
    theirs: Answers
    ours: Answers
    manner: str
    fixture: int
    resources: Sequence[Resource] = ()


@dataclass(slots=True)
class Report:
    """The findings.

    Attributes:
        asked: The number of requests.
        agreed: The number of requests that agree at each level, without unsupported ones.
        unsupported: The counts of requests that the embedded server refused with 501 or the other did not answer.
        classes: The counts of differences by class.
        examples: The first difference of each class.
        rows: The differences as recordings.
    """

    asked: int = 0
    agreed: list[int] = field(default_factory=lambda: [0, 0, 0])
    unsupported: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Example] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def lines(self, base_url: str) -> list[str]:
        """Returns the report in words."""
        answered = self.asked - self.unsupported.total()
        lines = [f"{self.asked} requests, {self.unsupported.total()} of them not answered, {answered} compared"]
        shares = ", ".join(
            f"{name} {100 * count / answered if answered else 100:.2f} %"
            for name, count in zip(LEVELS, self.agreed, strict=True)
        )
        lines += [f"they agree: {shares}", ""]
        for name, count in self.unsupported.most_common():
            lines.append(f"{count:6}  {name}")
        for name, count in self.classes.most_common():
            example = self.examples[name]
            lines += [
                "",
                f"{count:6}  {name}",
                f"        {example.ask.method} {example.ask.target} (fixture {example.fixture})",
            ]
            if example.ask.body is not None:
                lines.append(f"        {example.ask.body[:600]}")
            lines += [f"        {line}" for line in explained(example.theirs, example.ours, base_url)]
            lines += [f"        | {compact(_plain(r))[:500]}" for r in example.resources[:6]]
        return lines


def _plain(resource: Resource) -> Resource:
    """Returns a resource without the time of its loading."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name != "lastUpdated"}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest


class Comparison:
    """Two servers with the same resources.

    Args:
        remote: The real server.
        embedded: The embedded server.
        base_url: The base URL of both.
    """

    def __init__(self, remote: Side, embedded: Embedded, base_url: str) -> None:
        self.remote = remote
        self.embedded = embedded
        self.base_url = base_url
        self.resources: list[Resource] = []

    def load(self, resources: Sequence[Resource], *, checked: bool = False) -> list[tuple[Resource, Answer, Answer]]:
        """Fills both with what the real one accepts; if checked, returns the resources that they answer differently."""
        theirs, first = self.remote.load(resources)
        told, _ = self.embedded.load(resources) if checked else (theirs, 0)
        self.resources = []
        for resource, answer in zip(resources, theirs, strict=True):
            if answer["status"] == 201:
                meta = {**resource.get("meta", {}), "lastUpdated": json.loads(answer["body"])["meta"]["lastUpdated"]}
                self.resources.append({**resource, "meta": meta})
        self.embedded.load(self.resources)
        self.embedded.begin_at(first)
        return [
            (resource, a, b)
            for resource, a, b in zip(resources, theirs, told, strict=True)
            if (a["status"] == 201 or b["status"] == 201) and a["status"] != b["status"]
        ]

    def ask(self, ask: Ask) -> tuple[Answers, Answers]:
        """Returns the answers of both."""
        theirs = self.remote.ask(ask)
        created = theirs["answer"]["headers"].get("location", "").split("/_history")[0]
        return theirs, self.embedded.ask(ask, created)

    def manner(self, ask: Ask) -> str:
        """Returns the kind of difference between the two; empty if there is none."""
        return manner(*self.ask(ask), self.base_url)

    def smaller_request(self, ask: Ask, wanted: str) -> Ask:
        """Returns the smallest request with the same kind of difference."""
        smaller = True
        while smaller:
            smaller = False
            for simpler in _simpler(ask):
                if self.manner(simpler) == wanted:
                    ask, smaller = simpler, True
                    break
        return ask

    def smaller_fixture(self, example: Example) -> None:
        """Removes resources while the two still differ in the same way; loads both servers again."""
        everything = self.resources
        current = list(everything)
        tries = iter(range(MOST_TRIES))

        def differs(resources: Sequence[Resource]) -> bool:
            if next(tries, None) is None:
                return False
            self.load([_plain(r) for r in resources])
            return self.manner(example.ask) == example.manner

        near = _needed(everything, {*found_by(example.theirs), *found_by(example.ours)})
        if len(near) < len(current) and differs(near):
            current = near
        size = max(1, len(current) // 2)
        while size and current:
            place, reduced = len(current), False
            while place > 0:
                gone = {key_of(r): None for r in current[max(0, place - size) : place]}
                fewer = closure(current, gone)
                if len(fewer) < len(current) and differs(fewer):
                    current, reduced = fewer, True
                place = min(place, len(current)) - size
            size = size if reduced and size == 1 else size // 2
        self.load([_plain(r) for r in current])
        theirs, ours = self.ask(example.ask)
        if manner(theirs, ours, self.base_url) == example.manner:
            example.resources, example.theirs, example.ours = current, theirs, ours
        self.load([_plain(r) for r in everything])


def _needed(resources: Sequence[Resource], wanted: set[str]) -> list[Resource]:
    """Returns the wanted resources and all that they refer to."""
    by_key = {key_of(r): r for r in resources}
    kept: set[str] = set()
    while wanted:
        kept |= wanted
        wanted = {text for key in wanted if key in by_key for text in references_of(by_key[key])} - kept
    return [r for r in resources if key_of(r) in kept]


def _simpler(ask: Ask) -> list[Ask]:
    """Returns requests with one part less."""
    found: list[Ask] = []
    for i, (name, value) in enumerate(ask.pairs):
        before, after = ask.pairs[:i], ask.pairs[i + 1 :]
        found.append(replace(ask, pairs=before + after))
        parts = split_alternatives(value)
        if len(parts) > 1:
            for j in range(len(parts)):
                fewer = ",".join(parts[:j] + parts[j + 1 :])
                found.append(replace(ask, pairs=(*before, (name, fewer), *after)))
    if ask.encoded:
        found.append(replace(ask, encoded=False))
    if ask.follow:
        found.append(replace(ask, follow=False))
    if ask.kind == "create" and ask.body:
        with contextlib.suppress(ValueError):
            found += [
                replace(ask, body=json.dumps(body, ensure_ascii=False)) for body in _with_less(json.loads(ask.body))
            ]
    return found


def _with_less(value: Any) -> list[Any]:
    """Returns JSON values with one member or item less, the greatest parts first."""
    found: list[Any] = []
    if isinstance(value, dict):
        names = [name for name in value if name != "resourceType"]
        found += [{n: v for n, v in value.items() if n != name} for name in names]
        for name in names:
            found += [{**value, name: smaller} for smaller in _with_less(value[name])]
    elif isinstance(value, list):
        if len(value) > 1:
            found += [value[:i] + value[i + 1 :] for i in range(len(value))]
        for i, item in enumerate(value):
            found += [[*value[:i], smaller, *value[i + 1 :]] for smaller in _with_less(item)]
    return found


def compare(
    comparison: Comparison,
    seed: int,
    fixtures: int,
    count: int,
    *,
    minimise: int = 0,
    tell: Callable[[str], None] = lambda _: None,
    keep: Callable[[int, Sequence[Resource]], None] = lambda *_: None,
    kinds: Sequence[str] = (),
) -> Report:
    """Compares two servers over fixtures.

    Args:
        comparison: The servers.
        seed: Equal seeds give equal fixtures and requests.
        fixtures: The number of fixtures.
        count: The total number of requests.
        minimise: The number of classes for each fixture whose fixture is minimised.
        tell: Called with the progress.
        keep: Called with each fixture.
        kinds: The kinds of requests; all if empty.
    """
    report = Report()
    for number in range(fixtures):
        own = seed * 1000 + number
        for resource, theirs, ours in comparison.load(FixtureMaker(own, f"f{own}").make(), checked=True):
            ask = Ask("load", key_of(resource), method="PUT", headers=tuple(FHIR.items()), body=compact(resource))
            _write_down(comparison, report, ask, {"answer": theirs}, {"answer": ours}, number)
        keep(number, comparison.resources)
        maker = RequestMaker(own, comparison.resources, comparison.base_url)
        known = set(report.examples)
        for _ in range(count // fixtures + (number < count % fixtures)):
            ask = maker.make()
            while kinds and ask.kind not in kinds:
                ask = maker.make()
            _one(comparison, report, ask, number)
        found = report.classes
        tell(f"fixture {number}: {report.asked} requests, {found.total()} differ in {len(found)} classes")
        fresh = [name for name, _ in report.classes.most_common() if name not in known]
        for name in fresh[:minimise]:
            if report.examples[name].ask.kind not in ("create", "load"):
                comparison.smaller_fixture(report.examples[name])
    return report


def _one(comparison: Comparison, report: Report, ask: Ask, fixture: int) -> None:
    """Asks both servers one request and notes the result."""
    theirs, ours = comparison.ask(ask)
    report.asked += 1
    if any(part.get("status") == NO_ANSWER for part in (theirs["answer"], *theirs.get("pages", ()))):
        report.unsupported["the other server did not answer"] += 1
        return
    if reason := refused(ours):
        report.unsupported[f"501 {reason[:80]}"] += 1
        return
    level = agreement(theirs, ours, comparison.base_url)
    for each in range(level):
        report.agreed[each] += 1
    if level == len(LEVELS):
        return
    how = manner(theirs, ours, comparison.base_url)
    if ask.kind != "create" or f"create | {how}" not in report.examples:
        small = comparison.smaller_request(ask, how)
        if small != ask:
            theirs, ours = comparison.ask(small)
            if manner(theirs, ours, comparison.base_url) == how:
                ask = small
            else:
                theirs, ours = comparison.ask(ask)
    _write_down(comparison, report, ask, theirs, ours, fixture)


def _write_down(comparison: Comparison, report: Report, ask: Ask, theirs: Answers, ours: Answers, fixture: int) -> None:
    how = manner(theirs, ours, comparison.base_url)
    name = f"{subject(ask)} | {how}"
    report.classes[name] += 1
    if name not in report.examples:
        report.examples[name] = Example(ask, theirs, ours, how, fixture)
    report.rows.append(_as_recording(len(report.rows), name, ask, theirs, fixture))


def _as_recording(n: int, name: str, ask: Ask, theirs: Mapping[str, Any], fixture: int) -> dict[str, Any]:
    """Returns a difference in the form of the recordings that the tests replay."""
    row = {"n": n, "group": ask.kind, "method": ask.method, "target": ask.target, "headers": dict(ask.headers)}
    row |= {"body": ask.body, "class": name, "fixture": fixture}
    if ask.follow:
        row["follow"] = True
    for part, answer in theirs.items():
        row[part] = answer
    return row


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/differential", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base_url", help="the real server's FHIR base; everything in it will be lost")
    parser.add_argument("--requests", type=int, default=1000, help="how many in all (1000)")
    parser.add_argument("--fixtures", type=int, default=4, help="over how many fixtures (4)")
    parser.add_argument("--seed", type=int, default=1, help="equal seeds ask the same (1)")
    parser.add_argument("--minimise", type=int, default=4, help="classes a fixture whose fixture is minimised, too (4)")
    parser.add_argument("--kind", action="append", default=[], help="only this kind of request (may be repeated)")
    parser.add_argument("--scenarios", type=int, help="play so many scenarios of several steps instead")
    parser.add_argument("--topic", action="append", choices=TOPICS, help="only scenarios of this kind (repeatable)")
    parser.add_argument("--out", type=Path, help="where to write the differences, as recordings; fixtures beside it")
    arguments = parser.parse_args()
    base_url = arguments.base_url.rstrip("/")

    def tell(text: str) -> None:
        print(f"==> {text}", file=sys.stderr, flush=True)

    if arguments.scenarios:
        comparison = Comparison(Remote(base_url), Embedded(base_url), base_url)
        comparison.load(fixture())
        session, topics = comparison.embedded.open(), arguments.topic or TOPICS
        told = (base_url, session, fixture(), arguments.seed, arguments.scenarios, topics, tell)
        print("\n".join(compare_scenarios(*told).lines()))
        return 0

    def keep(number: int, resources: Sequence[Resource]) -> None:
        if arguments.out:
            path = arguments.out.with_name(f"{arguments.out.name.split('.')[0]}.fixture{number}.ndjson.gz")
            with gzip.open(path, "wt", encoding="utf-8") as file:
                file.writelines(compact(_plain(r)) + "\n" for r in resources)

    report = compare(
        Comparison(Remote(base_url), Embedded(base_url), base_url),
        arguments.seed,
        arguments.fixtures,
        arguments.requests,
        minimise=arguments.minimise,
        tell=tell,
        keep=keep,
        kinds=arguments.kind,
    )
    if arguments.out:
        with gzip.open(arguments.out, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in report.rows)
    print("\n".join(report.lines(base_url)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
