"""The people at hand: nurses, residents, laboratory and radiology, by service and shift."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mab_gym.cohort.hospital._history import Person, Staff, Visit
from mab_gym.cohort.hospital._zone import offset_at

_SHIFT = 12 * 3600


def age_at(person: Person, moment: int) -> int:
    """Returns the completed years at a moment, as `Person.age` does, but quicker."""
    day = date.fromordinal(719_163 + (moment + offset_at(moment)) // 86_400)
    born = person.born
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


class Crew:
    """The staff by service and role."""

    def __init__(self, staff: Staff) -> None:
        """Sorts the staff.

        Args:
            staff: Whoever works here.
        """
        self._by: dict[tuple[str, str], list[int]] = {}
        for one in staff.practitioners:
            self._by.setdefault((one.service, one.role), []).append(one.number)

    def of(self, service: str, role: str) -> Sequence[int]:
        """Returns the numbers of the people of a service with a role."""
        return self._by.get((service, role), ())

    def one(self, service: str, role: str, pick: int, otherwise: int) -> int:
        """Returns one of them, by any number; somebody else where a service has none."""
        found = self._by.get((service, role), ())
        return found[pick % len(found)] if found else otherwise

    def nurse(self, visit: Visit, moment: int) -> int:
        """Returns the nurse who looks after somebody at a moment: another for each shift of twelve hours from seven."""
        usual = visit.practitioner if visit.nurse is None else visit.nurse
        if visit.kind not in ("inpatient", "emergency"):
            return usual
        shift = (moment + offset_at(moment) - 7 * 3600) // _SHIFT
        first = (visit.start + offset_at(visit.start) - 7 * 3600) // _SHIFT
        return usual if shift == first else self.one(visit.service, "nurse", shift * 5 + visit.place, usual)

    def orderer(self, visit: Visit, pick: int) -> int:
        """Returns who orders in a visit: in stays often a resident, else the practitioner."""
        if visit.kind == "inpatient" and pick % 5 < 3:
            return self.one(visit.service, "resident", pick // 5, visit.practitioner)
        return visit.practitioner
