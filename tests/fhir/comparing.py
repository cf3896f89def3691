"""Recordings of what a real HAPI FHIR 7.6 answered: asking again, and comparing answer by answer.

A recording is a folder of ``fixture.ndjson.xz`` (put there one by one, in order) and ``answers.jsonl.xz`` (requests
with their answers, in order). A row may hold ``pages`` (its next links followed), and, of a create, ``read_back``,
``search_back`` and ``search_patient``, after which the recorder deleted what it had created.
"""

from __future__ import annotations

import json
import lzma
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from mab_gym.fhir.http._server import FhirSession, Request

RECORDINGS = Path(__file__).parent / "recordings"
BASE = "http://localhost:8080/fhir"
LEVELS = ("status", "body", "exact")
PARTS = ("answer", "read_back", "search_back", "search_patient")
CREATES = ("create", "create-raw")
MOST_PAGES = 4

Answer = Mapping[str, Any]
Send = Callable[[str, str, Mapping[str, str], str | None], Answer]
"""Puts a request (method, URL, headers, body) and gives ``url``, ``status``, ``headers`` and ``body``."""

_XML = "application/xml;charset=UTF-8"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WITHIN_UUID = re.compile(r"-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-")
_MASKS = (
    (re.compile(r'("(?:lastUpdated|lastModified|date)": ?")\d{4}-\d\d-\d\dT[^"]*"'), r'\1T"'),
    (re.compile(r'("source": ?"[^"#]*)#[^"]*"'), r'\1#S"'),
    (re.compile(r'<(lastUpdated|source) value="[^"]*"/>|<timestamp>\d+</timestamp>'), "<MASKED/>"),
    (re.compile(r"Took \d+ms"), "Took a while"),
    (re.compile(r"deleted at \d{4}-\d\d-\d\dT[^\"]*\""), 'deleted at T"'),
)


def lines(recording: str, name: str) -> Iterator[str]:
    """The lines of a recording's file."""
    with lzma.open(RECORDINGS / recording / name, "rt", encoding="utf-8") as file:
        yield from file


def in_process(session: FhirSession, base: str = BASE) -> Send:
    """Sends as the ``requests`` library would, which percent-encodes what it must, but without a socket."""

    def send(method: str, url: str, headers: Mapping[str, str], body: str | None) -> Answer:
        sent = str(requests.Request(method, url).prepare().url)
        if not sent.startswith(base):
            # What the web server around HAPI says; mab_gym.serve says it, too.
            text = f"<Map><MASKED/><status>404</status><error>Not Found</error><path>{urlsplit(sent).path}</path></Map>"
            return {"url": sent, "status": 404, "headers": {"content-type": _XML}, "body": text}
        lowered = {name.lower(): value for name, value in headers.items()}
        target = sent.removeprefix(base).removeprefix("/").partition("#")[0]
        answer = session.handle(Request(method, target, lowered, body or ""))
        return {"url": sent, "status": answer.status, "headers": answer.headers, "body": answer.body}

    return send


def load(recording: str, send: Send, base: str = BASE) -> None:
    """Puts a fixture's resources there, one by one."""
    for line in lines(recording, "fixture.ndjson.xz"):
        resource = json.loads(line)
        url = f"{base}/{resource['resourceType']}/{resource['id']}"
        answer = send("PUT", url, {"Content-Type": "application/fhir+json"}, line)
        assert answer["status"] in (200, 201), (url, answer["body"])


def replay(row: Mapping[str, Any], send: Send, base: str = BASE) -> dict[str, Any]:
    """Asks what a row of a recording asks; gives the row with the answers in the place of the recorded ones."""
    target = row["target"]
    url = base + (target if target[:1] in ("", "?") else f"/{target}")
    if target.startswith("_getpages"):
        url = f"{base}?{target}"
    answer = send(row["method"], url, row["headers"], row["body"])
    asked: dict[str, Any] = {**{name: row[name] for name in ("n", "group", "method", "target")}, "answer": answer}
    if row.get("follow"):
        asked["pages"] = list(_following(send, answer))
    location = answer["headers"].get("location", "").split("/_history")[0]
    if row["group"] in CREATES and answer["status"] == 201 and location:
        asked["read_back"] = send("GET", location, {}, None)
        kind, logical_id = location.split("/")[-2:]
        if "search_back" in row:
            asked["search_back"] = send("GET", f"{base}/{kind}?_id={logical_id}", {}, None)
        if "search_patient" in row:
            patient = json.loads(row["body"]).get("subject", {}).get("reference", "").split("/")[-1]
            asked["search_patient"] = send("GET", f"{base}/{kind}?patient={patient}&_id={logical_id}", {}, None)
        send("DELETE", location, {}, None)
    return asked


def _following(send: Send, answer: Answer) -> Iterator[Answer]:
    for _ in range(MOST_PAGES):
        try:
            links = json.loads(answer["body"]).get("link", [])
        except ValueError:
            return
        url = next((link["url"] for link in links if link["relation"] == "next"), None)
        if url is None:
            return
        answer = send("GET", url, {}, None)
        yield answer


@dataclass
class Scores:
    """The number of equal answers, by level.

    Attributes:
        asked: The number of requests.
        same: By level, the number that agree.
        different: What does not, a line each.
    """

    asked: int = 0
    same: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    different: list[str] = field(default_factory=list)

    def add(self, theirs: Mapping[str, Any], ours: Mapping[str, Any], base: str = BASE) -> None:
        """Counts one request."""
        self.asked += 1
        equal = agreement(theirs, ours, base)
        for level, name in enumerate(LEVELS):
            self.same[name] += equal[0] and (level == 0 or bool(theirs.get("unstable")) or all(equal[: level + 1]))
        if not all(equal) and not (equal[0] and theirs.get("unstable")):
            self.different.append(f"{theirs['n']} {theirs['method']} {theirs['target'][:120]}")

    def percent(self) -> dict[str, float]:
        """The shares."""
        return {name: 100 * self.same[name] / self.asked for name in LEVELS}


def agreement(theirs: Mapping[str, Any], ours: Mapping[str, Any], base: str = BASE) -> list[bool]:
    """Tells if the statuses, the bodies as JSON and the bodies to the character are the same, in all parts of a row."""
    pairs = [(theirs.get(part), ours.get(part)) for part in PARTS]
    our_pages, their_pages = list(ours.get("pages", ())), list(theirs.get("pages", ()))
    longest = max(len(our_pages), len(their_pages))
    pairs.extend((_at(their_pages, place), _at(our_pages, place)) for place in range(longest))
    each = [equal_levels(_views(one, BASE), _views(other, base)) for one, other in pairs]
    return [all(level) for level in zip(*each, strict=True)]


def _at(answers: Sequence[Answer], place: int) -> Answer | None:
    return answers[place] if place < len(answers) else None


View = tuple[int | None, str, Any, str | None]
"""The parts of an answer that are compared, masked: the status, the body, the headers that count, the body's type."""


def _views(answer: Answer | None, base: str) -> View:
    if answer is None:
        return None, "", "", None
    headers = answer["headers"]
    location = _mask(headers.get("location", ""), base)
    return answer["status"], _mask(answer["body"], base), location, headers.get("content-type")


def equal_levels(one: View, other: View) -> list[bool]:
    """Tells if the status, the body as JSON, and the body and its type to the character are the same."""
    placed = one[2] == other[2] and (one[0] is None) == (other[0] is None)
    same = one[1] == other[1]
    return [
        one[0] == other[0],
        placed and (same or _read(one[1]) == _read(other[1])),
        placed and same and one[3] == other[3],
    ]


def _read(text: str) -> Any:
    try:
        return soften(json.loads(text))
    except ValueError:
        return text


def mask_uuids(text: str) -> str:
    """The text with ``UUID`` in the place of each; looks first for what is found quickly."""
    return _UUID.sub("UUID", text) if _WITHIN_UUID.search(text) else text


def _mask(text: str, base: str) -> str:
    text = mask_uuids(text.replace(base, "BASE"))
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def soften(value: Any) -> Any:
    """JSON with diagnostics reduced to their HAPI code."""
    if isinstance(value, dict):
        coded = {"diagnostics": re.match(r"(HAPI-\d+)?", str(value.get("diagnostics", ""))).group(0)}  # type: ignore[union-attr]
        return {key: coded[key] if key in coded else soften(item) for key, item in value.items()}
    return [soften(item) for item in value] if isinstance(value, list) else value
