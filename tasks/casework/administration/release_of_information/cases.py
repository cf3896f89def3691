"""Cases: three requests for records, one that is granted in part or in whole, and two that may not be.

People are chosen by what their charts hold: documents of psychiatry or of an HIV test beside others in the time that
is asked for. Nothing is laid over the charts but the requests, and what patients say about them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.chart import Chart

from .documents import HIV, PSYCHIATRY, Paper, paper, within

BRANCHES = {"expired_and_caller": 8, "revoked_and_payer": 7, "signer_and_identity": 8, "own_and_family": 7}
_WANTED = {
    "expired_and_caller": ("limited", "expired", "caller"),
    "revoked_and_payer": ("limited", "revoked", "wrong_payer"),
    "signer_and_identity": ("named", "signer", "identity"),
    "own_and_family": ("own", "family", "treating payer"),
}
_PROTECTED, _IN_PART = ("limited", "named", "own"), ("treating", "payer", "wrong_payer")
"""Kinds with protected records among those that are asked for, and kinds that ask for no more than they need."""
_BY_FAMILY = ("signer", "family")
_ATTEMPTS = 8
REQUESTERS = {
    "lawyer": ("Hartwell & Boone, attorneys", "Law office of Irene Sandoval", "Castellan Legal Group"),
    "insurer": ("Granite State Life Insurance", "Evergreen Disability Insurance", "Pilgrim Life"),
    "employer": ("Merrow Paper Mill, occupational health", "Tamarack Logistics, personnel office"),
}
PURPOSES = {"lawyer": "a claim after an accident", "insurer": "a policy", "employer": "fitness for work"}
_STREETS = ("12 Harbor Row", "305 Willow Street", "88 Quarry Road", "41 Chapel Lane")


@flagged("confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws three people and what is asked of their records."""
    chosen: list[dict[str, Any]] = []
    for kinds in _WANTED[branch]:
        kind = rng.choice(kinds.split())
        found = _request(chart, rng, kind, [each["mrn"] for each in chosen])
        if found is None:
            return None
        chosen.append(found)
    rng.shuffle(chosen)
    return {"mrn": chosen[0]["mrn"], "clerk": rng.choice(clinicians(chart, role="Clerk")), "requests": chosen}


def _request(chart: Chart, rng: random.Random, kind: str, taken: Sequence[str]) -> dict[str, Any] | None:
    """Draws somebody whose chart fits to a kind of request."""
    sorts = rng.sample((PSYCHIATRY, HIV), 2) if kind in _PROTECTED else ("",)
    for sort in sorts:
        people = _people(chart, sort)
        start = rng.randrange(len(people)) if people else 0
        for place in range(len(people)):
            mrn = people[(start + place) % len(people)]
            if mrn in taken or not _may_be_asked_for(chart, mrn) or (kind in _BY_FAMILY and _has_agent(chart, mrn)):
                continue
            scope = _scope(chart, rng, sort, mrn, whole=kind not in _IN_PART)
            if scope is not None:
                return _details(chart, rng, kind, mrn, scope)
    return None


def _people(chart: Chart, sort: str) -> Sequence[str]:
    """Returns the people to look through: for HIV tests those whose notes tell of one."""
    if sort != HIV:
        return tuple(chart.patients())
    key = "release of information: HIV"
    return chart.remember(
        key, lambda: tuple(mrn for mrn in chart.patients() if any("hiv" in fact.subject for fact in chart.facts(mrn)))
    )


def _psychiatrists(chart: Chart) -> Sequence[str]:
    def look() -> tuple[str, ...]:
        roles = chart.search("PractitionerRole", _count="500")
        return tuple(each["practitioner"]["reference"] for each in roles if "Psychiatry" in str(each["specialty"]))

    return chart.remember("release of information: psychiatrists", look)


def _may_be_asked_for(chart: Chart, mrn: str) -> bool:
    """Tells if a person is a living adult with a plan, and nothing on file that would settle a request."""

    def look() -> bool:
        patient = chart.patient(mrn)
        if patient is None or patient.get("deceasedDateTime") or patient["birthDate"] > f"{chart.now.year - 20}":
            return False
        if next(chart.search("Coverage", beneficiary=f"Patient/{mrn}", status="active", _count="1"), None) is None:
            return False
        refused = chart.search("Consent", patient=mrn, status="rejected", _count="50")
        conditions = str([each.get("code") for each in chart.search("Condition", patient=mrn, _count="500")]).lower()
        barred = any(word in conditions for word in ("immunodeficiency", "dementia", "alzheimer"))
        return not barred and not any("elease" in str(each.get("category")) for each in refused)

    return chart.remember(("release of information: may be asked for", mrn), look)


def _has_agent(chart: Chart, mrn: str) -> bool:
    """Tells if notes name somebody who decides for a person."""
    return any(fact.subject == "proxy" for fact in chart.facts(mrn))


def papers(chart: Chart, mrn: str) -> Sequence[Paper]:
    """Returns a chart's documents."""

    def look() -> tuple[Paper, ...]:
        found = chart.search("DocumentReference", patient=mrn, _count="1000")
        return tuple(paper(each, _psychiatrists(chart)) for each in found)

    return chart.remember(("release of information: papers", mrn), look)


def _scope(chart: Chart, rng: random.Random, sort: str, mrn: str, *, whole: bool) -> dict[str, Any] | None:
    """Draws documents and a time for a request; None if the chart has none that fit.

    Args:
        chart: The chart.
        rng: Decides.
        sort: The kind of protected documents that are among them; empty for none at all.
        mrn: The patient.
        whole: True if it may be for everything.
    """
    everything = papers(chart, mrn)
    fitting = [each for each in everything if not sort or sort in each.protected]
    replaced = any(not each.current for each in everything)
    for attempt in range(_ATTEMPTS if fitting else 0):
        scope = _window(rng, rng.choice(fitting), "every" if sort else "")
        found = within(everything, scope)
        edges = _edges(scope)
        if (scope["kind"] == "every" and not whole) or any(each.day in edges for each in everything):
            continue
        if sort and replaced and attempt < _ATTEMPTS // 2 and all(each.current for each in found):
            continue
        current = [each for each in found if each.current]
        protected = [each for each in current if each.protected]
        if scope["until"] > (chart.now.date() - timedelta(days=20)).isoformat() or any(each.open for each in found):
            continue
        if sort and protected and 3 <= len(current) - len(protected) <= 14:
            return scope
        if not sort and not protected and not any(each.hiv for each in found) and 1 <= len(current) <= 10:
            return scope
    return None


def _edges(scope: Mapping[str, Any]) -> set[str]:
    """Returns the days at which zones of time could decide if a document is meant."""
    ends = (date.fromisoformat(scope[name]) for name in ("since", "until"))
    return {(day + timedelta(days=more)).isoformat() for day in ends for more in (-1, 0, 1)}


def _window(rng: random.Random, near: Paper, kind: str) -> dict[str, Any]:
    """Draws a time of some months that holds a document, and what is asked for in it."""
    day = date.fromisoformat(near.day)
    first = (day - timedelta(days=rng.randrange(20, 300))).replace(day=1)
    after = max(_month(first, rng.choice((9, 12, 12, 15, 18))), _month(day.replace(day=1), 1))
    single = {"34108-1": "office", "18748-4": "imaging", "18842-5": "discharge"}.get(near.type, "every")
    both = "discharge and imaging" if single in ("imaging", "discharge") else single
    kind = kind or rng.choice((single, single, both, "every"))
    kind = "every" if kind == "office" and not near.clinic else kind
    last = (after - timedelta(days=1)).isoformat()
    return {"kind": kind, "clinic": near.clinic, "since": first.isoformat(), "until": last}


def _month(first: date, later: int) -> date:
    """Returns the first day of the month that is some months later."""
    months = first.year * 12 + first.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)


def _details(chart: Chart, rng: random.Random, kind: str, mrn: str, scope: dict[str, Any]) -> dict[str, Any]:
    current = [each for each in within(papers(chart, mrn), scope) if each.current]
    there = sorted({word for each in current for word in each.protected})
    named = there if kind in ("own", "named") else _other_words(rng, there) if kind == "limited" else []
    protected = [each for each in current if set(each.protected) - set(named)]
    loose = [each for each in current if each.hiv == "named" and HIV not in named and each not in protected]
    sort = rng.choice(sorted(REQUESTERS))
    age = rng.randrange(200, 330) if kind == "expired" else rng.randrange(40, 75)
    return {
        "mrn": mrn,
        "kind": kind,
        "sort": sort,
        "requester": rng.choice(REQUESTERS[sort]),
        "other": rng.choice([name for other, names in REQUESTERS.items() for name in names if other != sort]),
        "scope": scope,
        "named": named if kind != "own" else [],
        "signed": (chart.now.date() - timedelta(days=age)).isoformat(),
        "expires": (chart.now.date() + timedelta(days=rng.randrange(30, 200))).isoformat(),
        "in_days": rng.choice((90, 120, 180)) if kind == "expired" else rng.choice((0, 90, 120, 180)),
        "relative": _relative(chart, mrn),
        "practice": rng.choice(_practices(chart)),
        "payer": _payer(chart, rng, mrn, right=kind == "payer"),
        "street": rng.choice(_STREETS),
        "style": rng.randrange(3),
        "due": [each.address for each in current if each not in protected and each not in loose],
        "loose": [each.address for each in loose],
        "protected": [each.address for each in protected],
        "outcome": _OUTCOMES[kind],
    }


def _other_words(rng: random.Random, there: Sequence[str]) -> list[str]:
    """Returns the protected records that an authorization names, not all of those that are there."""
    return rng.choice(([], [PSYCHIATRY if there[0] == HIV else HIV]))


_OUTCOMES = {
    "limited": ("completed", "authorization"),
    "named": ("completed", "authorization"),
    "own": ("completed", "patient"),
    "treating": ("completed", "treatment"),
    "expired": ("rejected", "expired"),
    "revoked": ("rejected", "revoked"),
    "signer": ("rejected", "signature"),
    "family": ("rejected", "none"),
    "wrong_payer": ("rejected", "none"),
    "payer": ("completed", "payment"),
    "identity": ("on-hold", "identity"),
    "caller": ("on-hold", "call-back"),
}


def _relative(chart: Chart, mrn: str) -> tuple[str, str]:
    """Returns the name of somebody of the family, and the relation."""

    def look() -> tuple[str, str]:
        for each in chart.search("RelatedPerson", patient=mrn, _count="10"):
            name = each["name"][0]
            return f"{name['given'][0]} {name['family']}", str(each["relationship"][0]["text"]).removeprefix("natural ")
        return "Robin Ellery", "cousin"

    return chart.remember(("release of information: relative", mrn), look)


def _organizations(chart: Chart) -> Sequence[tuple[str, str, str]]:
    def look() -> tuple[tuple[str, str, str], ...]:
        found = chart.search("Organization", _count="200")
        return tuple((f"Organization/{each['id']}", str(each["name"]), str(each.get("type"))) for each in found)

    return chart.remember("release of information: organizations", look)


def _payer(chart: Chart, rng: random.Random, mrn: str, *, right: bool) -> str:
    """Returns the name of a person's plan, or of another one."""
    coverage = next(chart.search("Coverage", beneficiary=f"Patient/{mrn}", status="active", _count="1"))
    own = str(coverage["payor"][0]["reference"])
    payers = [(address, name) for address, name, kind in _organizations(chart) if "'pay'" in kind or "'ins'" in kind]
    others = [name for address, name in payers if address != own]
    return str(coverage["payor"][0]["display"]) if right else rng.choice(others)


def _practices(chart: Chart) -> list[str]:
    words = ("Practice", "Medicine", "Cardiology", "Orthopaedics")
    return [name for _, name, _ in _organizations(chart) if any(word in name for word in words)]
