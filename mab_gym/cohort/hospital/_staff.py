"""The hospital itself: who works there, its wards, beds and clinics, and the payers and places around it.

All names are invented. How many work where is our choice: a teaching hospital of about 160 beds, with more wards where
more people lie in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from numpy.random import RandomState

from mab_gym.cohort._names import ANCESTRIES, folded
from mab_gym.cohort._spec import SHARES
from mab_gym.cohort._streams import integers, pick, stream
from mab_gym.cohort.hospital._history import SERVICES, Place, Practitioner, Staff
from mab_gym.cohort.hospital._spec import HospitalSpec

NAME: Final = "Merrow Valley Medical Center"
STAFF: Final = 100
"""The number of the staff's random stream."""
PAYERS: Final = (
    "Medicare", "Medicaid", "Veterans Health Coverage", "Northlight Mutual", "Harborview Health Plan",
    "Tri-County Employers Trust", "Beacon Street Insurance", "Self-pay",
)  # fmt: skip
MEDICARE, MEDICAID, VETERANS = range(3)
COMMERCIAL: Final = range(3, 7)
SELF_PAY: Final = 7
"""Places in `PAYERS`."""
OUTSIDE: Final = (
    "Cooper's Landing Community Hospital", "St. Alban's Regional Hospital", "Whitestone University Hospital",
    "Lakemont Memorial Hospital",
    "Old Mill Family Practice", "Fairhaven Internal Medicine", "Northgate Cardiology Associates",
    "Tidewater Orthopaedics", "Elm Street Women's Health", "Summit Eye Center", "Riverbend Dermatology",
    "Brightwater Nursing and Rehabilitation", "Hollins Home Care",
    "Merrow Pharmacy", "Corner Drug", "Greenleaf Pharmacy", "Bayside Apothecary", "Northlight Mail Order Pharmacy",
    "Main Street Drugs",
)  # fmt: skip
OUTSIDE_HOSPITALS: Final = range(4)
PRACTICES: Final = range(4, 11)
NURSING_FACILITY: Final = 11
HOME_CARE: Final = 12
PHARMACIES: Final = range(13, 19)
"""Places in `OUTSIDE`."""
DEPARTMENTS: Final = ("laboratory", "radiology", "pharmacy")
WARDED: Final = {
    "emergency": 0.10, "medicine": 0.36, "cardiology": 0.14, "surgery": 0.15, "intensive": 0.10, "obstetrics": 0.06,
    "oncology": 0.05, "nephrology": 0.04,
}  # fmt: skip
"""The services with beds, and the share of all beds that each has."""
_BEDS: Final = 160
_BEDS_OF_A_WARD: Final = 24
_SPARE: Final = 2.0
"""Beds for each who lies in the hospital, so that a service that is full finds a bed in its own wards."""
_PEOPLE: Final = {
    "emergency": {"physician": 4, "resident": 2, "nurse": 4, "social_worker": 1, "clerk": 1},
    "medicine": {
        "physician": 5, "resident": 4, "nurse": 5, "therapist": 2, "dietitian": 1, "social_worker": 1, "clerk": 1,
    },
    "cardiology": {"physician": 3, "resident": 1, "nurse": 2},
    "surgery": {"physician": 4, "resident": 2, "nurse": 3},
    "intensive": {"physician": 3, "resident": 1, "nurse": 4, "therapist": 1},
    "obstetrics": {"physician": 3, "nurse": 2},
    "oncology": {"physician": 2, "nurse": 2},
    "nephrology": {"physician": 2, "nurse": 1, "dietitian": 1},
    "primary": {"physician": 8, "nurse": 4, "social_worker": 1, "clerk": 1},
    "endocrinology": {"physician": 2, "nurse": 1, "dietitian": 1},
    "pulmonology": {"physician": 2, "nurse": 1, "therapist": 1},
    "gastroenterology": {"physician": 2, "nurse": 1},
    "neurology": {"physician": 2, "nurse": 1},
    "psychiatry": {"physician": 2, "nurse": 1, "social_worker": 1},
    "orthopaedics": {"physician": 2, "nurse": 1, "therapist": 1},
    "urology": {"physician": 2, "nurse": 1},
    "anticoagulation": {"physician": 1, "nurse": 1, "pharmacist": 1},
    "laboratory": {"physician": 2, "clerk": 1},
    "radiology": {"physician": 3, "nurse": 1},
    "pharmacy": {"pharmacist": 4},
}  # fmt: skip
_DEGREES: Final = {
    "resident": "MD", "nurse": "RN", "pharmacist": "PharmD", "therapist": "PT", "dietitian": "RD",
    "social_worker": "LCSW", "clerk": "",
}  # fmt: skip
_DOCTORS_OF_OSTEOPATHY: Final = 0.15
"""Share of the physicians who are DO; AOA, Osteopathic Medical Profession Report 2023 (about one in nine)."""
_CLINICS: Final = {
    "emergency": "Urgent Care", "medicine": "Medicine Clinic", "cardiology": "Cardiology Clinic",
    "surgery": "Surgery Clinic", "obstetrics": "Women's Health Clinic", "oncology": "Cancer Center",
    "nephrology": "Kidney Clinic", "primary": "Primary Care", "endocrinology": "Diabetes and Endocrine Clinic",
    "pulmonology": "Lung Clinic", "gastroenterology": "Digestive Health Clinic", "neurology": "Neurology Clinic",
    "psychiatry": "Behavioral Health Clinic", "orthopaedics": "Bone and Joint Clinic", "urology": "Urology Clinic",
    "anticoagulation": "Anticoagulation Clinic",
}  # fmt: skip
_WINGS: Final = ("West", "East", "North", "South")


def in_share(given: str, family: str, share: int) -> bool:
    """Tells if a full name belongs to a split's share of all names, by the rule of the other cohorts.

    Args:
        given: All given names.
        family: Family name.
        share: As in `HospitalSpec.share`.
    """
    return zlib.crc32(folded(f"{given} {family}").encode()) % SHARES == share


@lru_cache(maxsize=8)
def draw_staff(spec: HospitalSpec) -> Staff:
    """Draws the staff of a hospital, and lays out its wards and clinics.

    Args:
        spec: Its seed and share decide the names, its number of inpatients that of the beds.
    """
    places = tuple(_places(spec))
    return Staff(NAME, tuple(_practitioners(spec)), places, PAYERS, OUTSIDE)


def beds_of(staff: Staff) -> dict[str, list[int]]:
    """Returns the beds of each service with beds, as places in `Staff.places`."""
    found: dict[str, list[int]] = {}
    for place in staff.places:
        if place.kind == "bed":
            found.setdefault(place.service, []).append(place.number)
    return found


def _practitioners(spec: HospitalSpec) -> Iterator[Practitioner]:
    rng = stream(spec.entropy, STAFF)
    known: set[str] = set()
    number = 0
    for service, roles in _PEOPLE.items():
        for role, count in roles.items():
            for _ in range(count):
                given, family = _name(rng, spec.share, known)
                osteopath = float(rng.random_sample()) < _DOCTORS_OF_OSTEOPATHY
                degree = _DEGREES.get(role, "DO" if osteopath else "MD")
                yield Practitioner(
                    number, given, family, role, service, _npi(int(integers(rng, 0, 10**8, 1)[0])), degree
                )
                number += 1


def _places(spec: HospitalSpec) -> Iterator[Place]:
    number = 0
    floor = 1
    beds = max(_BEDS, round(_SPARE * spec.people * spec.inpatients))
    for service, share in WARDED.items():
        count = max(6, round(share * beds))
        wards = -(-count // _BEDS_OF_A_WARD)
        for ward in range(wards):
            kind = service if service in ("emergency", "intensive") else "ward"
            name, prefix = _ward_name(service, floor + ward // len(_WINGS), _WINGS[ward % len(_WINGS)], ward)
            here = number
            yield Place(here, name, service, kind)
            number += 1
            for bed in range(count * ward // wards, count * (ward + 1) // wards):
                at = bed - count * ward // wards
                label = f"{prefix}-{at // 2 + 1:02d}{'AB'[at % 2]}"
                yield Place(number, label, service, "bed", here)
                number += 1
        floor += -(-wards // len(_WINGS))
    for service in SERVICES:
        if service in _CLINICS:
            yield Place(number, _CLINICS[service], service, "clinic")
            number += 1
    for department in DEPARTMENTS:
        yield Place(number, department.capitalize(), department, department)
        number += 1


def _name(rng: RandomState, share: int, known: set[str]) -> tuple[str, str]:
    """Draws a name of the share that nobody else here has, nor its family name."""
    while True:
        ancestry = ANCESTRIES[int(pick(rng, [each.weight for each in ANCESTRIES], 1)[0])]
        sexes = (ancestry.women, ancestry.men)
        given_names = sexes[int(integers(rng, 0, 2, 1)[0])]
        given = given_names[int(integers(rng, 0, len(given_names), 1)[0])]
        family = ancestry.families[int(integers(rng, 0, len(ancestry.families), 1)[0])]
        if in_share(given, family, share) and folded(family) not in known:
            known.add(folded(family))
            return given, family


def _npi(number: int) -> str:
    """Returns a National Provider Identifier: ten digits, the last one by Luhn's rule over 80840 and the rest.

    It begins with 2; those that were given out so far begin with 1.
    """
    body = f"2{number:08d}"
    total = 0
    for place, digit in enumerate(reversed("80840" + body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def _ward_name(service: str, floor: int, wing: str, ward: int) -> tuple[str, str]:
    """Returns a ward's name and what its beds' names begin with."""
    if service == "emergency":
        return ("Emergency Department", "ED") if ward == 0 else (f"Emergency Department {ward + 1}", f"ED{ward + 1}")
    if service == "intensive":
        return ("Intensive Care Unit", "ICU") if ward == 0 else (f"Intensive Care Unit {ward + 1}", f"ICU{ward + 1}")
    return f"{floor} {wing}, {service}", f"{floor}{wing[0]}"
