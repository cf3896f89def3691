"""Messages of nurses to the desk. The tone of a message says nothing of its weight; `END` says who has to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["END", "TEXTS", "TONES"]

END: Final[Mapping[str, str]] = {
    "signs": "signs",
    "mind": "rapid",
    "seizure": "rapid",
    "fall": "resident",
    "chest": "resident",
    "urine": "resident",
    "glucose": "resident",
    "potassium_low": "resident",
    "leaving": "resident",
    "mistake": "attending",
    "code": "attending",
    "quarrel": "attending",
    "dose": "pharmacist",
    "interaction": "pharmacist",
    "housing": "social",
    "proxy": "social",
    "bowels": "morning",
    "sleep": "morning",
    "potassium_mild": "morning",
    "diet": "morning",
    "form": "morning",
}
"""By the matter of a message: who has to know by page ADM-501."""
TEXTS: Final[Mapping[str, Sequence[str]]] = {
    "signs": (
        "New set of signs is charted, {oxygen}. Clear in {his} mind.",
        "Signs are in as of now, {oxygen}; answers all questions.",
        "Just charted the morning signs, {oxygen}. Awake, talks to me.",
    ),
    "mind": (
        "Knew the day and the ward last night; now calls me by {his} sister's name and pulls at the line.",
        "Was clear at midnight. Now cannot say where {he} is. Signs as before.",
    ),
    "seizure": ("Shook in all limbs for two minutes, sleepy now. Never had that before.",),
    "fall": (
        "Slid off the commode at 07:30, sits in the chair again, says nothing hurts.",
        "Found on the floor beside the bed. Got up with help, no wound, signs as before.",
    ),
    "chest": (
        "Says there is a pressure in the chest since breakfast, 3 of 10, thinks it is the eggs.",
        "Some chest pain when I helped {him} up, better now. Signs as before.",
    ),
    "urine": ("Catheter bag: {low} mL in the last three hours. Comfortable.",),
    "glucose": ("Meter says {sugar} before breakfast. A bit sweaty, drinks juice now.",),
    "potassium_low": ("Laboratory has the potassium: {critical}, not hemolyzed. Feels fine.",),
    "leaving": ("Is dressed and wants to go home now, whatever we say. Calm about it.",),
    "mistake": (
        "I gave {him} the neighbor's metoprolol at 06:00, 25 mg. Pulse and pressure are as before, no harm so far.",
        "The 22:00 antibiotic ran twice in the night, I see now. {He} is fine.",
    ),
    "code": (
        "The daughter says there was to be no resuscitation; I find nothing signed and the night team was not sure.",
        "Asked about the form for resuscitation, {he} says something else than what is on the board. Which is it?",
    ),
    "quarrel": ("Surgery wants {him} fed, the family and the night team do not. Nobody agrees who decides.",),
    "dose": (
        "Is the dose of {drug} right with these kidneys? Next one is at noon.",
        "Creatinine went the wrong way; who checks if {drug} has to come down?",
    ),
    "interaction": ("{drug} and the new tablet together, is that allowed? The computer flags it.",),
    "housing": ("Tells me {he} lost the apartment and has nowhere to go after this stay.",),
    "proxy": ("Wants to name {his} neighbor as the one who decides for {him}; who does the papers?",),
    "bowels": ("No bowel movement for three days, belly soft, no pain, passes gas.",),
    "sleep": ("Slept two hours again and asks for something for the next night.",),
    "potassium_mild": ("Laboratory has the potassium: {mild}, not hemolyzed. Feels fine.",),
    "diet": ("Is tired of the low-salt trays and asks for another diet.",),
    "form": ("The employer's form for the sick leave lies at the desk, wants it signed.",),
}
TONES: Final = (
    "",
    "",
    "FYI. ",
    "No hurry. ",
    "Please call back at once! ",
    "URGENT, the family is upset. ",
    "Second message about this. ",
    "Sorry to bother you. ",
)
"""Beginnings of messages, whatever they are about."""
