"""The note of the admission, the letter of another blood bank, and what the forms of consent say."""

from __future__ import annotations

import random

_CAME = (
    "Sent in by the clinic for a low hemoglobin in a routine check. More tired for two months.",
    "Pale and tired for weeks; the clinic drew blood yesterday and called today.",
    "Short of breath on the second flight of stairs for a month; hemoglobin low in the clinic's blood count.",
)
_STABLE = (
    "Lies comfortably, no chest pain, has not fainted. Pulse {pulse}, pressure {high}/{low}, the same on standing.",
    "Quiet in bed, no chest pain, no dizziness on standing. Pulse {pulse}, pressure {high}/{low}.",
)
_SYMPTOMS = (
    "Fainted twice today on standing up. Pulse {pulse} lying, still {pulse} after a liter of saline over an hour; "
    "pressure {high}/{low}.",
    "Cannot sit up without dizziness; fainted in the hall. After 1000 mL of saline the pulse stays at {pulse}, "
    "pressure {high}/{low}.",
)
_STOOL = (
    "Stool brown since yesterday, dark a week ago. No vomiting. Endoscopy is planned for the day after tomorrow.",
    "Stool brown today; black for two days last week. Endoscopy booked for the day after tomorrow.",
)
_PLAN = (
    "Plan: iron studies later, red cells by the hospital's page, consent to be asked for on the ward.",
    "Plan: transfuse as needed; form of consent to be signed on the ward.",
)
ANTIGENS = ("K", "E", "Fya", "Jka")
_FAR = ("Lakemont Memorial Hospital", "St. Alban's Regional Hospital", "Cooper's Landing Community Hospital")


def told(rng: random.Random, symptoms: bool, pulse: int, systolic: int) -> str:
    """Returns the note of the admission."""
    found = rng.choice(_SYMPTOMS if symptoms else _STABLE)
    parts = (
        "ADMISSION, EMERGENCY DEPARTMENT",
        f"Reason: {rng.choice(_CAME)}",
        f"State: {found.format(pulse=pulse, high=systolic, low=systolic - 46)}",
        f"Abdomen soft. {rng.choice(_STOOL)}",
        "Blood drawn on arrival for a blood count and chemistry; no sample for the blood bank yet.",
        rng.choice(_PLAN),
    )
    return "\n".join(parts)


def letter(rng: random.Random, antigen: str) -> dict[str, str]:
    """Returns what a letter of another hospital says of an antibody, or of none where there is no antigen.

    Args:
        rng: The random generator of the draw.
        antigen: The antigen; empty for none.
    """
    place, year = rng.choice(_FAR), rng.randrange(2011, 2020)
    lines = [place, "Transfusion service, in answer to your call of this morning", ""]
    units = rng.randrange(2, 4)
    lines.append(f"Transfused here in {year}, {units} units after an operation, no reaction at the time.")
    if antigen:
        lines.append(
            f"Screen six weeks later positive: anti-{antigen}. Controls in {year + 1} and {year + 2}: no antibody "
            "to be found any more."
        )
    else:
        lines.append(f"Antibody screens before it and six weeks later negative; control in {year + 1} negative.")
    lines.append("Older files than these are not kept.")
    return {"place": place, "text": "\n".join(lines)}


def refusal(rng: random.Random, female: bool) -> str:
    """Returns the nurse's note about the talk about consent, where it was refused."""
    who = "She" if female else "He"
    why = rng.choice(("for reasons of faith", "after what happened to a sister", "because of what was read about it"))
    return (
        f"Talked about transfusion with the physician of the day and the patient. {who} refuses red cells, plasma and "
        f"platelets {why}, also in danger of life, and signed the form. Accepts albumin, iron and cell salvage."
    )


def agreed(rng: random.Random, female: bool) -> str:
    """Returns the nurse's note about the talk about consent, where it was given."""
    who = "She" if female else "He"
    asked = rng.choice(("asked about infections", "had no further question", "asked how long a unit takes"))
    return f"Talked about transfusion with the physician of the day and the patient. {who} {asked} and signed the form."
