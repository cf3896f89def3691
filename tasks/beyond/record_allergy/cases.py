"""Cases: two people easily confused, of whom one, the other, both or neither has the allergy on record.

The Joint Commission asks for two identifiers, here name and date of birth, before anything is done to a patient
(National Patient Safety Goal NPSG.01.01.01). Statuses: FHIR R4, AllergyIntolerance. Codes: RxNorm ingredients.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from mab_gym.tasking.chart import Chart

WHO = "name"
BRANCHES = {"same_name": 7, "same_birth_date": 7, "on_the_other": 6, "known": 6, "nobody": 4}

SUBSTANCES = {
    "723": "amoxicillin",
    "1191": "aspirin",
    "2670": "codeine",
    "5640": "ibuprofen",
    "2551": "ciprofloxacin",
    "11124": "vancomycin",
    "2180": "cefazolin",
    "21212": "clarithromycin",
    "7052": "morphine",
    "10180": "sulfamethoxazole",
}
"""Names of ingredients by RxNorm code."""
_NOT_VALID = ("entered-in-error", "refuted")
_MISLEADING = 0.5
"""The probability of a substance that the record has as entered in error or refuted, if there is one."""


class Pair(NamedTuple):
    """Two people who are easily confused.

    Attributes:
        mrn: The MRN of the right person.
        other: The MRN of the other person.
        kind: ``same_name`` (born on another day) or ``same_birth_date`` (with a similar name).
    """

    mrn: str
    other: str
    kind: str


def name_of(patient: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the first given name and the family name."""
    name = patient["name"][0]
    return str(name["given"][0]), str(name["family"])


def bearers(chart: Chart, name: str) -> list[str]:
    """Returns the MRNs of all people with this first given name and family name."""

    def by_name() -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for mrn, patient in chart.patients().items():
            found.setdefault(" ".join(name_of(patient)), []).append(mrn)
        return found

    return chart.remember("bearers of each name", by_name).get(name, [])


def meant(chart: Chart, name: str, birth_date: str) -> str | None:
    """Returns the MRN of the only person with this name and date of birth, or None."""
    found = [mrn for mrn in bearers(chart, name) if chart.patients()[mrn]["birthDate"] == birth_date]
    return found[0] if len(found) == 1 else None


def known(chart: Chart, mrn: str) -> frozenset[str]:
    """Returns the RxNorm codes of the allergies that a person has on record."""
    return frozenset(code for code, status in _noted(chart, mrn) if status not in _NOT_VALID)


def withdrawn(chart: Chart, mrn: str) -> frozenset[str]:
    """Returns the RxNorm codes that a person's record has only as entered in error or refuted."""
    return frozenset(code for code, status in _noted(chart, mrn) if status in _NOT_VALID) - known(chart, mrn)


def _noted(chart: Chart, mrn: str) -> frozenset[tuple[str, str]]:
    """Returns the codes and verification statuses of all allergies in a person's record."""

    def look() -> frozenset[tuple[str, str]]:
        rows = chart.search("AllergyIntolerance", patient=mrn, _count="100")
        return frozenset(
            (row["code"]["coding"][0]["code"], row["verificationStatus"]["coding"][0]["code"]) for row in rows
        )

    return chart.remember(("allergies", mrn), look)


def pairs(chart: Chart) -> list[Pair]:
    """Returns a pair for each person with a chart and each other person who is easily confused with them."""

    def look() -> list[Pair]:
        found = []
        for mrn in chart.profiles():
            one = chart.patients()[mrn]
            given, family = name_of(one)
            if meant(chart, f"{given} {family}", one["birthDate"]) is None:
                continue
            places = {*_places(chart)[given, family], *_places(chart)[one["birthDate"]]}
            for other, two in (_in_order(chart)[place] for place in sorted(places)):
                same = (name_of(two)[0] == given, name_of(two)[1] == family)
                if other != mrn and all(same):
                    found.append(Pair(mrn, other, "same_name"))
                elif other != mrn and any(same) and two["birthDate"] == one["birthDate"]:
                    found.append(Pair(mrn, other, "same_birth_date"))
        return found

    return chart.remember("pairs", look)


def _in_order(chart: Chart) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Returns all people with their MRNs, in load order."""
    return chart.remember("everybody in load order", lambda: list(chart.patients().items()))


def _places(chart: Chart) -> Mapping[Any, Sequence[int]]:
    """Returns the positions in load order of all people, by first given name and family name, and by date of birth."""

    def look() -> Mapping[Any, Sequence[int]]:
        found: dict[Any, list[int]] = {}
        for place, (_, patient) in enumerate(_in_order(chart)):
            found.setdefault(name_of(patient), []).append(place)
            found.setdefault(patient["birthDate"], []).append(place)
        return found

    return chart.remember("people by name and by date of birth", look)


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws one of two people, and a substance, often one that their record has as entered in error or refuted."""
    candidates: list[tuple[Pair, list[str]]] = []
    for pair in pairs(chart):
        mine, others = known(chart, pair.mrn), known(chart, pair.other)
        if branch == "known":
            codes = sorted(mine)
        elif branch == "on_the_other":
            codes = sorted(others - mine)
        else:
            codes = sorted(set(SUBSTANCES) - mine - others) if branch in (pair.kind, "nobody") else []
        if codes:
            candidates.append((pair, codes))
    if branch == "nobody":
        candidates = [each for each in candidates if len(bearers(chart, _full_name(chart, each[0].mrn))) == 1]
    if not candidates:
        return None
    pair, codes = rng.choice(candidates)
    misleading = sorted(withdrawn(chart, pair.mrn) & set(codes))
    code = rng.choice(misleading if misleading and rng.random() < _MISLEADING else codes)
    birth_date = chart.patients()[pair.mrn]["birthDate"]
    if branch == "nobody":
        birth_date = (date.fromisoformat(birth_date) + timedelta(days=rng.choice((-10, -1, 1, 10)))).isoformat()
    return {
        "name": _full_name(chart, pair.mrn),
        "birth_date": birth_date,
        "substance": SUBSTANCES[code],
        "code": code,
    }


def _full_name(chart: Chart, mrn: str) -> str:
    return " ".join(name_of(chart.patients()[mrn]))
