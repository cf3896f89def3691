"""A small staff and people made by hand, for tests of notes and handbook."""

from mab_gym.cohort.hospital._history import ROLES, SERVICES, Place, Practitioner, Staff

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
