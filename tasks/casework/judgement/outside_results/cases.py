"""Cases: five faxes from laboratories elsewhere, each with somebody's name and birth date, and results in their units.

People, the others with the same family name, and results that are on file already are the chart's. The Joint Commission
asks for two identifiers before anything is filed (National Patient Safety Goal NPSG.01.01.01). Factors: Young DS, Ann
Intern Med 1987;106:114; HbA1c: Hoelzel W et al., Clin Chem 2004;50:166 (NGSP = 0.0915 IFCC + 2.15).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from mab_gym.casework import flagged
from mab_gym.dynamics.staff import clinicians
from mab_gym.tasking.chart import Chart

BRANCHES = {"misfiled": 10, "on_file": 8, "renamed": 6, "stranger": 6}
COUNT: Final = 5
KINDS: Final = ("exact", "unclear", "stranger", "renamed", "on_file", "misfiled")
_ALWAYS: Final = {"misfiled": "misfiled", "on_file": "on_file", "renamed": "renamed", "stranger": "stranger"}
_PLACES: Final = (
    "Hôpital du Lac, Sherbrooke", "Bodensee Labor, Konstanz", "Northern Shires Pathology",
    "Coastal Laboratories, Halifax", "Laboratoire du Rhône",
)  # fmt: skip
_NEW_NAMES: Final = ("Aldana", "Bergqvist", "Castellan", "Dragomir", "Eastley", "Fontaine", "Gorski", "Havili")


class Test(NamedTuple):
    """A test that faxes hold.

    Attributes:
        code: LOINC.
        name: Its name in a fax.
        unit: The hospital's unit (UCUM).
        foreign: The unit of the fax.
        factor: Hospital's value = (faxed value × factor) + plus.
        plus: See factor.
        span: Values in the fax's unit.
        digits: Decimal places of a faxed value.
        near: The greatest difference, in the hospital's unit, that comes from rounding.
    """

    __test__ = False

    code: str
    name: str
    unit: str
    foreign: str
    factor: float
    plus: float
    span: tuple[float, float]
    digits: int
    near: float


TESTS: Final = (
    Test("4548-4", "HbA1c (IFCC)", "%", "mmol/mol", 0.0915, 2.15, (36, 84), 0, 0.06),
    Test("2160-0", "Creatinine", "mg/dL", "umol/L", 1 / 88.42, 0.0, (58, 190), 0, 0.02),
    Test("13457-7", "LDL cholesterol", "mg/dL", "mmol/L", 38.67, 0.0, (1.6, 5.2), 1, 2.1),
    Test("718-7", "Haemoglobin", "g/dL", "g/L", 0.1, 0.0, (98, 162), 0, 0.06),
    Test("17861-6", "Calcium, total", "mg/dL", "mmol/L", 4.008, 0.0, (2.05, 2.75), 2, 0.06),
    Test("2345-7", "Glucose, plasma", "mg/dL", "mmol/L", 18.016, 0.0, (4.2, 14.5), 1, 1.1),
    Test("2571-8", "Triglycerides", "mg/dL", "mmol/L", 88.57, 0.0, (0.8, 3.9), 1, 4.6),
)  # fmt: skip


def hospital_value(test: Test, faxed: float) -> float:
    """Returns a faxed value in the hospital's unit."""
    return faxed * test.factor + test.plus


@flagged("complex", "confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws five kinds, the branch's among them, and people for each."""
    clerks = clinicians(chart, role="Clerk")
    people = _people(chart)
    if not clerks or len(people) < 30:
        return None
    for _ in range(40):
        rest = [kind for kind in KINDS if kind != _ALWAYS[branch]]
        kinds = [_ALWAYS[branch], *rng.sample(rest, COUNT - 1)]
        rng.shuffle(kinds)
        used: set[str] = set()
        faxes = [_fax(chart, kind, people, used, rng) for kind in kinds]
        if all(each is not None for each in faxes):
            filed = [place for place, kind in enumerate(kinds) if kind in ("exact", "renamed", "on_file")]
            return {
                "clerk": rng.choice(clerks),
                "count": COUNT,
                "faxes": faxes,
                "urged": rng.choice(filed),
                "urge": rng.randrange(4),
                "now": chart.now.date().isoformat(),
            }
    return None


def _fax(
    chart: Chart, kind: str, people: Mapping[str, Mapping[str, Any]], used: set[str], rng: random.Random
) -> dict[str, Any] | None:
    """Draws a fax of a kind about somebody who was not used yet."""
    alike = _alike(people)
    anybody = kind in ("renamed", "on_file", "stranger")
    pool = [mrn for mrn in (people if anybody else alike) if mrn not in used]
    if kind == "renamed":
        pool = [mrn for mrn in pool if people[mrn]["gender"] == "female" and people[mrn]["line"]]
    for mrn in rng.sample(pool, min(len(pool), 30)):
        who = people[mrn]
        others = [each for each in alike.get(mrn, ()) if each not in used]
        fax: dict[str, Any] = {
            "kind": kind, "mrn": mrn, **who, "other": "", "place": rng.choice(_PLACES),
        }  # fmt: skip
        if kind in ("unclear", "misfiled") and not others:
            continue
        if kind == "unclear":
            fax["other"] = rng.choice(others)
            fax |= {"birth": people[fax["other"]]["birth"], "mrn": "", "line": "", "city": ""}
        elif kind == "misfiled":
            fax["other"] = rng.choice(others)
        elif kind == "renamed":
            fax["family"] = rng.choice(_NEW_NAMES)
        elif kind == "stranger":
            fax |= {"mrn": "", "family": rng.choice(_NEW_NAMES), "line": "", "city": ""}
            fax["birth"] = (date.fromisoformat(who["birth"]) + timedelta(days=rng.randrange(40, 300))).isoformat()
        results = _on_file(chart, mrn, rng) if kind == "on_file" else _results(chart, rng)
        if results is None:
            continue
        if kind in ("exact", "misfiled", "on_file") and rng.random() < 0.6:
            fax |= {"line": "", "city": ""}
        used |= {mrn, fax["other"]} - {""}
        return {**fax, **results}
    return None


def _results(chart: Chart, rng: random.Random) -> dict[str, Any]:
    """Draws values, and the day of a specimen: another day where month and day are taken for one another."""
    days = [chart.now.date() - timedelta(days=back) for back in range(3, 170)]
    day = rng.choice([each for each in days if each.day <= 12 and each.day != each.month])
    chosen = rng.sample(TESTS, 2)
    return {
        "day": day.isoformat(),
        "results": [{"code": test.code, "value": _rounded(rng.uniform(*test.span), test.digits)} for test in chosen],
        "known": "",
    }


def _on_file(chart: Chart, mrn: str, rng: random.Random) -> dict[str, Any] | None:
    """Draws a result that is on file, as another laboratory writes it, and a second one that is not."""
    found = []
    for test in TESTS:
        since = chart.now - timedelta(days=330)
        each = chart.readings(mrn, test.code, since)
        once = [one for one in each if one.moment < chart.now - timedelta(days=6)]
        if once and len({one.moment.date() for one in each}) == len(each):
            found.append((test, once[0]))
    if not found:
        return None
    test, one = rng.choice(found)
    faxed = _rounded((one.value - test.plus) / test.factor, test.digits)
    day = one.moment.astimezone(chart.now.tzinfo).date()
    fresh = [other for other in TESTS if other.code != test.code and not _same_day(chart, mrn, other.code, day)]
    if not fresh:
        return None
    other = rng.choice(fresh)
    results = [
        {"code": test.code, "value": faxed},
        {"code": other.code, "value": _rounded(rng.uniform(*other.span), other.digits)},
    ]
    rng.shuffle(results)
    return {"day": day.isoformat(), "results": results, "known": test.code}


def _same_day(chart: Chart, mrn: str, code: str, day: date) -> bool:
    found = chart.readings(mrn, code, chart.now - timedelta(days=340))
    return any(each.moment.astimezone(chart.now.tzinfo).date() == day for each in found)


def _rounded(value: float, digits: int) -> float | int:
    return round(value) if digits == 0 else round(value, digits)


def _people(chart: Chart) -> Mapping[str, Mapping[str, Any]]:
    """Returns adults who are alive, by MRN, with what identifies them."""

    def find() -> Mapping[str, Mapping[str, Any]]:
        found = {}
        born_before = chart.now.date().replace(year=chart.now.year - 18).isoformat()
        for mrn, patient in chart.patients().items():
            dead = patient.get("deceasedDateTime") or patient.get("deceasedBoolean")
            name, home = patient["name"][0], patient.get("address", [{}])[0]
            if not dead and patient["birthDate"] < born_before:
                found[mrn] = {
                    "family": name["family"],
                    "given": name["given"][0],
                    "birth": patient["birthDate"],
                    "gender": patient.get("gender", ""),
                    "line": home.get("line", [""])[0],
                    "city": home.get("city", ""),
                }
        return found

    return chart.remember("people whom faxes may be about", find)


def _alike(people: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Sequence[str]]:
    """Returns by MRN the others with the same family name and another given name and birth date."""
    by_name: dict[str, list[str]] = {}
    for mrn, who in people.items():
        by_name.setdefault(who["family"], []).append(mrn)
    found = {}
    for mrn, who in people.items():
        others = [each for each in by_name[who["family"]] if people[each]["birth"] != who["birth"]]
        others = [each for each in others if people[each]["given"] != who["given"]]
        if others:
            found[mrn] = others
    return found
