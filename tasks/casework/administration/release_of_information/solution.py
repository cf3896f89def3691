"""Reads each letter, finds the basis and the documents that it covers, releases them, refuses, or holds the request."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .documents import HIV, PSYCHIATRY, WORDS, Paper, paper, within

Resource = Mapping[str, Any]
_DAY = r"([A-Z][a-z]+ \d{1,2}, \d{4})"


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some twenty to thirty actions."""
    yield desk.get("DocumentReference", **handbook_page("ADM-530"))
    reply = yield desk.get("PractitionerRole", _count="500")
    authors = [each["practitioner"]["reference"] for each in reply.resources if PSYCHIATRY in str(each).lower()]
    reply = yield desk.get("Task", owner=case["clerk"], status="requested", _count="50")
    counts = {"completed": 0, "rejected": 0, "on-hold": 0}
    for task in [each for each in reply.resources if each["code"].get("text") == "Release of information"]:
        status = yield from _work(desk, task, authors)
        counts[status] += 1
    yield desk.finish(list(counts.values()))


def _work(desk: Desk, task: Resource, authors: Sequence[str]) -> Generator[str, Reply, str]:
    mrn, letter = str(task["for"]["reference"]).split("/")[1], str(task["focus"]["reference"])
    reply = yield desk.get("DocumentReference", _id=letter.split("/")[1])
    text = note_text(reply.resources[0])
    patient = (yield desk.get("Patient", _id=mrn)).resources[0]
    messages = (yield desk.get("Communication", patient=mrn, _sort="-sent", _count="30")).resources
    coverage = (yield desk.get("Coverage", patient=mrn, status="active")).resources
    status, basis = _decided(desk, text, patient, messages, coverage)
    if status == "completed":
        reply = yield desk.get("DocumentReference", patient=mrn, _sort="date", _count="500")
        papers = [paper(each, authors) for each in reply.resources if f"DocumentReference/{each['id']}" != letter]
        chosen = _chosen(desk, text, papers, basis)
        yield desk.post(_manifest(mrn, letter, chosen))
    else:
        yield desk.post(_answer(mrn, letter, basis))
    change = [
        {"op": "replace", "path": "/status", "value": status},
        {"op": "add", "path": "/businessStatus", "value": {"text": basis}},
    ]
    yield desk.patch(f"Task/{task['id']}", change)
    return status


def _decided(
    desk: Desk, text: str, patient: Resource, messages: Sequence[Resource], coverage: Sequence[Resource]
) -> tuple[str, str]:
    """Returns what becomes of a request, and why."""
    release = ("completed", "authorization")
    if "AUTHORIZATION" in text:
        first = text.splitlines()[0]
        said = [str(each["payload"]) for each in messages if "Patient/" in str(each.get("sender"))]
        if any(first in each for each in said):
            return desk.rule("revoked", ("rejected", "revoked"), lambda: release)
        if _end(text) < desk.now.date():
            return desk.rule("expired", ("rejected", "expired"), lambda: release)
        if not re.search(rf"Signed: {re.escape(_name(patient))}\.", text):
            return desk.rule("signature", ("rejected", "signature"), lambda: release)
        return release
    if "TELEPHONE MESSAGE" in text:
        return desk.rule("call_back", ("on-hold", "call-back"), lambda: ("completed", "treatment"))
    if "claims department" in text:
        own = any(each["payor"][0]["display"] in text.splitlines()[0] for each in coverage)
        payment = ("completed", "payment")
        return payment if own else desk.rule("plan", ("rejected", "none"), lambda: payment)
    if "We treat" in text:
        return desk.rule("treating", ("completed", "treatment"), lambda: ("rejected", "none"))
    if "my name is" in text:
        born = _written(date.fromisoformat(patient["birthDate"])) in text
        street = str(patient["address"][0]["line"][0]) in text
        own_request = ("completed", "patient")
        return own_request if born or street else desk.rule("identity", ("on-hold", "identity"), lambda: own_request)
    return desk.rule("family", ("rejected", "none"), lambda: ("completed", "patient"))


def _chosen(desk: Desk, text: str, papers: Sequence[Paper], basis: str) -> list[str]:
    """Returns the documents that go."""
    allowed = text.partition("AUTHORIZATION")[2] or text
    scope = _scope(allowed)
    more = re.search(r"since January 1, (\d{4})|(\d{4}) to the present|from (\d{4}) on", text)
    if more is not None:
        year = next(each for each in more.groups() if each)
        wider = {**scope, "since": f"{year}-01-01", "until": _iso(desk.now)}
        scope = desk.rule("authorized", scope, lambda: wider)
    scope = desk.rule(
        "days", scope, lambda: {**scope, "since": scope["since"][:4], "until": scope["until"][:4] + "-12-31"}
    )
    found = within(papers, scope)
    found = desk.rule("current", [each for each in found if each.current], lambda: found)
    named = re.search(r"that are included: ([^.]*)\.", allowed)
    words = named[1] if named is not None else ""
    let = {each for each in (PSYCHIATRY, HIV) if each in words} if basis != "patient" else {PSYCHIATRY, HIV}
    if basis == "patient":
        let = desk.rule("own", let, set)
    elif let:
        let = desk.rule("named", let, lambda: {PSYCHIATRY, HIV} if len(let) == 1 else set())
    covered = [each for each in found if not set(each.protected) - let]
    covered = desk.rule(
        "psychiatry", covered, lambda: [each for each in found if not set(each.protected) - let - {PSYCHIATRY}]
    )
    covered = desk.rule("hiv", covered, lambda: [each for each in found if not set(each.protected) - let - {HIV}])
    return desk.decide("documents that the basis covers", [each.address for each in covered])


def _scope(text: str) -> dict[str, Any]:
    """Reads what a letter or an authorization covers."""
    kind, clinic = next(_kinds(text))
    days = re.search(rf"from {_DAY} through {_DAY}", text)
    assert days is not None
    return {"kind": kind, "clinic": clinic, "since": _iso(_read(days[1])), "until": _iso(_read(days[2]))}


def _kinds(text: str) -> Generator[tuple[str, str], None, None]:
    for kind in sorted(WORDS, key=lambda one: -len(WORDS[one])):
        pattern = re.escape(WORDS[kind]).replace(re.escape("{clinic}"), "([a-z ]+)")
        found = re.search(pattern, text)
        if found is not None:
            yield kind, (found[1].capitalize() if found.groups() else "")


def _end(text: str) -> date:
    """Returns the last day of an authorization."""
    days = re.search(r"ends (\d+) days after", text)
    until = re.search(rf"ends on {_DAY}", text)
    signed = re.search(rf"Date: {_DAY}", text)
    assert signed is not None
    if days is not None:
        return _read(signed[1]) + timedelta(days=int(days[1]))
    assert until is not None
    return _read(until[1])


def _read(words: str) -> date:
    return datetime.strptime(words, "%B %d, %Y").date()


def _written(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _iso(day: date) -> str:
    return day.isoformat()[:10]


def _name(patient: Resource) -> str:
    name = patient["name"][0]
    return f"{' '.join(name['given'])} {name['family']}"


def _manifest(mrn: str, letter: str, chosen: Sequence[str]) -> dict[str, Any]:
    return {
        "resourceType": "DocumentManifest",
        "status": "current",
        "subject": {"reference": f"Patient/{mrn}"},
        "related": [{"ref": {"reference": letter}}],
        "content": [{"reference": each} for each in chosen],
    }


def _answer(mrn: str, letter: str, reason: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "about": [{"reference": letter}],
        "payload": [{"contentString": f"Nothing was released: {reason}."}],
    }
