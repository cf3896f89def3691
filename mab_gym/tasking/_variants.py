"""Variants of a case: other words, another name for the patient, other values, distractions.

A variant changes the prompt's words or the chart, never the task. The verifier reads the changed chart, so the right
answer changes with it. To learn which results a verifier reads, a variant runs it on a chart that notes them.

=============  ========================================================================================================
reworded       the question in other words, by template
us_dates       dates in the prompt as 11/13/2023
by_name        the patient by name and date of birth in place of the MRN
perturbed      other values of the results that the task depends on, another date of birth if it asks for the age
distractors    a newer result that was entered in error, another person of the same name, results of other kinds
lookup         no codes in the prompt: the agent looks them up among the hospital's own definitions
=============  ========================================================================================================
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from mab_gym._content import bundled_folder
from mab_gym.errors import UsageError
from mab_gym.tasking._definitions import CATALOGUE
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart, Reading
from mab_gym.tasking.judging import Result

_T = TypeVar("_T")
Resource = Mapping[str, Any]
Words = tuple[str, str]
"""A prompt's context and question."""

_PERTURBED = 12
"""The number of newest results of a kind that get other values."""
# Quotations and dates look the same in any prompt, so these patterns are no part of the content.
_QUOTED = re.compile(r'("[^"]*")')
_MOMENT = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?")
_DAY = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")


@dataclass(frozen=True, slots=True)
class Staging:
    """A case as it is to be played.

    Attributes:
        words: Context and question.
        resources: Resources laid over the snapshot.
        variants: The names of the variants that changed anything.
        arrivals: Resources that came in with the case; the chart of verifiers does not hold them.
    """

    words: Words
    resources: tuple[Resource, ...] = ()
    variants: tuple[str, ...] = ()
    arrivals: tuple[Resource, ...] = ()


def read_variants(asked: object) -> tuple[str, ...]:
    """Reads the names in ``options["variant"]``: one, several joined by ``+``, or a list of them.

    Raises:
        UsageError: There is no such variant.
    """
    if asked is None:
        return ()
    names = asked.split("+") if isinstance(asked, str) else list(asked) if isinstance(asked, list | tuple) else [asked]
    for name in names:
        if not isinstance(name, str) or name not in VARIANTS:
            raise UsageError(f"there is no variant {name!r}; there are: {', '.join(VARIANTS)}")
    return tuple(name for name in VARIANTS if name in names)


def stage(
    family: Family, case: Case, chart: Chart, now: str, variants: Sequence[str], seed: int, knowledge: str = "handbook"
) -> Staging:
    """Applies variants to a case.

    Args:
        family: The case's family.
        case: The case.
        chart: The snapshot.
        now: The record system's clock, as the prompt writes it.
        variants: From `read_variants`.
        seed: Equal seeds stage a case equally.
        knowledge: The place of the protocol, one of `mab_gym.tasking._family.KNOWLEDGE`.
    """
    arrivals = () if family.arrive is None else tuple(family.arrive(case, chart))
    staging = Staging(family.prompt(case, now, knowledge=knowledge), arrivals=arrivals)
    for name in variants:
        # Each variant has its own random generator, so that it is the same alone and combined with others.
        rng = random.Random(f"{seed}/{case.id}/{name}")
        changed = VARIANTS[name](_Setting(family, case, chart, now, rng, knowledge), staging)
        if (changed.words, changed.resources) != (staging.words, staging.resources):
            staging = replace(changed, variants=(*staging.variants, name))
    return staging


def idle_variants(family: Family, chart: Chart, now: str) -> list[str]:
    """Returns the variants that change nothing in a family, as seen in the first case of each of its branches."""
    first = {case.branch: case for case in reversed(family.cases)}.values()
    return [name for name in VARIANTS if not any(stage(family, case, chart, now, [name], 0).variants for case in first)]


@dataclass(frozen=True, slots=True)
class _Setting:
    """The case, chart and random generator that a variant works with."""

    family: Family
    case: Case
    chart: Chart
    now: str
    rng: random.Random
    knowledge: str

    def seen(self) -> _Witness:
        """Runs the verifier on a chart that notes what it reads, and returns that chart."""
        witness = _Witness(self.chart)
        self.family.verify(self.case, witness, Result("", ()))
        return witness


class _Witness(Chart):
    """A chart that notes the results and people it was asked for."""

    def __init__(self, chart: Chart) -> None:
        self.now = chart.now
        self.base_url = chart.base_url
        self._chart = chart
        self.results: dict[tuple[str, str], None] = {}
        self.people: dict[str, None] = {}

    def remember(self, key: Any, compute: Callable[[], _T]) -> _T:
        # Always computed, so that its reads are noted.
        return compute()

    def search(self, resource_type: str, **parameters: str) -> Iterator[dict[str, Any]]:
        return self._chart.search(resource_type, **parameters)

    def patients(self) -> Mapping[str, Mapping[str, Any]]:
        return self._chart.patients()

    def patient(self, mrn: str) -> Mapping[str, Any] | None:
        self.people[mrn] = None
        return self._chart.patient(mrn)

    def latest(self, mrn: str, code: str, *, before: datetime | None = None) -> Reading | None:
        self.results[mrn, code] = None
        return self._chart.latest(mrn, code, before=before)

    def readings(self, mrn: str, code: str, since: datetime) -> tuple[Reading, ...]:
        self.results[mrn, code] = None
        return self._chart.readings(mrn, code, since)


# --- words -----------------------------------------------------------------------------------------------------------


def _outside_quotes(text: str, change: Callable[[str], str]) -> str:
    """Changes a text, except for what it quotes."""
    parts = _QUOTED.split(text)
    return "".join(part if place % 2 else change(part) for place, part in enumerate(parts))


@cache
def _rewordings() -> dict[str, Any]:
    """Reads the frames and phrases of the variant ``reworded``, which belong to the content."""
    return tomllib.loads((bundled_folder("tasks") / "rewordings.toml").read_text(encoding="utf-8"))


def _reworded(setting: _Setting, staging: Staging) -> Staging:
    def other(text: str) -> str:
        for phrase in _rewordings()["phrases"]:
            text = re.sub(phrase["pattern"], setting.rng.choice(phrase["words"]), text)
        return text

    context, question = staging.words
    question = setting.rng.choice(_rewordings()["frames"]).format(_outside_quotes(question, other))
    return replace(staging, words=(context, question))


def _us_dates(setting: _Setting, staging: Staging) -> Staging:
    def american(text: str) -> str:
        text = _MOMENT.sub(lambda m: f"{m[2]}/{m[3]}/{m[1]} {m[4]} {m[5] or ''}".rstrip(), text)
        return _DAY.sub(r"\2/\3/\1", text)

    context, question = staging.words
    return replace(staging, words=(_outside_quotes(context, american), _outside_quotes(question, american)))


def _by_name(setting: _Setting, staging: Staging) -> Staging:
    patient = setting.chart.patient(str(setting.case.params.get("mrn", "")))
    if not setting.family.names_patient or patient is None or not patient.get("name") or "birthDate" not in patient:
        return staging
    same = [p for p in setting.chart.patients().values() if _known_as(p) == _known_as(patient)]
    if len(same) > 1:
        return staging
    name, birth_date = _known_as(patient)
    whom = f"the patient {name}, born on {birth_date}"
    _, question = setting.family.prompt(setting.case, setting.now, whom, setting.knowledge)
    context = f"{staging.words[0]} A patient's MRN is the id of the Patient resource."
    return replace(staging, words=(context, question))


def _known_as(patient: Resource) -> tuple[str, str]:
    name = (patient.get("name") or [{}])[0]
    return f"{' '.join(name.get('given', [''])[:1])} {name.get('family', '')}", str(patient.get("birthDate", ""))


def _lookup(setting: _Setting, staging: Staging) -> Staging:
    context = setting.family.without_codes
    if not context:
        return staging
    words = (context.format_map({"now": setting.now, **setting.case.params}), staging.words[1])
    return replace(staging, words=words, resources=(*staging.resources, *CATALOGUE))


# --- charts ----------------------------------------------------------------------------------------------------------


def _newest(chart: Chart, mrn: str, code: str, count: int) -> list[dict[str, Any]]:
    found = chart.search("Observation", patient=mrn, code=code, _sort="-date", _count=str(count))
    return [resource for resource, _ in zip(found, range(count), strict=False)]


def _perturbed(setting: _Setting, staging: Staging) -> Staging:
    seen, rng = setting.seen(), setting.rng
    changed: list[Resource] = []
    for mrn, code in seen.results:
        for result in _newest(setting.chart, mrn, code, _PERTURBED):
            quantity = result.get("valueQuantity", {})
            if isinstance(quantity.get("value"), int | float):
                changed.append({**result, "valueQuantity": {**quantity, "value": _near(quantity["value"], rng)}})
    for mrn in seen.people:
        patient = setting.chart.patient(mrn)
        if patient is not None and "birthDate" in patient:
            days = rng.choice((-1, 1)) * rng.randrange(1, 700)
            moved = date.fromisoformat(patient["birthDate"]) + timedelta(days=days)
            changed.append({**patient, "birthDate": min(moved, setting.chart.now.date()).isoformat()})
    return replace(staging, resources=_over(staging.resources, changed))


def _near(value: float, rng: random.Random) -> float:
    """Returns a value up to 25 % higher or lower, with as many decimals."""
    text = str(value)
    decimals = len(text.partition(".")[2])
    other = round(value * rng.uniform(0.75, 1.25), decimals)
    return int(other) if isinstance(value, int) else max(other, 10.0**-decimals)


def _distractors(setting: _Setting, staging: Staging) -> Staging:
    chart, rng = setting.chart, setting.rng
    added: list[Resource] = []
    for mrn, code in setting.seen().results:
        patient, newest = chart.patient(mrn), _newest(chart, mrn, code, 1)
        if patient is None or not newest:
            continue
        latest = newest[0]
        value = latest.get("valueQuantity", {}).get("value", 1)
        wrong = _copied(latest, chart.now - timedelta(minutes=rng.randrange(1, 9)), value * rng.choice((0.3, 3)))
        added.append({**wrong, "status": "entered-in-error"})
        stranger = _stranger(chart, patient, rng)
        theirs = _copied(latest, chart.now - timedelta(minutes=rng.randrange(10, 99)), value * rng.uniform(0.6, 1.6))
        subject = {"reference": f"Patient/{stranger['id']}", "identifier": {"value": stranger["id"]}}
        added += [stranger, {**theirs, "subject": subject}]
        for other in rng.sample([name for name in ("NA", "CREA", "HGB", "WBC") if name != code], 2):
            for result in _newest(chart, mrn, other, 1):
                amount = result.get("valueQuantity", {}).get("value", 1)
                added.append(_copied(result, chart.now - timedelta(minutes=rng.randrange(1, 60)), amount))
    return replace(staging, resources=(*staging.resources, *added))


def _copied(result: Resource, moment: datetime, value: float) -> dict[str, Any]:
    """Returns a copy of a result with another time and value."""
    rest = {name: item for name, item in result.items() if name not in ("id", "meta")}
    quantity = {**result.get("valueQuantity", {}), "value": round(value, 1)}
    rest.update((name, moment.isoformat()) for name in ("effectiveDateTime", "issued") if name in rest)
    return {**rest, "valueQuantity": quantity}


def _stranger(chart: Chart, patient: Resource, rng: random.Random) -> dict[str, Any]:
    """Returns another patient of the same name, born some years earlier."""
    mrn = next(
        name for name in (f"S{rng.randrange(10**6, 10**7)}" for _ in range(10**6)) if chart.patient(name) is None
    )
    born = date.fromisoformat(str(patient["birthDate"]))
    moved = born.replace(year=max(1910, born.year - rng.randrange(1, 9)), day=min(born.day, 28))
    identifiers = [{**identifier, "value": mrn} for identifier in patient.get("identifier", ())]
    rest = {name: item for name, item in patient.items() if name != "meta"}
    return {**rest, "id": mrn, "identifier": identifiers, "birthDate": moved.isoformat()}


def _over(resources: Sequence[Resource], changed: Iterable[Resource]) -> tuple[Resource, ...]:
    """Adds resources to others, replacing those of the same type and id."""
    merged = {(r["resourceType"], r.get("id", place)): r for place, r in enumerate(resources)}
    merged.update({(r["resourceType"], r["id"]): r for r in changed})
    return tuple(merged.values())


VARIANTS: Mapping[str, Callable[[_Setting, Staging], Staging]] = {
    "lookup": _lookup,
    "perturbed": _perturbed,
    "distractors": _distractors,
    "by_name": _by_name,
    "reworded": _reworded,
    "us_dates": _us_dates,
}
"""The variants by name, in the order in which they are applied."""
