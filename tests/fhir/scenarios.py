"""Scenarios of what agents and tools send, played against a server and compared with what HAPI answered.

A scenario is a line of ``group`` and ``steps``; a step asks (``method``, ``target``, ``headers``, ``body``, ``raw``)
and has the ``answer`` of a real HAPI FHIR 7.6. It may use what an earlier step was told, as in ``«id0»``, the id that
step 0 was given. Scenarios follow one another on one server, so what one writes the next may find.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from mab_gym.fhir.http._server import FhirSession, Request
from tests.fhir.comparing import RECORDINGS, Answer, View, equal_levels, lines, mask_uuids

RECORDED_AT = "http://127.0.0.1:8290/fhir"
_SAFE = "!#$%&'()*+,/:;=?@[]~"
_KEPT = ("content-type", "location", "content-location", "etag", "last-modified", "allow", "content-encoding")
_COMPARED = ("location", "content-location", "etag")
_MASKS = (
    (re.compile(r'("(?:lastUpdated|lastModified|date|timestamp)": ?")\d{4}-\d\d-\d\dT[^"]*"'), r'\1T"'),
    (re.compile(r'("timestamp": ?)\d+'), r"\1T"),
    (re.compile(r'("source": ?"[^"#]*)#[^"]*"'), r'\1#S"'),
    (re.compile(r'<(lastUpdated|source|lastModified) value="[^"]*"/>|<timestamp>\d+</timestamp>'), "<M/>"),
    (re.compile(r"deleted at [0-9T:.+-]+Z?"), "deleted at T"),
    (re.compile(r"[Tt]ook [\d.,]+ ?m?s"), "took N"),
)
_NUMBER = re.compile(r"\d(?<![\w.-]\d)\d*(?![\w.-])")
"""A number that stands alone; written so that it begins with a digit, which is looked for quickly."""
_STORED_AT = re.compile(r"/fhir/(\w+)/([^/]+)(?:/_history/(\d+))?")
_ENTRY_AT = re.compile(r"(\w+)/(\d+)/")


@dataclass
class Told:
    """Things that a server has told so far, which differ from server to server: where it is, and the ids that it gave.

    Attributes:
        base: The server's base URL.
        given: By id, the place at which it was given.
        names: What the steps of a scenario may use.
    """

    base: str
    given: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """A step's text with what it uses of earlier steps."""
        for name, value in self.names.items():
            text = text.replace(f"«{name}»", value).replace(quote(f"«{name}»"), value)
        return text

    def learn(self, scenario: int, step: int, method: str, answer: Answer) -> None:
        """Notes what an answer tells."""
        headers = answer["headers"]
        place = f"NEW{scenario}.{step}"
        if found := _STORED_AT.search(headers.get("location", "") or headers.get("content-location", "")):
            self.names |= {"id": found[2], "type": found[1], "vid": found[3] or "", f"id{step}": found[2]}
            if found[2].isdigit():
                self.given.setdefault(found[2], place)
        if "etag" in headers:
            self.names["etag"] = headers["etag"]
        body = _parsed(answer["body"])
        if not isinstance(body, dict):
            return
        for number, entry in enumerate(body.get("entry", []) if method == "POST" else []):
            if found := _ENTRY_AT.match((entry.get("response") or {}).get("location", "")):
                self.given.setdefault(found[2], f"{place}.{number}")
                self.names[f"e{number}"] = found[2]
        links = body.get("link")
        for link in links if isinstance(links, list) else []:
            if isinstance(link, dict) and link.get("relation") == "next":
                self.names["next"] = link["url"].split("/fhir", 1)[1].lstrip("/")

    def view(self, answer: Answer) -> View:
        """The parts of an answer that are compared."""
        text = self._masked(answer["body"])
        heads = {name: self._masked(answer["headers"][name]) for name in _COMPARED if name in answer["headers"]}
        return answer["status"], text, heads, answer["headers"].get("content-type", "")

    def _masked(self, text: str) -> str:
        host = urlsplit(self.base).netloc
        text = text.replace(host, "HOST").replace(quote(host), "HOST")
        text = mask_uuids(_NUMBER.sub(lambda found: self.given.get(found[0], found[0]), text))
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        return text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _sent(told: Told, body: Any) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, dict):
        return base64.b64decode(body["base64"])
    return told.fill(body).encode("utf-8", "surrogatepass")


def _target(told: Told, step: Mapping[str, Any]) -> str:
    """The part behind the base URL, byte for byte as it is sent."""
    return told.fill(step["target"] if step.get("raw") else quote(step["target"], safe=_SAFE)).partition("#")[0]


def _headers(told: Told, step: Mapping[str, Any]) -> dict[str, str]:
    return {name: told.fill(value) for name, value in step["headers"].items()}


Ask = Callable[[Told, Mapping[str, Any]], Answer]
"""Asks a server what a step asks."""


def over_http(told: Told, step: Mapping[str, Any]) -> Answer:
    """Asks the server at the told base URL."""
    where = urlsplit(told.base)
    target = _target(told, step)
    path = target[4:] if target.startswith("ABS:") else f"{where.path}/{target}"
    data = _sent(told, step["body"])
    link = http.client.HTTPConnection(where.netloc, timeout=120)
    try:
        link.putrequest(step["method"], path, skip_accept_encoding=True)
        sent = _headers(told, step)
        if data is not None or step["method"] in ("POST", "PUT", "PATCH"):
            sent.setdefault("Content-Length", str(len(data or b"")))
        for name, value in sent.items():
            link.putheader(name, value.encode())
        link.endheaders(data)
        answer = link.getresponse()
        content = answer.read()
        heads = {name.lower(): value for name, value in answer.getheaders() if name.lower() in _KEPT}
        if heads.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        return {"status": answer.status, "headers": heads, "body": content.decode("utf-8", "replace")}
    finally:
        link.close()


def in_process(session: FhirSession) -> Ask:
    """Asks a session, without a socket."""

    def ask(told: Told, step: Mapping[str, Any]) -> Answer:
        headers = {name.lower(): value for name, value in _headers(told, step).items()}
        sent = _sent(told, step["body"]) or b""
        content = gzip.decompress(sent) if headers.get("content-encoding") == "gzip" else sent
        text = content.decode("utf-8", "replace")
        request = Request(step["method"], _target(told, step), headers, text, content=content)
        answer = session.handle(request)
        return {"status": answer.status, "headers": answer.headers, "body": answer.body}

    return ask


def recorded() -> list[str]:
    """The files of scenarios."""
    return sorted(path.name for path in (RECORDINGS / "agents").glob("*.jsonl.xz"))


def play(file: str, base: str, ask: Ask) -> Iterator[tuple[str, list[bool]]]:
    """Plays a file of scenarios against an empty server, to which the records are put first.

    Args:
        file: Its name.
        base: The server's base URL.
        ask: Asks the server.

    Yields:
        Of each step what was asked, and whether status, body and text are HAPI's.
    """
    ours, theirs = Told(base), Told(RECORDED_AT)
    for line in lines("agents", "fixture.ndjson.xz"):
        resource = json.loads(line)
        target = f"{resource['resourceType']}/{resource['id']}"
        put = {"method": "PUT", "target": target, "headers": {"Content-Type": "application/fhir+json"}, "body": line}
        assert ask(ours, put)["status"] == 201, target
    for number, line in enumerate(lines("agents", file)):
        scenario = json.loads(line)
        ours.names, theirs.names = {}, {}
        for place, step in enumerate(scenario["steps"]):
            answer = ask(ours, step)
            ours.learn(number, place, step["method"], answer)
            theirs.learn(number, place, step["method"], step["answer"])
            equal = equal_levels(theirs.view(step["answer"]), ours.view(answer))
            if step.get("unstable"):  # HAPI did not answer it the same way twice
                equal = equal[:1] * 3
            what = f"{number}.{place} {scenario['group']} {step['method']} {step['target'][:120]}"
            yield what, [all(equal[: level + 1]) for level in range(3)]
