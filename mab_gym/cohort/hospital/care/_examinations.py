"""Examinations, with their times and performers: rows of ``tables/examinations.csv``, and what operations lead to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mab_gym.cohort.hospital._catalogue_results import STUDIES
from mab_gym.cohort.hospital._history import NOW, History, Visit
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import Crew, age_at
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER
from mab_gym.cohort.hospital.care._orders import HOUR
from mab_gym.cohort.hospital.care._rules import Order, read_rules, rules_of_problems

_EPOCH: Final = date(1970, 1, 1)
_SCREENED_FROM, _SCREENED_UNTIL = date(2020, 6, 1), date(2023, 5, 12)
"""Between these days everybody who was admitted was tested for COVID-19: our choice, until the end of the US public
health emergency."""
_FROM_OPERATIONS: Final = {
    "mammography": "mammography", "bone_density": "bone_density", "lung_screening": "lung_screening",
    "cervical_smear": "cytology", "angiography": "angiography", "prostate_biopsy": "pathology",
    "lumpectomy": "pathology", "lung_biopsy": "pathology", "colectomy": "pathology", "cholecystectomy": "pathology",
    "appendectomy": "pathology", "gastroscopy": "pathology", "colonoscopy": "pathology", "hysterectomy": "pathology",
    "kidney_biopsy": "pathology", "prostate_resection": "pathology",
}  # fmt: skip
"""The examination that an operation is or leads to."""


RULES: Final = read_rules("examinations.csv")
"""Rows by setting and by what they are about."""


@dataclass(slots=True)
class Examined:
    """An examination that was done or asked for.

    Attributes:
        study: Key of ``studies.csv``.
        visit: Place of the visit.
        ordered: When it was asked for.
        moment: When it was done.
        priority: True if with the quick turnaround.
        orderer: Who asked.
        performer: Who reports.
        operation: Place of the operation that it is of; None if none.
        why: Key of the condition for which it was asked; empty if for another reason.
    """

    study: str
    visit: int
    ordered: int
    moment: int
    priority: bool
    orderer: int
    performer: int
    operation: int | None = None
    why: str = ""


class Examining:
    """Goes through one person's visits and asks for examinations."""

    def __init__(self, history: History, crew: Crew, luck: Luck) -> None:
        """Prepares.

        Args:
            history: The person, with visits by time.
            crew: Who asks and who reports.
            luck: Draws of this part alone.
        """
        self._history, self._crew, self._luck = history, crew, luck
        self._last: dict[str, int] = {}
        died = history.person.died
        self._until = NOW if died is None else min(died, NOW)
        self.done: list[Examined] = []
        self._problems = rules_of_problems(RULES, history, ("clinic", "emergency", "stay"))
        self._amiodarone = [drug for drug in history.prescriptions if drug.drug == "amiodarone"]

    def run(self) -> list[Examined]:
        """Returns all examinations by time."""
        for number, visit in enumerate(self._history.visits):
            end = min(visit.end or NOW, self._until)
            if visit.kind == "ambulatory":
                self._clinic(number, visit, end)
            elif visit.kind == "emergency":
                self._emergency(number, visit, end)
            elif visit.kind == "inpatient":
                self._stay(number, visit, end)
        for place, operation in enumerate(self._history.operations):
            study = _FROM_OPERATIONS.get(operation.key)
            if study is None or operation.visit is None or operation.end >= self._until:
                continue
            if study == "pathology" and not _leaves_tissue(operation.key, operation.finding):
                continue
            self._add(study, operation.visit, operation.start, operation.start, False, place)
        self.done.sort(key=lambda one: (one.moment, one.study))
        return self.done

    def _add(
        self, study: str, number: int, ordered: int, moment: int, priority: bool,
        operation: int | None = None, why: str = "",
    ) -> None:  # fmt: skip
        kind = STUDIES[study]
        visit = self._history.visits[number]
        if kind.since and _EPOCH + timedelta(days=moment // DAY) < date.fromisoformat(kind.since):
            return
        pick = int(1000 * self._luck.one())
        performer = self._crew.one(kind.service, "physician", pick, visit.practitioner)
        ordered = max(visit.start, ordered)
        self._last[study] = moment
        self.done.append(
            Examined(
                study, number, ordered, moment, priority, self._crew.orderer(visit, pick), performer, operation, why
            )
        )

    def _chosen(self, setting: str, visit: Visit, moment: int, until: int) -> dict[str, tuple[int, str]]:
        """Returns what is asked for, each with the moment since when there is reason, and the condition."""
        person = self._history.person
        age, sex = age_at(person, visit.start), "F" if person.female else "M"
        held: list[tuple[Order, int, float]] = []
        for about in ("any ", f"reason {visit.reason}"):
            held += [(rule, visit.start, 1.0) for rule in RULES.get((setting, about), ())]
        for place, problem, known, service, rules in self._problems[setting]:
            mine = place in visit.problems
            if (
                known <= until
                and problem.onset <= until
                and (mine or problem.abated is None or problem.abated > visit.start)
            ):
                factor = 1.0 if mine or visit.kind != "ambulatory" or visit.service in ("primary", service) else 0.25
                held += [(rule, max(visit.start, problem.onset), factor) for rule in rules]
        if any(one.start <= moment < (one.end or FOREVER) for one in self._amiodarone):
            held += [(rule, visit.start, 1.0) for rule in RULES.get((setting, "drug amiodarone"), ())]
        found: dict[str, tuple[int, str]] = {}
        for rule, since, factor in held:
            if not rule.least <= age <= rule.most or rule.sex not in ("", sex):
                continue
            if self._luck.one() >= rule.chance * factor:
                continue
            for study in rule.panels:
                last = self._last.get(study)
                if study in found or (last is not None and moment - last < rule.every * DAY):
                    continue
                if rule.about == "any" and study == "covid_test":
                    day = _EPOCH + timedelta(days=moment // DAY)
                    if not _SCREENED_FROM <= day < _SCREENED_UNTIL:
                        continue
                found[study] = since, rule.key if rule.about == "condition" else ""
        return found

    def _clinic(self, number: int, visit: Visit, end: int) -> None:
        length = end - visit.start
        moment = visit.start + int(0.85 * length)
        for study, (_, why) in self._chosen("clinic", visit, moment, visit.start).items():
            self._add(study, number, visit.start + length // 2, moment, False, why=why)

    def _emergency(self, number: int, visit: Visit, end: int) -> None:
        for study in self._chosen("emergency", visit, visit.start, end):
            drawn = self._luck.one()
            quick = study in ("ecg", "strep_test", "covid_test", "influenza_test", "blood_culture", "type_screen")
            wait = (6 + 14 * drawn) if study == "ecg" else (20 + 30 * drawn) if quick else (35 + 90 * drawn)
            moment = visit.start + int(60 * wait)
            if moment < end - 300:
                self._add(study, number, moment - int(60 * (4 + wait * 0.5)), moment, True)

    def _stay(self, number: int, visit: Visit, end: int) -> None:
        chosen = self._chosen("stay", visit, visit.start, end)
        if visit.came_from is None:
            chosen.update(self._chosen("emergency", visit, visit.start, end))
        for study, (since, why) in chosen.items():
            drawn = self._luck.one()
            quick = STUDIES[study].category in ("MB", "BLB", "EC")
            moment = since + int(HOUR * (0.7 + 3 * drawn)) if quick else since + int(HOUR * (2 + 20 * drawn**1.5))
            last = self._last.get(study)
            if moment < end - 900 and not (last is not None and moment - last < 4 * HOUR):
                self._add(study, number, moment - HOUR, moment, quick, why=why)


def _leaves_tissue(key: str, finding: str) -> bool:
    """Tells if something went to pathology."""
    if key == "colonoscopy":
        return "removed" in finding
    if key == "gastroscopy":
        return "biopsies" in finding
    return True
