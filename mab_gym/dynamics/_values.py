"""The true values behind the laboratory's results: the body's own, and for all else what the chart says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Final

from mab_gym.dynamics._catalogues import tests
from mab_gym.dynamics.physiology._creatinine import estimated_gfr

if TYPE_CHECKING:
    from mab_gym.dynamics._settings import Settings

_AS: Final = {"glucose_meter": "glucose"}
"""Tests that measure what another one measures."""


class Values:
    """The true values of one stay."""

    __slots__ = ("_course", "_female", "_known")

    def __init__(self, course: Settings) -> None:
        self._course = course
        self._known: dict[str, float] = {}
        self._female: bool | None = None

    @property
    def female(self) -> bool:
        """The patient's sex, as the chart has it."""
        if self._female is None:
            patient = self._course.chart.patient(self._course.patient)
            self._female = patient is not None and patient.get("gender") == "female"
        return self._female

    @property
    def _age(self) -> int:
        """The patient's age in years, as far as equations for adults hold; 60 where the chart has no day of birth."""
        chart = self._course.chart
        born = str((chart.patient(self._course.patient) or {}).get("birthDate", ""))
        if len(born) != 10:
            return 60
        return min(120, max(18, (chart.now.date() - date.fromisoformat(born)).days * 4 // 1461))

    def true(self, key: str) -> float:
        """Returns the true value of a test now, in its unit."""
        body, name = self._course.body, _AS.get(key, key)
        measured = body.measure(name) if body.measures(name) else None
        return measured if measured is not None else self._of_chart(name)

    def _of_chart(self, key: str) -> float:
        """Returns the course's value, or the chart's latest, or a usual one; it is looked up once."""
        found = self._known.get(key)
        if found is None:
            course, analyte = self._course, tests()[key].analyte
            found = course.values.get(key)
            if found is None:
                latest = course.chart.latest(course.patient, analyte.loinc)
                usual = analyte.women if self.female else analyte.men
                low, high = analyte.reference(self.female)
                middle = (low + high) / 2
                found = latest.value if latest is not None else usual if usual == usual else middle  # noqa: PLR0124
                found = found if found == found else 0.0  # noqa: PLR0124  (NaN: the catalogue has none)
            self._known[key] = found
        return found

    def derived(self, key: str, reported: Mapping[str, float]) -> float | None:
        """Returns a value that the laboratory computes from others of the same specimen; None if it measures it."""
        got = reported.get
        sodium, chloride, bicarbonate = got("sodium"), got("chloride"), got("bicarbonate")
        haemoglobin, haematocrit, cells = got("haemoglobin"), got("haematocrit"), got("erythrocytes")
        creatinine, inr = got("creatinine"), got("inr")
        if key == "anion_gap" and sodium is not None and chloride is not None and bicarbonate is not None:
            return sodium - chloride - bicarbonate
        if key in ("egfr", "egfr_2009") and creatinine:
            return estimated_gfr(creatinine, "female" if self.female else "male", self._age)
        if key == "haematocrit" and haemoglobin is not None:
            return 3 * haemoglobin
        if key == "erythrocytes" and haematocrit is not None:
            return 10 * haematocrit / self._of_chart("mcv")
        if key == "mch" and haemoglobin is not None and cells:
            return 10 * haemoglobin / cells
        if key == "mchc" and haemoglobin is not None and haematocrit:
            return 100 * haemoglobin / haematocrit
        return 12 * inr if key == "pt" and inr is not None else None


ORDER: Final = ("creatinine", "inr", "haemoglobin", "haematocrit", "mcv", "erythrocytes")
"""Tests that are measured first, since others are computed from them."""
