"""The further types of resources in a chart: the order in which they stand, their titles, and what is told of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.charts._elements import full_name, named, spoken
from mab_gym.charts._references import Names
from mab_gym.charts._series import dicts

Row = Mapping[str, Any]
_DRUG: Final = ("medicationCodeableConcept", "medicationReference")


@dataclass(frozen=True, slots=True)
class Kind:
    """The form in which resources of a type are shown.

    Attributes:
        title: The section's title.
        names: Elements that name one of them, the best first.
        told: Elements that `tell` is given.
        tell: Returns the details of one in words.
        status: The element with its status.
        alone: True if each stands by itself; else those with the same name are told together.
    """

    title: str
    names: tuple[str, ...]
    told: tuple[str, ...] = ()
    tell: Callable[[Row, Names], str] = lambda row, names: ""
    status: str = "status"
    alone: bool = False


def _joined(*parts: object) -> str:
    return ", ".join(dict.fromkeys(str(part) for part in parts if part))


def _amount(value: Any) -> str:
    if not isinstance(value, dict) or "value" not in value:
        return ""
    return f"{value['value']} {value.get('unit') or value.get('code') or ''}".strip()


def _days(period: Any) -> str:
    if not isinstance(period, dict):
        return ""
    ends = [str(period.get(end) or "")[:10] for end in ("start", "end")]
    return f"{ends[0]} – {ends[1]}" if all(ends) else f"since {ends[0]}" if ends[0] else f"until {ends[1]}"


def _relative(row: Row, names: Names) -> str:
    ill = []
    for each in dicts(row["condition"]):
        age = _amount(each.get("onsetAge")) or str(each.get("onsetString") or "")
        ill.append(f"{named(each.get('code'))}{f' at {age}' if age else ''}")
    died = _amount(row["deceasedAge"]) or str(row["deceasedString"] or "")
    gone = f"died at {died}" if died else "died" if row["deceasedBoolean"] else ""
    return _joined(row["name"], *ill, gone)


def _doses(row: Row, names: Names) -> str:
    dosage = row["dosage"]
    first = dosage if isinstance(dosage, dict) else next(iter(dicts(dosage)), {})
    text = str(first.get("text") or "") or _joined(_amount(first.get("dose")), named(first.get("route")))
    return _joined(text, named(row["statusReason"]))


def _dispensed(row: Row, names: Names) -> str:
    days = _amount(row["daysSupply"])
    return _joined(_amount(row["quantity"]), f"for {days}" if days else "", names.of(row["performer"]))


def _cover(row: Row, names: Names) -> str:
    plans = [str(each.get("name") or each.get("value") or "") for each in dicts(row["class"])]
    return _joined(names.of(row["payor"]), *plans, _days(row["period"]))


def _team(row: Row, names: Names) -> str:
    people = []
    for each in dicts(row["participant"]):
        role, who = named(each.get("role")), names.of(each.get("member") or each.get("actor"))
        people.append(f"{who} ({role})" if who and role else who or role)
    return _joined(*people)


def _told(row: Row, names: Names) -> str:
    text = " ".join(str(part.get("contentString") or "") for part in dicts(row["payload"]))
    sender = names.of(row["sender"])
    return _joined(f"{sender}: {text}" if sender and text else text)


def _concluded(row: Row, names: Names) -> str:
    return _joined(row["conclusion"] or named(row["conclusionCode"]))


def _goal(row: Row, names: Names) -> str:
    targets = [
        _joined(named(each.get("measure")), _amount(each.get("detailQuantity")), each.get("dueDate"))
        for each in dicts(row["target"])
    ]
    return _joined(*targets)


def _plan(row: Row, names: Names) -> str:
    steps = [each["detail"] for each in dicts(row["activity"]) if isinstance(each.get("detail"), dict)]
    return _joined(row["description"], *(named(each.get("code")) or each.get("description") for each in steps))


def _meeting(row: Row, names: Names) -> str:
    with_ = [
        names.of(each.get("actor"))
        for each in dicts(row["participant"])
        if isinstance(each.get("actor"), dict) and not str(each["actor"].get("reference") or "").startswith("Patient/")
    ]
    return _joined(row["description"] or named(row["reasonCode"]), *with_)


def _contact(row: Row, names: Names) -> str:
    numbers = [str(each.get("value") or "") for each in dicts(row["telecom"])]
    return _joined(full_name(row["name"]), *numbers)


def _consent(row: Row, names: Names) -> str:
    provision = row["provision"]
    kind = str(provision.get("type") or "") if isinstance(provision, dict) else ""
    return _joined(kind, named(row["category"]), named(row["policyRule"]))


def _words(*elements: str) -> Callable[[Row, Names], str]:
    def tell(row: Row, names: Names) -> str:
        return _joined(*(spoken(row[name]) if isinstance(row[name], dict | list) else row[name] for name in elements))

    return tell


KINDS: Final[Mapping[str, Kind]] = {
    "Flag": Kind("Flags", ("code",), ("category", "period"), lambda row, names: _joined(_days(row["period"]))),
    "Consent": Kind("Consents", ("scope",), ("category", "provision", "policyRule"), _consent, alone=True),
    "DiagnosticReport": Kind("Reports", ("code",), ("conclusion", "conclusionCode"), _concluded),
    "MedicationStatement": Kind(
        "Drugs as they are said to be taken", _DRUG, ("dosage", "statusReason"), _doses
    ),
    "MedicationAdministration": Kind("Doses given", _DRUG, ("dosage", "statusReason"), _doses),
    "MedicationDispense": Kind("Drugs given out", _DRUG, ("quantity", "daysSupply", "performer"), _dispensed),
    "Immunization": Kind("Immunizations", ("vaccineCode",), ("statusReason",), _words("statusReason")),
    "FamilyMemberHistory": Kind(
        "Family history", ("relationship",),
        ("name", "condition", "deceasedAge", "deceasedString", "deceasedBoolean"), _relative, alone=True,
    ),
    "ServiceRequest": Kind("Orders", ("code",), ("priority",), _words("priority")),
    "NutritionOrder": Kind("Diets", ("oralDiet", "enteralFormula"), ("oralDiet",)),
    "CarePlan": Kind("Care plans", ("title", "category"), ("description", "activity"), _plan),
    "Goal": Kind("Goals", ("description",), ("target",), _goal, "lifecycleStatus"),
    "CareTeam": Kind("Care team", ("name", "category"), ("participant",), _team),
    "Task": Kind("Tasks", ("code", "description"), ("description",), _words("description")),
    "Appointment": Kind(
        "Appointments", ("serviceType", "appointmentType", "description"), ("description", "reasonCode", "participant"),
        _meeting, alone=True,
    ),
    "Communication": Kind("Messages", ("topic", "category"), ("payload", "sender"), _told, alone=True),
    "Coverage": Kind("Coverage", ("type",), ("payor", "class", "period"), _cover, alone=True),
    "RelatedPerson": Kind("Contacts", ("relationship",), ("name", "telecom"), _contact, "active", alone=True),
    "Specimen": Kind("Specimens", ("type",), ("condition",), _words("condition")),
}  # fmt: skip
"""The types in the order in which a chart shows them; others come after them, by their name."""
