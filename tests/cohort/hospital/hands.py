"""A small staff and people made by hand, for tests of notes and handbook."""

from datetime import date, datetime

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort.hospital._catalogue_results import NUMBERS
from mab_gym.cohort.hospital._history import (
    NOW,
    ROLES,
    SERVICES,
    ZONE,
    Allergy,
    History,
    Person,
    Place,
    Practitioner,
    Prescription,
    Problem,
    Readings,
    Relative,
    Report,
    Staff,
    Visit,
)
from mab_gym.cohort.hospital._spec import HOSPITAL
from mab_gym.cohort.hospital.notes._notes import add_notes

GIVEN, FAMILY = (
    ("Anna", "Ben", "Carla", "David", "Edith", "Frank", "Grace", "Henry", "Ines", "Jonas", "Kim"),
    ("Adler", "Brooks", "Castillo", "Dunn", "Ekwueme", "Ferrara", "Gupta", "Hale", "Ito", "Jensen", "Kaplan", "Lowe"),
)
DEGREES = {"physician": "MD", "resident": "MD", "nurse": "RN", "pharmacist": "PharmD", "therapist": "PT"}


def staff() -> Staff:
    people: list[Practitioner] = []
    for service in (*SERVICES, "laboratory", "radiology", "pharmacy"):
        for role in ROLES:
            for _ in range(3):
                n = len(people)
                given, family = GIVEN[n % 11], FAMILY[n % 12]
                people.append(Practitioner(n, given, family, role, service, "1234567893", DEGREES.get(role, "")))
    places = [Place(n, f"{service} ward", service, "ward") for n, service in enumerate(SERVICES)]
    places.append(Place(len(places), "Primary care clinic", "primary", "clinic"))
    outside = ["Northfield General Hospital", "Lakeside Family Practice", "Corner Street Pharmacy", "Elm Imaging"]
    return Staff("Harborview Teaching Hospital", people, places, ["Medicare", "Unity Health Plan"], outside)


def moment(day: str, hour: int = 10, minute: int = 0) -> int:
    return int(datetime.fromisoformat(f"{day}T{hour:02d}:{minute:02d}").replace(tzinfo=ZONE).timestamp())


def readings(rows: list[tuple[int, str, float, int]]) -> Readings:
    """Readings of rows of moment, analyte, value, visit; there after an hour."""
    rows = sorted(rows)
    moments = np.array([row[0] for row in rows], dtype=np.int64)
    return Readings(
        moment=moments,
        issued=moments + 3600,
        analyte=np.array([NUMBERS[row[1]] for row in rows], dtype=np.int16),
        value=np.array([row[2] for row in rows], dtype=np.float64),
        visit=np.array([row[3] for row in rows], dtype=np.int32),
        state=np.zeros(len(rows), dtype=np.int8),
        panel=np.full(len(rows), -1, dtype=np.int32),
        performer=np.zeros(len(rows), dtype=np.int32),
    )


class Maker:
    """Makes a person by hand: an old one with long-term diseases and stays, a young well one, one who lies here now."""

    def __init__(self, number: int, kind: str) -> None:
        self.rng = RandomState(1000 + number)
        rng = self.rng
        old = kind == "old"
        born = date((1938 if old else 1985) + rng.randint(0, 14), rng.randint(1, 13), rng.randint(1, 29))
        female = bool(rng.randint(0, 2))
        family = FAMILY[rng.randint(0, 12)] + ("", "son", "er", "man")[rng.randint(0, 4)]
        spouse = Relative("SPS", GIVEN[rng.randint(0, 11)], family, born.year, None, (), True, "555-201-3344")
        mother = Relative("MTH", "Rose", family, born.year - 27, 71, (("breast_cancer", 60),), False, "")
        self.history = History(
            Person(
                number, f"H{number:07d}", family, (GIVEN[rng.randint(0, 11)],), female, born,
                marital=("M", "W", "S")[rng.randint(0, 3)], doctor=0, pharmacy=2, occupation="Electrician",
                smoking="former", smoked_from=1975, smoked_until=2001, packs=0.5, drinks=float(rng.randint(0, 12)),
                height_cm=171.0, weight_kg=70.0 + rng.randint(0, 30), relatives=[spouse, mother],
            )
        )  # fmt: skip
        self.rows: list[tuple[int, str, float, int]] = []
        if old:
            for key, year in (("hypertension", 2005), ("type2_diabetes", 2009), ("ckd3", 2016)):
                self.problem(key, f"{year}-05-03")
            self.problem(("heart_failure_reduced", "heart_failure_preserved", "copd")[rng.randint(0, 3)], "2017-02-10")
            self.history.allergies.append(
                Allergy(
                    "penicillin",
                    moment("1990-05-01"),
                    moment("2015-01-10"),
                    "hives",
                    "moderate",
                    "low",
                    False,
                    None,
                    None,
                )
            )
            for drug, dose, times in (("lisinopril", 20.0, 1), ("metformin", 1000.0, 2), ("furosemide", 40.0, 1)):
                start = moment(f"{2015 + rng.randint(0, 3)}-0{rng.randint(1, 9)}-11")
                given = list(range(start, NOW, 90 * 86_400))
                share = float(rng.random_sample())
                self.history.prescriptions.append(
                    Prescription(
                        drug, dose, "mg", "oral", times, False, start, None, "", 0, "", 0, 0, False, given, share
                    )
                )
        for year in range(2015, 2025):
            for month in (2, 8) if old else (4,):
                if old and (year, month) in ((2019, 2), (2022, 8)):
                    self.stay(
                        *(
                            ("2019-01-09", "heart_failure_acute", 4)
                            if month == 2
                            else ("2022-06-15", "kidney_injury", 5)
                        )
                    )
                self.clinic(f"{year}-{month:02d}-{rng.randint(1, 28):02d}")
            if year % 3 == 0:
                self.call(f"{year}-10-{rng.randint(1, 28):02d}")
        if kind == "now":
            self.stay("2024-11-08", "pneumonia", None)
        self.history.readings = readings(self.rows)

    def problem(self, key: str, day: str, chronic: bool = True, visit: int | None = None) -> int:
        at = moment(day)
        self.history.problems.append(Problem(key, at, at, None if chronic else at + 20 * 86_400, 0.6, chronic, visit))
        return len(self.history.problems) - 1

    def signs(self, at: int, visit: int) -> None:
        rng = self.rng
        values: dict[str, float] = {
            "systolic": 110 + rng.randint(0, 50),
            "diastolic": 60 + rng.randint(0, 30),
            "pulse": 58 + rng.randint(0, 40),
        }
        values |= {"respiratory_rate": 12.0 + rng.randint(0, 10), "temperature": 36.2 + rng.randint(0, 20) / 10}
        values |= {
            "saturation": 92.0 + rng.randint(0, 8),
            "weight": self.history.person.weight_kg + rng.randint(0, 40) / 10,
        }
        self.rows += [(at, key, float(value), visit) for key, value in values.items()]

    def labs(self, at: int, visit: int) -> None:
        rng = self.rng
        values: dict[str, float] = {
            "sodium": 130 + rng.randint(0, 14),
            "potassium": round(3.0 + rng.randint(0, 25) / 10, 1),
        }
        values |= {
            "creatinine": round(0.7 + rng.randint(0, 180) / 100, 2),
            "haemoglobin": round(9 + rng.randint(0, 60) / 10, 1),
        }
        values |= {
            "leucocytes": round(4 + rng.randint(0, 120) / 10, 1),
            "platelets": 120 + rng.randint(0, 280),
            "glucose": 80 + rng.randint(0, 200),
        }
        self.rows += [(at, key, float(value), visit) for key, value in values.items()]

    def clinic(self, day: str) -> None:
        start = moment(day, 9 + self.rng.randint(0, 7))
        number = len(self.history.visits)
        places = [
            place for place, one in enumerate(self.history.problems) if one.known is not None and one.known < start
        ]
        reason = ("follow_up", "annual_visit")[self.rng.randint(0, 2)]
        self.history.visits.append(
            Visit("ambulatory", start, start + 1800, "primary", reason, places[:2], 17, None, 192, 198)
        )
        self.signs(start + 300, number)
        self.labs(start - 2 * 86_400, number)

    def call(self, day: str) -> None:
        start = moment(day, 14)
        self.history.visits.append(Visit("telephone", start, start + 600, "primary", "refill", [], 17, None, 192, None))

    def stay(self, day: str, key: str, days: int | None) -> None:
        start = moment(day, 16)
        end = None if days is None else start + days * 86_400 - 3600 * 3
        number = len(self.history.visits)
        place = self.problem(key, day, False, number)
        self.history.visits.append(
            Visit(
                "inpatient",
                start,
                end,
                "medicine",
                "shortness_of_breath",
                [place],
                1,
                None,
                24,
                30,
                None,
                "home" if end else "",
                0.5,
            )
        )
        given = [start + 7200 + n * 86_400 for n in range(days or 4)]
        self.history.prescriptions.append(
            Prescription(
                "ceftriaxone", 1.0, "g", "iv", 1, False, start, end, "", place, "", number, 24, True, given=given
            )
        )
        for at in range(start + 600, end or NOW, 6 * 3600):
            self.signs(at, number)
        for at in range(start + 900, end or NOW, 86_400):
            self.labs(at, number)
        report = Report(
            "chest_xray",
            start,
            start + 1800,
            start + 5400,
            number,
            24,
            432,
            "cough",
            "Opacity at the right base.",
            "Right lower lobe opacity.",
        )
        self.history.reports.append(report)


def person(number: int, kind: str = "old") -> History:
    history = Maker(number, kind).history
    add_notes(HOSPITAL, STAFF, history)
    return history


STAFF = staff()
