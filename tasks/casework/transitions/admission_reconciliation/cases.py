"""Cases: somebody else gives the pills, or nobody does; a drug that was not dispensed; what only old notes tell.

The page PHA-310 ranks the sources. Which drugs differ, and who says so, is drawn; what notes and dispenses tell is of
the person's own history. The most frequent errors at admission are drugs left out and other doses (Cornish PL et al.,
Arch Intern Med 2005;165:424-429).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.tasking.chart import Chart

from .people import Drug, Person, person

BRANCHES = {"giver": 8, "self": 6, "gap": 5, "old_dose": 5, "old_shelf": 6}
_TRIES: Final = 40
_CALM: Final = frozenset({
    "statin", "ras", "thiazide", "antidepressant", "acid", "urate", "vitamin", "prostate", "alpha_blocker",
    "antihistamine", "biguanide", "gliptin", "gliflozin", "lipid", "bone", "iron", "dementia", "hypnotic",
    "thyroid", "leukotriene", "calcium_blocker", "neuropathic", "sulfonylurea", "antimuscarinic", "tricyclic",
})  # fmt: skip
"""Classes of which a drug that is not taken can wait for a day until the attending has decided."""
_SHELF: Final = (
    ("ibuprofen", 400, "sore knees"),
    ("naproxen", 220, "the back"),
    ("diphenhydramine", 50, "sleep"),
    ("St. John's wort", 300, "low mood"),
    ("famotidine", 20, "a sour stomach"),
    ("magnesium citrate", 200, "cramps"),
    ("ginkgo", 120, "memory"),
    ("pseudoephedrine", 60, "a stuffy nose"),
)
_ELSEWHERE: Final = (
    ("prednisone", 5, "steroid"),
    ("oxycodone", 5, "opioid"),
    ("levetiracetam", 500, "anticonvulsant"),
    ("carbidopa-levodopa", 100, "dopamine"),
    ("cetirizine", 10, ""),
    ("famotidine", 20, ""),
    ("folic acid", 1, ""),
    ("trospium", 20, ""),
)
"""Drugs of another clinic that the list does not have, with the class where it is to be settled within 4 hours."""
_MONTHS: Final = ("August", "September", "October")


@flagged("confidential", "trial", after=(5, 11))
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a person, what is really taken, and who says what."""
    found = [mrn for mrn in chart.profiles() if (one := person(chart, mrn)) is not None and _fits(one, branch)]
    for _ in range(_TRIES if found else 0):
        one = person(chart, rng.choice(found))
        if one is not None:
            drawn = _draw(one, rng, branch)
            if drawn is not None:
                return drawn
    return None


def _is_calm(one: Drug) -> bool:
    return one.klass in _CALM and one.name != "diltiazem"  # it slows the heart


def _fits(one: Person, branch: str) -> bool:
    has = {
        "gap": any(each.state == "gap" and not each.free for each in one.drugs),
        "old_dose": any(each.state == "dose" and each.daily_dose and not each.free for each in one.drugs),
        "old_shelf": bool(one.shelf),
    }
    return has.get(branch, True)


def _draw(one: Person, rng: random.Random, branch: str) -> dict[str, Any] | None:
    giver = branch == "giver" or (branch != "self" and rng.random() < 0.5)
    decides, other = ("relative", "patient") if giver else ("patient", "relative")
    truth = {each.order: _truth(each) for each in one.drugs}
    said: dict[str, list[list[Any]]] = {"patient": [], "relative": []}
    plain = [each for each in one.drugs if each.state == "taken" and not each.free and _is_calm(each)]
    rng.shuffle(plain)
    plain.sort(key=lambda each: not each.stay)  # those first that are ordered for the stay
    if not plain or not plain[0].stay:
        return None
    stopped, left = plain[0], plain[1:]
    said[decides].append([stopped.name, "stopped", rng.choice(_MONTHS)])
    said[other].append([stopped.name, "takes"])
    truth[stopped.order] = {"state": "not", "by": [decides]}
    halved = next((each for each in left if each.halvable), None)
    if halved is not None and rng.random() < 0.8:
        left.remove(halved)
        said[decides].append([halved.name, "half", halved.dose / 2, halved.unit])
        truth[halved.order] = {"state": "dose", "dose": halved.dose / 2, "by": [decides]}
    if left and rng.random() < 0.8:
        denied = rng.choice(left)
        said[other].append([denied.name, "stopped", rng.choice(_MONTHS)])
        said[decides].append([denied.name, "takes"])
        truth[denied.order] = {"state": "taken", "by": [decides]}
    new = _new(one, rng, said[decides], decides)
    for each in said.values():
        rng.shuffle(each)
    drugs = [_params(each, truth[each.order]) for each in one.drugs]
    return {**one.params, "giver": giver, "drugs": drugs, "new": new, "said": said, "words": rng.randrange(1000)}


def _new(one: Person, rng: random.Random, said: list[list[Any]], decides: str) -> list[dict[str, Any]]:
    """Draws what is taken beside the list, and has it said."""
    new = [
        {"name": name, "dose": dose, "by": list(by), "high": False, "omitted": omitted}
        for name, dose, by, omitted in one.shelf
    ]
    fitting = [each for each in _SHELF if not one.knows(each[0])]
    if fitting and rng.random() < (0.5 if new else 0.8):
        name, dose, why = rng.choice(fitting)
        said.append([name, "shelf", dose, why, rng.randrange(3, 7)])
        new.append({"name": name, "dose": dose, "by": [decides], "high": False, "omitted": True})
    high = rng.random() < 0.55
    fitting_too = [each for each in _ELSEWHERE if bool(each[2]) == high and not one.knows(each[0], each[2])]
    if fitting_too and (high or not new or rng.random() < 0.5):
        name, dose, klass = rng.choice(fitting_too)
        said.append([name, "elsewhere", dose, rng.choice(_MONTHS)])
        new.append({"name": name, "dose": dose, "by": [decides], "high": bool(klass), "omitted": True})
    return new


def _truth(one: Drug) -> dict[str, Any]:
    """Returns what history alone tells of a drug."""
    if one.state == "gap":
        return {"state": "not", "by": []}
    if one.state == "dose":
        return {"state": "dose", "dose": one.taken_dose, "by": list(one.notes)}
    if one.state == "not":
        return {"state": "not", "by": list(one.notes)}
    return {"state": "taken", "by": []}


def _params(one: Drug, truth: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": one.name,
        "code": one.code,
        "order": one.order,
        "statement": one.statement,
        "stay": list(one.stay),
        "listed": one.dose,
        "unit": one.unit,
        "free": one.free,
        "omitted": one.omitted,
        "high": one.high,
        **truth,
    }


def high(params: Mapping[str, Any]) -> bool | None:
    """Returns if one of the drugs that are not ordered is to be settled within 4 hours; None if readers may differ."""
    drugs = [*params["drugs"], *params["new"]]
    open_ones = [
        each for each in drugs if each["omitted"] is not False and (each.get("free") or each.get("state") != "not")
    ]
    if any(each["high"] and each["omitted"] and not each.get("free") for each in open_ones):
        return True
    return None if any(each["high"] is not False for each in open_ones) else False
