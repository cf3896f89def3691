"""Reports of examinations: texts that fit who was examined, why, and what they have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mab_gym.cohort._data import read_table
from mab_gym.cohort.hospital._catalogue import CONDITIONS, REASONS
from mab_gym.cohort.hospital._catalogue_results import NUMBERS, STUDIES, TABLES
from mab_gym.cohort.hospital._history import NOW, History, Problem, Report
from mab_gym.cohort.hospital.care._chance import Luck
from mab_gym.cohort.hospital.care._crew import age_at
from mab_gym.cohort.hospital.care._cultures import Laboratory
from mab_gym.cohort.hospital.care._effects import DAY
from mab_gym.cohort.hospital.care._examinations import Examined

_CHOICE: Final = re.compile(r"\[([^\[\]]*)\]")
_SLOT: Final = re.compile(r"\{(\w+)\}")
_SLOTS: Final = {
    "side": ("left", "right"),
    "lobe": ("right lower lobe", "left lower lobe", "right upper lobe", "left upper lobe", "right middle lobe",
             "lingula"),
    "mm": ("3", "4", "5", "6", "7", "8", "9"),
    "mm12": ("10", "11", "12", "13", "15", "17", "19"),
    "cm": ("2.1", "2.6", "3.2", "3.4", "3.9", "4.3"),
    "cm2": ("2.4", "2.8", "3.0", "3.7"),
    "level": ("T8", "T11", "T12", "L1", "L2"),
    "vessel": ("left middle cerebral artery", "right middle cerebral artery", "left posterior cerebral artery",
               "right posterior cerebral artery"),
    "grade": ("1", "2", "3"),
    "wall": ("inferior", "anterior"), "leads": ("II, III and aVF", "V2 to V5"),
    "digit": ("1", "2", "3", "4", "6", "7", "8"),
}  # fmt: skip
_FIXED: Final = frozenset({"side", "lobe", "vessel", "level", "grade", "wall", "leads"})
"""Slots that a problem fills alike in all reports."""
_LAGGING: Final = 8 * DAY
"""The time after the end of an illness in which examinations still show it."""
_TISSUE: Final = {
    "prostate_biopsy": "Prostate, 12 cores: {finding}",
    "lumpectomy": "Breast, lumpectomy: {finding} Estrogen receptor positive, HER2 negative.",
    "lung_biopsy": "Lung, core biopsy: {finding}",
    "colectomy": "Colon, resection: adenocarcinoma, moderately differentiated, margins free, "
    "{nodes} of 16 nodes positive.",
    "cholecystectomy": "Gallbladder: {finding} No dysplasia.",
    "appendectomy": "Appendix: acute suppurative appendicitis, no neoplasm.",
    "gastroscopy": "Stomach, biopsies: chronic gastritis; Helicobacter pylori {hp}.",
    "colonoscopy": "Colon, polyps: {polyp}",
    "hysterectomy": "Uterus: leiomyomas; benign endometrium.",
    "kidney_biopsy": "Kidney, needle biopsy: {finding}",
    "prostate_resection": "Prostate chips: benign nodular hyperplasia.",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that an examination can find.

    Attributes:
        study: Key of ``studies.csv``.
        region: What is looked at; each region is told once.
        about: A problem, ``old``, ``any``, or empty for the usual.
        weight: Relative weight of the usual; else the chance that it shows.
        codes: Keys of conditions that it confirms.
        words: The sentence.
        conclusion: For the conclusion; empty if it is not worth one.
    """

    study: str
    region: str
    about: str = ""
    weight: float = 1.0
    codes: tuple[str, ...] = ()
    words: str = ""
    conclusion: str = ""


def _by_region() -> dict[str, dict[str, list[Finding]]]:
    found: dict[str, dict[str, list[Finding]]] = {}
    for row in read_table("findings.csv", Finding, TABLES):
        found.setdefault(row.study, {}).setdefault(row.region, []).append(row)
    return found


FINDINGS: Final = _by_region()
"""Rows by study and region."""


class Reporting:
    """Writes one person's reports."""

    def __init__(self, history: History, luck: Luck) -> None:
        """Prepares.

        Args:
            history: The person, with readings.
            luck: Draws of this part alone.
        """
        self._history, self._luck = history, luck
        self._laboratory = Laboratory(luck)
        # What was found by chance or of age is there the next time, too.
        self._stays: dict[tuple[str, str], tuple[str, str]] = {}
        died = history.person.died
        self._until = NOW if died is None else min(died, NOW)

    def write(self, done: Sequence[Examined]) -> list[Report]:
        """Returns the reports of examinations, by time."""
        return [self._report(one) for one in done if one.moment < self._until]

    def _report(self, one: Examined) -> Report:
        kind = STUDIES[one.study]
        active = self._active(one.moment)
        details: tuple[tuple[str, str, str], ...] = ()
        if one.operation is not None:
            findings, conclusion, codes = self._of_operation(one)
        elif kind.category in ("MB", "BLB"):
            places = {key: place for key, (_, place) in active.items()}
            findings, conclusion, codes, details = self._laboratory.result(one.study, places)
        else:
            findings, conclusion, codes = self._looked(one, active)
        drawn = self._luck.one()
        minutes = (kind.minutes if one.priority else kind.routine_minutes) * (0.7 + 0.7 * drawn)
        if one.study == "blood_culture":
            minutes = kind.minutes * (0.32 + 0.2 * drawn if codes else 1.0 + 0.02 * drawn)
        issued: int | None = one.moment + int(60 * minutes)
        if issued is not None and issued >= self._until:
            issued = None
            findings, conclusion, codes, details = self._pending(one), "", (), ()
        return Report(
            one.study, one.ordered, one.moment, issued, one.visit, one.orderer, one.performer,
            self._indication(one), findings, conclusion, codes, details,
        )  # fmt: skip

    def _pending(self, one: Examined) -> str:
        if one.study.endswith("_culture") and self._until - one.moment > 20 * 3600:
            return f"No growth after {(self._until - one.moment) // 3600 // 12 * 12} hours. Culture continues."
        return ""

    def _active(self, moment: int) -> dict[str, tuple[Problem, int]]:
        found: dict[str, tuple[Problem, int]] = {}
        for place, problem in enumerate(self._history.problems):
            if problem.onset <= moment and (problem.abated is None or moment < problem.abated + _LAGGING):
                found[problem.key] = (problem, place)
        for place, operation in enumerate(self._history.operations):
            if operation.end <= moment:
                found[operation.key] = (Problem(operation.key, operation.end, None), place)
        return found

    def _looked(self, one: Examined, active: dict[str, tuple[Problem, int]]) -> tuple[str, str, tuple[str, ...]]:
        age = age_at(self._history.person, one.moment)
        told, worth, usual, codes = [], [], "", []
        measured = self._measured(one)
        for region, rows in FINDINGS[one.study].items():
            row, place = self._choose(rows, active, age)
            before = self._stays.get((one.study, region))
            if before is not None and row.about in ("", "any", "old"):
                told.append(f"{before[0]} Unchanged.")
                worth += [f"{before[1]} Unchanged."] if before[1] else []
                continue
            words = self._say(row.words, place, measured)
            told.append(words)
            conclusion = self._say(row.conclusion, place, measured, words) if row.conclusion else ""
            if row.about in ("any", "old") and not measured:
                self._stays[one.study, region] = words, conclusion
            if conclusion:
                if row.about:
                    worth.append(conclusion)
                    codes += [code for code in row.codes if code in active and code in CONDITIONS]
                else:
                    usual = usual or conclusion
        findings = " ".join(" ".join(told).split())
        if len(worth) > 1:
            conclusion = " ".join(f"{number}. {text}" for number, text in enumerate(worth, 1))
        else:
            conclusion = worth[0] if worth else usual or "No acute abnormality."
        return findings, conclusion, tuple(dict.fromkeys(codes))

    def _choose(
        self, rows: list[Finding], active: dict[str, tuple[Problem, int]], age: int
    ) -> tuple[Finding, int | None]:
        chance = self._luck.some(len(rows) + 1)
        for row, drawn in zip(rows, chance, strict=False):
            if row.about in active:
                problem, place = active[row.about]
                if drawn < row.weight * (0.75 + 0.5 * problem.severity):
                    return row, place
        for row, drawn in zip(rows, chance, strict=False):
            if row.about == "any" and drawn < row.weight:
                return row, None
            if row.about == "old" and drawn < row.weight * min(max((age - 52) / 28, 0), 1.2):
                return row, None
        usual = [row for row in rows if not row.about]
        weights = np.cumsum([row.weight for row in usual])
        return usual[min(int(np.searchsorted(weights, chance[-1] * weights[-1])), len(usual) - 1)], None

    def _say(self, text: str, place: int | None, measured: dict[str, str], said: str = "") -> str:
        """Fills a text.

        Args:
            text: With choices and slots.
            place: The problem that it is about, whose side and lobe stay the same in all reports; None if none.
            measured: Values of slots that were measured.
            said: The finding that a conclusion repeats: slots of the same kind take the same values.
        """

        def choice(match: re.Match[str]) -> str:
            options = match.group(1).split("|")
            told = [option for option in options if option.strip() and option.lower() in said.lower()]
            if told:  # a conclusion says moderate where the finding did
                return told[0]
            return options[int(self._luck.one() * len(options))]

        def slot(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in measured:
                return measured[name]
            options = _SLOTS[name]
            decimal = re.search(r"\.(\d)", said) if name == "digit" else None
            if decimal:
                return decimal.group(1)
            if place is not None and name in _FIXED:
                mixed = (self._history.person.number + 1) * 7919 + (place + 1) * 104_729
                chosen = options[mixed // 13 % len(options)]
            else:
                repeated = [option for option in options if re.search(rf"(?<![\w.]){re.escape(option)}(?![\w.])", said)]
                chosen = repeated[0] if repeated else options[int(self._luck.one() * len(options))]
            return chosen

        filled = _SLOT.sub(slot, _CHOICE.sub(choice, text))
        return filled[:1].upper() + filled[1:]

    def _measured(self, one: Examined) -> dict[str, str]:
        """Returns what was measured along with it: ejection fraction, QTc, rate."""
        wanted = {"ecg": (("qtc", "qtc"), ("rate", "pulse")), "echo": (("ef", "ejection_fraction"),)}
        readings = self._history.readings
        found = {}
        for slot, analyte in wanted.get(one.study, ()):
            chosen = np.flatnonzero(readings.analyte == NUMBERS[analyte])
            if len(chosen):
                nearest = chosen[int(np.argmin(np.abs(readings.moment[chosen] - one.moment)))]
                found[slot] = f"{readings.value[nearest]:.0f}"
            else:
                found[slot] = {"qtc": "420", "rate": "76", "ef": "60"}[slot]
        return found

    def _of_operation(self, one: Examined) -> tuple[str, str, tuple[str, ...]]:
        operation = self._history.operations[one.operation if one.operation is not None else 0]
        finding = operation.finding
        if one.study != "pathology":
            return finding, finding, ()
        drawn = self._luck.one()
        polyp = "tubular adenoma, no high-grade dysplasia." if "adenoma" in finding else "hyperplastic polyps."
        words = _TISSUE[operation.key].format(
            finding=finding, nodes=int(drawn * 5), hp="present" if drawn < 0.4 else "not seen", polyp=polyp
        )
        return " ".join(words.split()), " ".join(words.partition(": ")[2].split()).capitalize(), ()

    def _indication(self, one: Examined) -> str:
        person, visit = self._history.person, self._history.visits[one.visit]
        age, who = age_at(person, one.moment), "woman" if person.female else "man"
        reason = REASONS[visit.reason].display.lower() if visit.reason in REASONS else visit.reason.replace("_", " ")
        problem = self._history.problems[visit.problems[0]] if visit.problems else None
        name = CONDITIONS[problem.key].display if problem else ""
        known = bool(problem and problem.known is not None and problem.known <= one.ordered)
        if one.why in CONDITIONS:
            name, known = CONDITIONS[one.why].display, True
        if one.study in ("hiv_screen", "hepatitis_c_screen"):
            forms = ["Screening", "Screening, no known risk", "One-time screening"]
        elif visit.kind == "ambulatory" and name and (one.why or reason.endswith("follow-up")):
            forms = [name, f"{name}, follow-up", f"Follow-up: {_lower(name)}"]
        elif visit.kind == "inpatient" and name and known:
            forms = [
                f"{age}-year-old {who} with {_lower(name)}",
                f"{name}, {reason}",
                f"{age} y {who[0]}, {_lower(name)}",
            ]
        else:
            forms = [f"{age}-year-old {who} with {reason}", reason.capitalize(), f"{reason.capitalize()}, {age} y"]
        return forms[self._luck.pick((3, 2, 2))]


def _lower(name: str) -> str:
    return name if name[:2].isupper() else name[:1].lower() + name[1:]
