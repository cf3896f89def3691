"""Compares two sets of people, charts and cases: a model trained on one must know nothing of the other.

It compares Patient ids, identifiers, people (name and date of birth), full names, phone with address, whole charts
(`mab_gym.audit._alike`) and, if both are environments, the cases' prompts and the longer texts in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from mab_gym.audit._alike import Hashes, nearly_the_same, sketches
from mab_gym.charts._elements import full_name
from mab_gym.cohort._locate import archive_path, named_spec
from mab_gym.cohort._names import folded
from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.store._archive import Archive, open_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case

EXAMPLES: Final = 3
_STREAMED: Final = 1000
"""The number of cases that are compared of an environment that draws them."""
_LEAST_WORDS: Final = 8
"""From so many words on, a text in a case should be unique; shorter ones, such as a blood pressure, need not."""


@dataclass(frozen=True, slots=True)
class Material:
    """The material of one side of the comparison.

    Attributes:
        name: The user's name for it.
        facts: The set of facts of each kind, as in "Patient ids".
        charts: Sketches of the charts by Patient id.
    """

    name: str
    facts: Mapping[str, frozenset[str]]
    charts: Mapping[str, Hashes]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The overlap of two sides in one kind of facts.

    Attributes:
        what: The kind of facts.
        first: The number of facts on the first side.
        second: The number of facts on the second side.
        shared: The number of facts on both sides.
        examples: Some of the shared facts.
    """

    what: str
    first: int
    second: int
    shared: int
    examples: Sequence[str] = field(default=())


def material(
    name: str, archive: Archive, cases: Iterable[tuple[Family, Case]] | None = None, now: str = ""
) -> Material:
    """Reads the material of one side.

    Args:
        name: Its name.
        archive: Its records.
        cases: Its cases with their families; None for a cohort without cases.
        now: The clock for prompts.
    """
    facts: dict[str, set[str]] = {}
    if (patients := archive.tables.get("Patient")) is not None:
        people = BaseTable(patients)
        for row in range(len(people)):
            for what, found in _facts_of(people.resource(row)):
                facts.setdefault(what, set()).add(found)
    if cases is not None:
        facts |= {"case prompts": set(), "texts in cases": set()}
        for family, case in cases:
            facts["case prompts"].add(_plain(" ".join(family.prompt(case, now))))
            texts = (value for value in case.params.values() if isinstance(value, str))
            facts["texts in cases"].update(_plain(text) for text in texts if len(text.split()) >= _LEAST_WORDS)
    frozen = {what: frozenset(found) for what, found in facts.items()}
    return Material(name, frozen, sketches(archive.tables.get("Observation")))


def environment_material(name: str, scenario: Scenario) -> Material:
    """Reads the material of an environment: its archive, and its cases or the first of an endless stream.

    Args:
        name: The name of this side.
        scenario: The environment's scenario.
    """
    environment, tasks = scenario.environment, scenario.tasks
    path = environment.archive or archive_path(named_spec(environment.cohort))
    cases = tasks.cases or islice(tasks.stream(), _STREAMED)
    paired = [(tasks.catalogue[case.family], case) for case in cases]
    return material(name, open_archive(path), paired, scenario.backend.now.isoformat())


def compare(first: Material, second: Material) -> list[Overlap]:
    """Returns the overlap in each kind of facts, and in charts."""
    lines = []
    for what in dict.fromkeys((*first.facts, *second.facts)):
        if what in ("case prompts", "texts in cases") and (what not in first.facts or what not in second.facts):
            continue
        ours, theirs = first.facts.get(what, frozenset()), second.facts.get(what, frozenset())
        shared = sorted(ours & theirs)
        lines.append(Overlap(what, len(ours), len(theirs), len(shared), shared[:EXAMPLES]))
    alike = list(nearly_the_same(first.charts, second.charts))
    examples = [f"{pair.first} and {pair.second}: {pair.share:.0%}" for pair in alike[:EXAMPLES]]
    lines.append(Overlap("charts nearly the same", len(first.charts), len(second.charts), len(alike), examples))
    return lines


def _facts_of(patient: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the facts that identify a person, each with its kind."""
    yield "Patient ids", str(patient["id"])
    for identifier in _listed(patient.get("identifier")):
        if identifier.get("value"):
            yield "identifiers", f"{identifier.get('system', '')}|{identifier['value']}"
    born = str(patient.get("birthDate", ""))
    for name in _listed(patient.get("name")):
        full = folded(full_name([name])).strip()
        if full:
            yield "full names", full
        if full and born:
            yield "people (name and date of birth)", f"{full} {born}"
    phones = [str(each.get("value", "")) for each in _listed(patient.get("telecom")) if each.get("value")]
    places = [
        " ".join((*(str(line) for line in each["line"] if line), str(each.get("postalCode", ""))))
        for each in _listed(patient.get("address"))
        if each.get("line")
    ]
    if phones and places:
        yield "phone and address", folded(f"{phones[0]}, {places[0]}")


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _plain(text: str) -> str:
    """Returns a text without case, punctuation and extra spaces."""
    return " ".join(re.findall(r"[^\W_]+", folded(text)))
