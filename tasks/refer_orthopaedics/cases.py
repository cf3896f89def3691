"""Cases: different joints, findings and wishes, so that no two referrals read alike."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from typing import Any

from mab_gym.tasking.chart import Chart

_INJURIES = {
    "knee": [
        (
            "acute {side} knee injury after a twisting fall",
            "MRI shows a complete tear of the anterior cruciate ligament",
            "ACL tear",
        ),
        ("{side} knee locking for two weeks", "MRI shows a bucket-handle tear of the medial meniscus", "meniscal tear"),
        (
            "swollen {side} knee after a direct blow",
            "radiograph shows a transverse fracture of the patella",
            "patellar fracture",
        ),
    ],
    "hip": [
        (
            "{side} hip pain after a fall from standing height",
            "radiograph shows a displaced fracture of the femoral neck",
            "hip fracture",
        ),
        (
            "progressive {side} hip pain on walking",
            "radiograph shows joint space narrowing with osteophytes",
            "advanced osteoarthritis of the hip",
        ),
    ],
    "shoulder": [
        (
            "{side} shoulder pain and weakness on lifting",
            "ultrasound shows a full-thickness supraspinatus tear",
            "rotator cuff tear",
        ),
        (
            "recurrent dislocation of the {side} shoulder",
            "MR arthrogram shows a Bankart lesion",
            "anterior shoulder instability",
        ),
    ],
}
_WISHES = [
    "evaluation and advice on operative management",
    "assessment in clinic within two weeks",
    "an opinion on surgery and on weight bearing until then",
]

BRANCHES = {"knee": 12, "hip": 9, "shoulder": 9}


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient and a referral in SBAR form."""
    situation, background, assessment = rng.choice(_INJURIES[branch])
    side = rng.choice(("left", "right"))
    mrn = rng.choice(chart.profiles())
    begun = f"Situation: {_who(chart, mrn)}, {situation.format(side=side)}. Background: {background}."
    wish = f"Recommendation: request to the orthopaedic service for {rng.choice(_WISHES)}."
    text = f"{begun} Assessment: {assessment}, {side} side. {wish}"
    return {"mrn": mrn, "text": text}


def _who(chart: Chart, mrn: str) -> str:
    """How a referral introduces the patient, as in "Ada Lovelace, woman of 36 years"."""
    patient = chart.patient(mrn) or {}
    name = patient["name"][0]
    born, today = date.fromisoformat(patient["birthDate"]), chart.now.date()
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    kind = {"female": "woman", "male": "man"}.get(patient.get("gender", ""), "patient")
    return f"{' '.join(name['given'])} {name['family']}, {kind} of {age} years"
