"""The note of the admission: why they came, what the one who saw them found, and what they really take."""

from __future__ import annotations

import random
from collections.abc import Sequence

_CAME = {
    "thiazide": (
        "For ten days more and more tired and unsteady, two falls at home. Drinks tea all day, eats toast.",
        "Since last week weak, light in the head on standing, nauseated; has hardly eaten, drinks a lot of water.",
        "Found confused by the neighbor. Has been eating little for two weeks and drinking water against the weakness.",
    ),
    "dry": (
        "Vomiting and loose stools for five days, kept down water and weak tea alone.",
        "A stomach bug since Thursday: stools eight times a day, drank only water, passed little urine.",
        "Could not keep food down for four days; took water and apple juice by the glass.",
    ),
    "ssri": (
        "For two weeks slow, sleepy and nauseated. Has not vomited, stools as always, eats and drinks as always.",
        "The family says: not quite there for ten days, headache, bumps into things. Eats well, no loss of fluid.",
        "Headache and poor concentration for three weeks, worse since Sunday. Drinks as always, no diarrhea.",
    ),
    "lung": (
        "Cough with yellow sputum and fever for four days. The chest film of an hour ago shows an infiltrate in the "
        "right lower lobe; ceftriaxone 2 g and doxycycline 100 mg were given in the emergency department.",
        "Fever and pain on breathing in since Saturday. Chest film: pneumonia of the left lower lobe. Ceftriaxone 2 g "
        "and doxycycline 100 mg given in the emergency department. Drinks and passes urine as always.",
    ),
}
_DRY = (
    "Mouth dry, a fold of skin stays up, neck veins flat. Pressure {high}/{low} lying and {less}/{lower} standing.",
    "Tongue dry, armpits dry, eyes sunken; {high}/{low} flat in bed, {less}/{lower} on standing with dizziness.",
)
_WET = (
    "Mouth moist, no swelling of the legs, neck veins as usual. Pressure {high}/{low} lying and the same standing.",
    "Tongue moist, ankles slim, lungs free of crackles at the bases; {high}/{low}, no change on standing.",
)
_SEIZED = (
    "Had a seizure of two minutes at the door; drowsy since then, opens the eyes to voice, does not say where this is.",
    "A generalized seizure in the waiting room, over by itself; now opens the eyes when called and mumbles.",
)
_AWAKE = (
    "Awake, knows day and place, a little slow. No seizure, no vomiting here.",
    "Answers correctly but late; has not had a seizure. Breathing is quiet.",
)
_LIST = (
    "Takes everything that is on our list, the last time this morning.",
    "Pills as on our list; the box was filled on Sunday and today's are gone.",
)


def told(
    rng: random.Random, branch: str, female: bool, seizes: bool, systolic: int, not_taken: Sequence[str], left: str
) -> str:
    """Returns the text.

    Args:
        rng: The random generator of the draw.
        branch: The cause.
        female: Sex.
        seizes: True if there was a seizure.
        systolic: Pressure, mmHg.
        not_taken: Names of drugs that are on the list and are not taken.
        left: Since when and why.
    """
    numbers = {"high": systolic, "low": systolic - 44, "less": systolic - 23, "lower": systolic - 52}
    found = rng.choice(_DRY if branch in ("thiazide", "dry") else _WET).format(**numbers)
    pills = rng.choice(_LIST)
    if not_taken:
        who = "she" if female else "he"
        names = " and ".join(sorted(set(not_taken)))
        pills = (
            f"Of what is on our list, {who} gave up {names} {left}; the box at home is full. The rest is taken daily."
        )
    parts = (
        "ADMISSION, EMERGENCY DEPARTMENT",
        f"Reason: {rng.choice(_CAME[branch])}",
        f"State: {rng.choice(_SEIZED if seizes else _AWAKE)}",
        f"Examination: {found}",
        f"Medication: {pills}",
        "Alcohol: none to a glass a week.",
        "Blood drawn on arrival, urine not yet sent. Handed over to general medicine.",
    )
    return "\n".join(parts)
