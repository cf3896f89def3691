"""Orders of tests, with their reasons and the times of their results: rows of ``tables/orders.csv``.

What is measured depends on why somebody came, on what they have, what they take and on the day of their stay; so
results are not a fair sample of levels, as in real records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from mab_gym.cohort.hospital._catalogue_results import PANELS
from mab_gym.cohort.hospital._history import NOW, History, Panel, Visit
from mab_gym.cohort.hospital._zone import offset_at
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import Crew, age_at
from mab_gym.cohort.hospital.care._effects import DAY, FOREVER
from mab_gym.cohort.hospital.care._rules import Order, read_rules, rules_of_problems

HOUR: Final = 3600
_EPOCH: Final = date(1970, 1, 1)
_INCLUDES: Final = {
    "comprehensive_metabolic": ("basic_metabolic", "hepatic", "potassium", "glucose"),
    "basic_metabolic": ("potassium", "glucose"),
    "blood_count_differential": ("blood_count", "haemoglobin"), "blood_count": ("haemoglobin",),
}  # fmt: skip
"""Panels that make others needless when they are drawn together."""
_CLOTTING: Final = frozenset({
    "deep_vein_thrombosis", "pulmonary_embolism", "infarction", "st_infarction", "fibrillation_rapid",
    "mechanical_valve",
})  # fmt: skip
"""Problems for which heparin may be begun, so that a baseline is drawn."""
_SETTINGS: Final = ("clinic", "emergency", "admission", "daily", "serial")
_CANCELLED: Final = 0.008
"""Share of orders of a stay that are cancelled before the blood is drawn; our estimate."""
BNP_UNTIL: Final = date(2018, 1, 1)
"""From then on the hospital's clinics order NT-proBNP; our choice."""


RULES: Final = read_rules("orders.csv")
"""Rows by setting and by what they are about."""


@dataclass(slots=True)
class Draw:
    """A specimen.

    Attributes:
        moment: When it was taken.
        issued: When its results are there.
        panel: Place in `Schedule.panels`.
        haemolysed: True if its red cells broke.
    """

    moment: int
    issued: int
    panel: int
    haemolysed: bool = False


@dataclass(slots=True)
class Schedule:
    """All tests of one person, in the order in which they were asked for."""

    panels: list[Panel] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)


class Ordering:
    """Goes through one person's visits and orders tests."""

    def __init__(self, history: History, crew: Crew, luck: Luck) -> None:
        """Prepares.

        Args:
            history: The person, with visits by time.
            crew: Who can order.
            luck: Draws of this part alone.
        """
        self._history, self._crew, self._luck = history, crew, luck
        self.schedule = Schedule()
        self._last: dict[str, int] = {}
        person = history.person
        self._sex = "F" if person.female else "M"
        self._problems = rules_of_problems(RULES, history, _SETTINGS)
        self._drugs = {
            setting: [
                (drug, rules)
                for drug in history.prescriptions
                for rules in [RULES.get((setting, f"drug {drug.drug}"))]
                if rules
            ]
            for setting in _SETTINGS
        }
        self._until = NOW if person.died is None else min(person.died, NOW)

    def run(self) -> Schedule:
        """Returns all tests."""
        for number, visit in enumerate(self._history.visits):
            if visit.kind == "ambulatory":
                self._clinic(number, visit)
            elif visit.kind == "emergency":
                self._emergency(number, visit)
            elif visit.kind == "inpatient":
                self._stay(number, visit)
        return self.schedule

    def add(
        self, panel: str, number: int, drawn: int, urgent: bool, ahead: int = 25 * 60, sure: bool = False
    ) -> int | None:
        """Orders a panel, and returns its place; None if it did not exist yet.

        Args:
            panel: Key of the panel.
            number: Place of the visit.
            drawn: When the specimen is to be taken.
            urgent: True for the quick turnaround.
            ahead: Seconds between order and specimen.
            sure: True if it is not cancelled.
        """
        visit = self._history.visits[number]
        day = _EPOCH + timedelta(days=drawn // DAY)
        if panel == "troponin" and not PANELS[panel].exists(day):
            panel = "troponin_conventional"
        elif panel == "nt_probnp" and day < BNP_UNTIL:
            panel = "bnp"
        kind = PANELS[panel]
        if not kind.exists(day):
            return None
        draw, cancel, pick = self._luck.some(3)
        stay = visit.kind != "ambulatory"
        if urgent:
            minutes = kind.urgent_minutes * (0.75 + 0.7 * draw)
        elif stay:
            minutes = kind.minutes * (0.42 + 0.25 * draw)
        else:
            minutes = kind.minutes * (0.8 + 1.2 * draw)
        issued = drawn + int(60 * minutes)
        priority = ("stat" if visit.kind == "emergency" else "urgent") if urgent else "routine"
        order = max(visit.start + 60, drawn - ahead)
        orderer = self._crew.orderer(visit, int(pick * 1000))
        place = len(self.schedule.panels)
        if stay and not sure and cancel < _CANCELLED:
            self.schedule.panels.append(Panel(panel, order, None, None, number, orderer, priority, cancelled=True))
            return place
        late = issued >= self._until
        dead = late and self._until < NOW
        done = None if late else issued
        self.schedule.panels.append(Panel(panel, order, drawn, done, number, orderer, priority, cancelled=dead))
        self._last[panel] = drawn
        for other in _INCLUDES.get(panel, ()):
            self._last[other] = drawn
        if not late:
            self.schedule.draws.append(Draw(drawn, issued, place))
        return place

    def _fits(self, rule: Order, age: int) -> bool:
        return rule.least <= age <= rule.most and rule.sex in ("", self._sex)

    def _due(self, setting: str, visit: Visit, until: int) -> Iterator[tuple[Order, int, float]]:
        """Yields the rules that hold: since when in this visit, and with which factor of their chance."""
        for about in ("any ", f"reason {visit.reason}"):
            for rule in RULES.get((setting, about), ()):
                yield rule, visit.start, 1.0
        seen: set[str] = set()
        for place, problem, known, service, rules in self._problems[setting]:
            there = problem.abated is None or problem.abated > visit.start or place in visit.problems
            if known <= until and there and problem.key not in seen:
                seen.add(problem.key)
                broad = visit.service in ("primary", "medicine", service) or visit.kind != "ambulatory"
                for rule in rules:
                    yield rule, max(visit.start, problem.onset), 1.0 if broad else 0.3
        for drug, rules in self._drugs[setting]:
            taken = drug.start <= until and (drug.end or FOREVER) > visit.start
            if taken and (drug.inpatient == (visit.kind == "inpatient") or drug.drug == "warfarin"):
                for rule in rules:
                    yield rule, max(visit.start, drug.start), 1.0

    def _chosen(self, setting: str, visit: Visit, moment: int, until: int, fade: float = 1.0) -> dict[str, None]:
        """Returns the panels that are due and ordered, without those that others of them include."""
        age = age_at(self._history.person, visit.start)
        found: dict[str, None] = {}
        for rule, _, factor in self._due(setting, visit, until):
            if not self._fits(rule, age) or self._luck.one() >= rule.chance * factor * fade:
                continue
            for panel in rule.panels:
                if panel not in found and moment - self._last.get(panel, 0) >= rule.every * DAY:
                    found[panel] = None
        for panel in list(found):
            for other in _INCLUDES.get(panel, ()):
                found.pop(other, None)
        return found

    def _clinic(self, number: int, visit: Visit) -> None:
        end = min(visit.end or NOW, self._until)
        drawn = visit.start + int((end - visit.start) * 0.75)
        for panel in self._chosen("clinic", visit, drawn, visit.start + HOUR):
            place = self.add(panel, number, drawn, urgent=False, ahead=int((end - visit.start) * 0.3))
            self._perhaps_haemolysed(panel, number, place, end)

    def _emergency(self, number: int, visit: Visit) -> None:
        end = min(visit.end or NOW, self._until)
        drawn = visit.start + int(60 * (18 + 30 * self._luck.one()))
        if drawn < end:
            for panel in self._chosen("emergency", visit, drawn, end):
                place = self.add(panel, number, drawn, urgent=True, ahead=12 * 60)
                self._perhaps_haemolysed(panel, number, place, end)
        self._serial(number, visit, end, ("reason",))

    def _stay(self, number: int, visit: Visit) -> None:
        end = min(visit.end or NOW, self._until)
        current = visit.end is None
        before = visit.came_from is not None and visit.start - self._history.visits[visit.came_from].start < DAY
        first = visit.start + int(60 * (35 + 60 * self._luck.one()))
        if first < end:
            chosen = self._chosen("admission", visit, first, end)
            if before:
                for panel in list(chosen):
                    if first - self._last.get(panel, 0) < 8 * HOUR:
                        del chosen[panel]
            else:
                chosen.update(self._chosen("emergency", visit, first, end))
            for panel in chosen:
                self.add(panel, number, first, urgent=not before)
        self._serial(number, visit, end, ("condition", "drug") if before else ("reason", "condition", "drug"))
        self._mornings(number, visit, end, current)
        if current and end == NOW and self._luck.one() < 0.5:
            self._asked_now(number, visit)

    def _mornings(self, number: int, visit: Visit, end: int, current: bool) -> None:
        day = (visit.start + offset_at(visit.start)) // DAY * DAY + DAY
        count = 0
        while True:
            count += 1
            drawn = day - offset_at(day) + int(HOUR * (5.5 + 0.8 * self._luck.one()))
            if drawn >= end:
                return
            day += DAY
            if drawn - visit.start < 4 * HOUR:
                continue
            chosen = self._chosen("daily", visit, drawn, drawn, 1.0 if count < 6 else 0.7)
            today = current and NOW - drawn < DAY // 2
            if today:
                chosen = {"basic_metabolic": None, "blood_count": None, "magnesium": None, **chosen}
                if any(self._history.problems[place].key in _CLOTTING for place in visit.problems):
                    chosen["aptt"] = chosen["coagulation"] = None
                if "comprehensive_metabolic" in chosen:
                    del chosen["basic_metabolic"]
            for panel in chosen:
                place = self.add(panel, number, drawn, urgent=False, ahead=9 * HOUR, sure=today)
                self._perhaps_haemolysed(panel, number, place, end)

    def _serial(self, number: int, visit: Visit, end: int, abouts: tuple[str, ...]) -> None:
        age = age_at(self._history.person, visit.start)
        for rule, since, factor in list(self._due("serial", visit, end)):
            if rule.about not in abouts or not self._fits(rule, age) or self._luck.one() >= rule.chance * factor:
                continue
            for hours in rule.hours:
                drawn = since + int(HOUR * hours + 60 * (8 + 20 * self._luck.one()))
                if drawn >= end:
                    break
                for panel in rule.panels:
                    self.add(panel, number, drawn, urgent=True)

    def _perhaps_haemolysed(self, panel: str, number: int, place: int | None, end: int) -> None:
        """Breaks the red cells of some specimens, and has potassium drawn again.

        About two per cent of specimens, more in emergency departments, fewer in clinics: Lippi et al., Clin Chem Lab
        Med 2008;46:764 (3 % of all), Heyer et al., Clin Biochem 2012;45:1012.
        """
        chance = {"emergency": 0.05, "inpatient": 0.025}.get(self._history.visits[number].kind, 0.012)
        if place is None or "potassium" not in PANELS[panel].analytes:
            return
        hit, wait = self._luck.some(2)
        draw = self.schedule.draws[-1] if self.schedule.draws else None
        if hit >= chance or draw is None or draw.panel != place:
            return
        draw.haemolysed = True
        again = draw.issued + int(60 * (15 + 60 * wait))
        if again < end:
            self.add("potassium", number, again, urgent=True)

    def _asked_now(self, number: int, visit: Visit) -> None:
        """Orders something within the last hour that nobody has drawn yet."""
        panels = ("magnesium", "hepatic", "phosphate", "thyroid", "coagulation", "urinalysis", "vitamin_d", "b12")
        pick, ago = self._luck.some(2)
        ordered = NOW - int(60 * (4 + 50 * ago))
        if ordered > visit.start:
            orderer = self._crew.orderer(visit, int(pick * 997))
            panel = panels[int(pick * len(panels))]
            self.schedule.panels.append(Panel(panel, ordered, None, None, number, orderer))
