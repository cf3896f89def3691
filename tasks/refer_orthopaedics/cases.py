"""Cases: different joints, findings and requests, so that no two referrals are the same.

Every finding is one that an orthopaedic service wants to know at once, and fits the patient's age. Ages and urgency:
Court-Brown and Caesar, Injury 2006;37:691-7 (fractures); Leroux et al., Am J Sports Med 2014;42:442-50 (dislocations of
the shoulder); Majewski et al., Knee 2006;13:184-8 (ligaments and menisci); Mathews et al., Lancet 2010;375:846-55
(septic arthritis); NICE CG124 (hip fractures: surgery on the day of admission or the day after).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from mab_gym.tasking.chart import Chart


class Finding(NamedTuple):
    """The reason for a referral.

    Attributes:
        situation: The event and the complaint.
        background: The result of imaging or of an aspirate.
        assessment: The diagnosis.
        least: The least usual age, in years.
        greatest: The greatest usual age, in years.
    """

    situation: str
    background: str
    assessment: str
    least: int = 18
    greatest: int = 110


_FINDINGS = {
    "knee": [
        Finding(
            "acute {side} knee injury after a twisting fall, the foot pale and cool for a time",
            "MRI shows tears of the anterior cruciate ligament and of the posterolateral corner",
            "multiligament injury of the knee",
            greatest=50,
        ),
        Finding(
            "{side} knee locked in flexion since this morning",
            "MRI shows a displaced bucket-handle tear of the medial meniscus",
            "locked knee with meniscal tear",
            greatest=55,
        ),
        Finding(
            "swollen {side} knee after a direct blow, no active extension",
            "radiograph shows a displaced transverse fracture of the patella",
            "displaced patellar fracture",
        ),
        Finding(
            "sudden pain above the {side} knee on the stairs, no active extension",
            "ultrasound shows a complete tear of the quadriceps tendon",
            "quadriceps tendon rupture",
            least=45,
        ),
        Finding(
            "hot, swollen {side} knee and fever for two days",
            "the aspirate is purulent and shows Gram-positive cocci",
            "septic arthritis of the knee",
        ),
    ],
    "hip": [
        Finding(
            "{side} hip pain after a fall from standing height",
            "radiograph shows a displaced fracture of the femoral neck",
            "hip fracture",
            least=60,
        ),
        Finding(
            "{side} hip pain and a shortened leg after a fall at home",
            "radiograph shows a displaced intertrochanteric fracture of the femur",
            "intertrochanteric hip fracture",
            least=60,
        ),
        Finding(
            "{side} hip pain after a motor vehicle collision",
            "CT shows a displaced fracture of the femoral neck",
            "femoral neck fracture after high-energy trauma",
            greatest=59,
        ),
        Finding(
            "{side} leg shortened and rotated inwards after a motor vehicle collision",
            "radiograph shows a posterior dislocation of the hip",
            "traumatic hip dislocation",
            greatest=59,
        ),
        Finding(
            "{side} groin pain, fever and inability to walk for a day",
            "ultrasound shows an effusion, the aspirate is purulent",
            "septic arthritis of the hip",
        ),
    ],
    "shoulder": [
        Finding(
            "{side} shoulder pain after a fall on the outstretched arm, two attempts at reduction failed",
            "radiograph shows an anterior dislocation",
            "irreducible anterior shoulder dislocation",
            greatest=65,
        ),
        Finding(
            "{side} shoulder pain and a numb arm after a fall at home",
            "CT shows a four-part fracture of the proximal humerus with dislocation of the head",
            "fracture-dislocation of the proximal humerus",
            least=55,
        ),
        Finding(
            "{side} shoulder pain after a fall from a bicycle, the skin tented and white",
            "radiograph shows a displaced fracture of the clavicle",
            "clavicle fracture with threatened skin",
            greatest=60,
        ),
        Finding(
            "hot, swollen {side} shoulder and fever for two days",
            "ultrasound shows an effusion, the aspirate is purulent",
            "septic arthritis of the shoulder",
            least=40,
        ),
    ],
}
_WISHES = [
    "evaluation today and advice on operative management",
    "immediate assessment and a decision on surgery",
    "an urgent opinion on surgery, by telephone if nobody can come within the hour",
]

BRANCHES = {"knee": 12, "hip": 9, "shoulder": 9}


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient and a referral in SBAR form that fits them."""
    mrn = rng.choice(chart.profiles())
    age = _age(chart, mrn)
    found = rng.choice([each for each in _FINDINGS[branch] if each.least <= age <= each.greatest])
    side = rng.choice(("left", "right"))
    begun = f"Situation: {_who(chart, mrn)}, {found.situation.format(side=side)}. Background: {found.background}."
    wish = f"Recommendation: request to the orthopaedic service for {rng.choice(_WISHES)}."
    text = f"{begun} Assessment: {found.assessment}, {side} side. {wish}"
    return {"mrn": mrn, "text": text}


def _age(chart: Chart, mrn: str) -> int:
    """Returns the patient's age in completed years."""
    patient = chart.patient(mrn) or {}
    born, today = date.fromisoformat(patient["birthDate"]), chart.now.date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _who(chart: Chart, mrn: str) -> str:
    """Returns a referral's words for the patient, as in "Ada Lovelace, woman of 36 years"."""
    patient = chart.patient(mrn) or {}
    name = patient["name"][0]
    kind = {"female": "woman", "male": "man"}.get(patient.get("gender", ""), "patient")
    return f"{' '.join(name['given'])} {name['family']}, {kind} of {_age(chart, mrn)} years"
