#!/usr/bin/env python3
"""Writes docs/figures/stay.svg: a small made-up stay with everything that a stay can hold.

python scripts/_stay_figure.py
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mab_gym.charts._stay import Stay  # noqa: E402
from mab_gym.charts._stay_reading import read_stay, zone_of  # noqa: E402
from mab_gym.charts._stay_svg import stay_svg  # noqa: E402

BEGIN = datetime.fromisoformat("2024-11-09T16:20:00-05:00")
ME = {"reference": "Patient/M1"}
STAY = {"reference": "Encounter/20"}
LABS = {
    "2823-3": ("Potassium", "mmol/L", 3.5, 5.0), "2160-0": ("Creatinine", "mg/dL", 0.5, 1.1),
    "2601-3": ("Magnesium", "mmol/L", 0.7, 1.0), "718-7": ("Hemoglobin", "g/dL", 12.0, 16.0),
}  # fmt: skip


def at(hours: float) -> str:
    """Returns a time, by the hours since the stay began."""
    return (BEGIN + timedelta(hours=hours)).isoformat()


def said(text: str, code: str = "", system: str = "http://loinc.org") -> dict[str, Any]:
    """Returns a CodeableConcept."""
    return {"text": text, **({"coding": [{"system": system, "code": code, "display": text}]} if code else {})}


class Made:
    """The resources of the stay, with ids in order."""

    def __init__(self) -> None:
        self.resources: list[dict[str, Any]] = []

    def add(self, kind: str, **more: Any) -> str:
        """Adds a resource and returns its address."""
        number = str(100 + len(self.resources))
        self.resources.append({"resourceType": kind, "id": number, "status": "completed", **more})
        return f"{kind}/{number}"

    def lab(self, hours: float, code: str, value: float, **more: Any) -> None:
        """Adds a laboratory result."""
        name, unit, low, high = LABS[code]
        self.add(
            "Observation", status="final", code=said(name, code), subject=ME, encounter=STAY,
            effectiveDateTime=at(hours), issued=at(hours + 1),
            valueQuantity={"value": value, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"},
            referenceRange=[{"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}}], **more,
        )  # fmt: skip

    def signs(self, hours: float, pulse: int, pressure: tuple[int, int], saturation: int) -> None:
        """Adds vital signs."""
        vital = {"status": "final", "subject": ME, "encounter": STAY, "effectiveDateTime": at(hours)}
        self.add("Observation", code=said("Pulse", "8867-4"), valueQuantity={"value": pulse, "unit": "/min"}, **vital)
        self.add("Observation", code=said("SpO2", "59408-5"), valueQuantity={"value": saturation, "unit": "%"}, **vital)
        parts = [
            {"code": said(name, code), "valueQuantity": {"value": value, "unit": "mmHg"}}
            for name, code, value in zip(("Systolic", "Diastolic"), ("8480-6", "8462-4"), pressure, strict=True)
        ]
        self.add("Observation", code=said("Blood pressure", "85354-9"), component=parts, **vital)

    def order(self, hours: float, drug: str, text: str) -> str:
        """Adds a drug order."""
        return self.add(
            "MedicationRequest", status="active", intent="order", subject=ME, encounter=STAY, authoredOn=at(hours),
            medicationCodeableConcept=said(drug), dosageInstruction=[{"text": text}],
        )  # fmt: skip

    def give(
        self, hours: float, drug: str, text: str, order: str, rate: float = 0, end: float = 0, why: str = ""
    ) -> None:
        """Adds an administration: a dose, an infusion where it has an end, or a dose that was not given."""
        when = {"effectivePeriod": {"start": at(hours), "end": at(end)}} if end else {"effectiveDateTime": at(hours)}
        dosage = {"text": text, **({"rateQuantity": {"value": rate, "unit": "mEq/h"}} if rate else {})}
        more = {"status": "not-done", "statusReason": [said(why)]} if why else {"dosage": dosage}
        self.add(
            "MedicationAdministration", medicationCodeableConcept=said(drug), subject=ME, context=STAY,
            request={"reference": order}, **when, **more,
        )  # fmt: skip

    def note(self, hours: float, title: str, text: str) -> None:
        """Adds a note."""
        import base64

        data = base64.b64encode(text.encode()).decode()
        self.add(
            "DocumentReference", status="current", type=said(title), subject=ME, date=at(hours), description=title,
            author=[{"display": "Dana Whitfield, MD"}],
            content=[{"attachment": {"contentType": "text/plain", "data": data}}],
            context={"encounter": [STAY]},
        )  # fmt: skip


def resources() -> list[dict[str, Any]]:
    """Returns all resources of the stay."""
    made = Made()
    places = (
        (0, 5.2, "Emergency department"),
        (5.2, 30, "4 West, bed 12"),
        (30, 43, "Intensive care, bed 3"),
        (43, 64, "4 West, bed 9"),
    )
    made.resources.append(
        {
            "resourceType": "Encounter", "id": "20", "status": "finished", "subject": ME,
            "class": {"code": "IMP", "display": "inpatient encounter"}, "reasonCode": [said("Heart failure")],
            "period": {"start": at(0), "end": at(64)},
            "location": [
                {"location": {"display": name}, "period": {"start": at(begin), "end": at(end)}}
                for begin, end, name in places
            ],
        }
    )  # fmt: skip
    for hour, pulse, pressure, saturation in (
        (0.3, 118, (168, 96), 88), (2, 110, (154, 90), 92), (5.5, 104, (146, 84), 94), (12, 96, (132, 78), 95),
        (18, 92, (128, 74), 95), (24, 98, (124, 72), 94), (29.5, 124, (96, 58), 91), (32, 116, (104, 62), 94),
        (36, 98, (112, 66), 96), (42, 88, (118, 70), 96), (48, 84, (122, 70), 96), (56, 80, (124, 72), 97),
        (63, 78, (126, 74), 97),
    ):  # fmt: skip
        made.signs(hour, pulse, pressure, saturation)
    for hour, value in (
        (0.5, 3.4),
        (7, 3.1),
        (14, 2.9),
        (20, 3.2),
        (29.8, 2.7),
        (33, 3.3),
        (38, 3.9),
        (50, 4.2),
        (60, 4.1),
    ):
        made.lab(hour, "2823-3", value)
    spoilt = {"note": [{"text": "Specimen hemolyzed; potassium may be falsely raised. Repeat advised."}]}
    made.lab(26, "2823-3", 5.6, **spoilt)
    for hour, value in ((0.5, 1.2), (14, 1.4), (29.8, 1.6), (38, 1.5), (60, 1.2)):
        made.lab(hour, "2160-0", value)
    for hour, value in ((14, 0.58), (29.8, 0.55), (38, 0.86), (60, 0.81)):
        made.lab(hour, "2601-3", value)
    for hour, value in ((0.5, 12.8), (38, 11.9)):
        made.lab(hour, "718-7", value)
    diuretic = made.order(1, "Furosemide", "40 mg intravenously twice a day")
    for hour in (1.2, 13, 25, 49, 61):
        made.give(hour, "Furosemide", "40 mg intravenously", diuretic)
    made.give(37, "Furosemide", "", diuretic, why="pressure too low")
    salt = made.order(14.8, "Potassium chloride", "10 mEq/h intravenously for 4 hours")
    made.give(15.2, "Potassium chloride", "10 mEq/h intravenously", salt, 10, 19.2)
    more = made.order(30.4, "Potassium chloride", "20 mEq/h intravenously, then 10")
    made.give(30.6, "Potassium chloride", "20 mEq/h intravenously", more, 20, 33.4)
    made.give(33.4, "Potassium chloride", "10 mEq/h intravenously", more, 10, 37)
    magnesium = made.order(30.5, "Magnesium sulfate", "4 g intravenously over 4 hours")
    made.give(31, "Magnesium sulfate", "1 g/h intravenously", magnesium, 1, 35)
    heparin = made.order(5.5, "Enoxaparin", "40 mg under the skin daily")
    for hour in (6, 30.2, 54):
        made.give(hour, "Enoxaparin", "40 mg under the skin", heparin)
    for hour, name in (
        (0.2, "Basic metabolic panel"),
        (6, "Basic metabolic panel"),
        (19, "Potassium"),
        (29.6, "Basic metabolic panel (stat)"),
        (32, "Potassium"),
    ):
        made.add("ServiceRequest", intent="order", subject=ME, encounter=STAY, authoredOn=at(hour), code=said(name))
    made.add(
        "Specimen",
        status="available",
        subject=ME,
        collection={"collectedDateTime": at(26)},
        condition=[said("Hemolyzed")],
        type=said("Serum"),
    )
    made.add(
        "Procedure",
        subject=ME,
        encounter=STAY,
        code=said("Cardioversion"),
        performedPeriod={"start": at(30.1), "end": at(30.3)},
    )
    made.add(
        "DiagnosticReport",
        status="final",
        subject=ME,
        code=said("Chest X-ray"),
        issued=at(1.8),
        conclusion="Pulmonary edema, both bases.",
    )
    made.add(
        "DiagnosticReport",
        status="final",
        subject=ME,
        code=said("Echocardiogram"),
        issued=at(20),
        conclusion="Ejection fraction 30 %.",
    )
    made.add(
        "Communication",
        subject=ME,
        sent=at(15),
        priority="urgent",
        payload=[{"contentString": "Critical result: potassium 2.9 mmol/L."}],
    )
    made.add(
        "Communication",
        subject=ME,
        sent=at(29.7),
        priority="stat",
        payload=[{"contentString": "Ventricular tachycardia on the monitor, pressure 96/58."}],
    )
    for hour, title in (
        (4, "Admission note"),
        (16, "Progress note"),
        (29, "Nursing note"),
        (31, "Intensive care consult"),
        (40, "Progress note"),
        (63.5, "Discharge summary"),
    ):
        made.note(hour, title, f"{title}: in words, which stand nowhere else. Denies chest pain. Takes no digoxin.")
    return made.resources


def a_stay() -> Stay:
    """Returns the stay."""
    begin, end = (int((BEGIN + timedelta(hours=hours)).timestamp()) for hours in (0, 64))
    return read_stay("inpatient, heart failure", begin, end, resources(), zone_of(at(0)), True)


def figure() -> str:
    """Returns the figure: the SVG with the page's style in it, on a white ground."""
    style = (ROOT / "mab_gym" / "charts" / "stay.css").read_text(encoding="utf-8").partition("@media")[0]
    colours = ":root{--ink:#1b2230;--dim:#5b6675;--card:#fff;--rule:#dfe3e9;--high:#b3261e;--low:#7a2fb8}"
    svg = stay_svg(a_stay())
    begin = svg.index("<title>")
    head = svg[:begin].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    return f'{head}<style>{colours}{style}</style><rect width="100%" height="100%" fill="#fff"/>{svg[begin:]}\n'


if __name__ == "__main__":
    path = ROOT / "docs" / "figures" / "stay.svg"
    path.write_text(figure(), encoding="utf-8", newline="\n")
    print(f"{path.relative_to(ROOT)} ({path.stat().st_size / 1000:.1f} kB)")
