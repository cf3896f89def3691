"""Playing rewritings: the cases they are made of, the embedded server that stores them, and the verdict on them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import gymnasium

from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.store._overlay import Write
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking.case import Case
from mab_gym.tasking.judging import Result
from mab_gym.tasking.verdict import Verdict
from tests.conftest import CANONICAL, ROOT
from tests.contract.rewritings import Person, Rewriting, Scene, rewritings
from tests.contract.rewritings.grammar import Json, filled

BEYOND = "mab_gym/MedAgentBench-Beyond-v0"
FOLDERS = {
    path.parent.name: path.parent
    for path in sorted((ROOT / "tasks").glob("**/gold.jsonl"))
    if not (path.parent / "course.py").is_file() and "casework" not in path.parts
}
"""The families without a clock that write what their prompt spells out; casework is judged by states, not by orders."""
STEP = 1 if os.environ.get("MAB_GYM_TEST_ALL") else 4
"""Of the first branch of a family all rewritings are played; of the others one in so many, each beginning elsewhere.

The branches write nearly the same orders, so they have nearly the same rewritings: what a judge takes for right that is
wrong, or the other way round, it takes so in the first. What one branch alone has wrong (a dose, a code that its
verifier does not look at) shows in some ten rewritings of it at least. ``scripts/check --full`` plays all.
"""
_ASSIGNED = ("id", "meta")
"""The elements that the server writes into every resource."""


@dataclass(frozen=True, slots=True)
class Played:
    """The outcome of a rewriting.

    Attributes:
        rewriting: The rewriting.
        verdict: The judge's; None where the server refused it, or stored what the gold writes store.
    """

    rewriting: Rewriting
    verdict: Verdict | None

    @property
    def disputed(self) -> bool:
        """True if the judge sees it otherwise."""
        wanted, verdict = self.rewriting.right, self.verdict
        if verdict is None or wanted is None:
            return False
        return not verdict.success or verdict.unsafe if wanted else verdict.success


@cache
def scenario(family: str) -> Scenario:
    """The place where a family is played."""
    beyond = FOLDERS[family].parent.name == "beyond"
    return unwrapped(gymnasium.make(BEYOND if beyond else CANONICAL)).scenario


@cache
def gold(family: str) -> Mapping[str, tuple[Case, Json]]:
    """The first case of each branch with its frozen gold record, by branch."""
    text = (FOLDERS[family] / "gold.jsonl").read_text(encoding="utf-8")
    records = {record["number"]: record for record in map(json.loads, text.splitlines())}
    found: dict[str, tuple[Case, Json]] = {}
    for case in scenario(family).tasks.catalogue[family].cases:
        found.setdefault(case.branch, (case, records[case.number]))
    return found


def writing_families() -> list[str]:
    """The families in which something is written in any case."""
    return [name for name in FOLDERS if any(record["writes"] for _, record in gold(name).values())]


def scene_of(family: str, case: Case, record: Json) -> Scene:
    """Returns the place and the time of a case, with somebody else than its patient."""
    place = scenario(family)
    session = place.backend.open()

    def found(url: str) -> list[Json]:
        answer = json.loads(session.handle(Request("GET", url)).body)
        return [entry["resource"] for entry in answer.get("entry", ())]

    def person(patient: Json, but: str) -> Person:
        name = " ".join([*patient["name"][0]["given"], patient["name"][0]["family"]])
        ids: dict[str, str] = {}
        for kind in ("Condition", "Observation", "MedicationRequest", "Procedure", "AllergyIntolerance"):
            for resource in found(f"{kind}?patient={patient['id']}&_count=5"):
                if f"{kind}/{resource['id']}" not in but:
                    ids.setdefault(kind, resource["id"])
        return Person(patient["id"], name, patient["identifier"][0], ids)

    told = json.dumps([dict(case.params), record])
    everybody = found("Patient?_count=12")
    mrn = next((_patient_of(write) for write in record["writes"]), case.params.get("mrn", everybody[0]["id"]))
    (patient,) = found(f"Patient?_id={mrn}")
    strangers = [person(each, told) for each in everybody if each["id"] != mrn and each["id"] not in told]
    other = max(strangers, key=lambda stranger: len(stranger.ids))  # the first of those with most to refer to
    return Scene(place.backend.now, person(patient, told), other)


def _patient_of(resource: Json) -> str:
    references = [spot.value for spot in filled(resource) if spot.name == "reference"]
    return str(next(each for each in references if each.startswith("Patient/"))).partition("/")[2]


def strays_for(family: str, mrn: str) -> list[Json]:
    """Returns the writes that are due in other branches and families, made out for a patient."""
    made: dict[str, Json] = {}
    for name in writing_families():
        for _, record in gold(name).values():
            for resource in record["writes"]:
                text = json.dumps(resource).replace(f"Patient/{_patient_of(resource)}", f"Patient/{mrn}")
                if "MedicationRequest/" not in text or name == family:
                    made.setdefault(text, json.loads(text))
    return list(made.values())


@cache
def of_family(family: str) -> Sequence[tuple[Case, list[Rewriting]]]:
    """The rewritings of one case of each branch; of those that write nothing where the family writes at times."""
    found = []
    for case, record in gold(family).values():
        scene = scene_of(family, case, record)
        found.append((case, rewritings(record["writes"], scene, strays_for(family, scene.patient.mrn))))
    return found


def play(family: str, case: Case, each: Rewriting, answer: list[Any], stored: str) -> Played:
    """Puts a rewriting to the server and what it stored to the judge.

    Args:
        family: The family.
        case: The case.
        each: The rewriting.
        answer: The gold answer.
        stored: What the server stores of the gold writes; see `stored_text`.
    """
    place = scenario(family)
    writes = _unserved(each.writes) if each.unserved else _served(place, each.writes)
    if writes is None or (each.right is not True and stored_text(writes) == stored):
        return Played(each, None)
    judge = place.tasks.catalogue[family]
    return Played(each, judge.verify(case, place.chart, Result(json.dumps(answer), writes)))


def played(family: str) -> Iterator[tuple[Case, Played]]:
    """The outcomes of a family's rewritings, of all or of those that `STEP` chooses."""
    for number, (case, each_of) in enumerate(of_family(family)):
        _, record = gold(family)[case.branch]
        served = _served(scenario(family), record["writes"])
        for each in each_of if not number else each_of[number % STEP :: STEP]:
            yield case, play(family, case, each, record["answer"], stored_text(served or []))


def _served(place: Scenario, writes: list[Json]) -> list[Write] | None:
    """Returns the resources that the server stores, None where it refuses one."""
    session = place.backend.open()
    for resource in writes:
        headers = {"content-type": "application/fhir+json"}
        request = Request("POST", resource["resourceType"], headers, json.dumps(resource))
        if session.handle(request).status != 201:
            return None
    return list(session.writes)


def _unserved(writes: list[Json]) -> list[Write]:
    return [Write("create", each["resourceType"], "1", each, "") for each in writes]


def stored_text(writes: list[Write]) -> str:
    """Returns a stored resource without the elements that the server adds."""
    kept = [
        {name: value for name, value in (write.resource or {}).items() if name not in _ASSIGNED} for write in writes
    ]
    return json.dumps(kept, sort_keys=True)
