"""Patients, those who are close to them, their families' diseases, and their insurance."""

from __future__ import annotations

from functools import cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._history import RECORDS_FROM, Relative
from mab_gym.cohort.hospital._staff import MEDICAID, MEDICARE, SELF_PAY, VETERANS
from mab_gym.cohort.hospital._zone import day_of
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._conditions import condition_code
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    OWN,
    SNOMED,
    US_CORE,
    Element,
    concept,
    quantity,
    said,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet

_LANGUAGES: Final = {
    "en": "English", "es": "Spanish", "zh": "Chinese", "vi": "Vietnamese", "ko": "Korean", "ja": "Japanese",
    "hi": "Hindi", "ht": "Haitian Creole", "pt": "Portuguese", "ru": "Russian", "ar": "Arabic", "fr": "French",
    "pl": "Polish", "tl": "Tagalog", "sm": "Samoan", "to": "Tonga",
}  # fmt: skip
_MARITAL: Final = {
    "M": "Married", "S": "Never Married", "W": "Widowed", "D": "Divorced", "L": "Legally Separated",
    "T": "Domestic partner", "A": "Annulled", "U": "unmarried", "UNK": "unknown",
}  # fmt: skip
KIN: Final = {
    "MTH": "mother", "FTH": "father", "SIS": "sister", "BRO": "brother",
    "DAU": "natural daughter", "SON": "natural son",
    "SPS": "spouse", "WIFE": "wife", "HUSB": "husband", "DOMPART": "domestic partner", "CHILD": "child",
    "DAUC": "daughter", "SONC": "son", "GRMTH": "grandmother", "GRFTH": "grandfather", "FRND": "unrelated friend",
    "MGRMTH": "maternal grandmother", "MGRFTH": "maternal grandfather", "PGRMTH": "paternal grandmother",
    "PGRFTH": "paternal grandfather", "AUNT": "aunt", "UNCLE": "uncle", "NBOR": "neighbor", "SIB": "sibling",
    "NMTH": "natural mother", "NFTH": "natural father", "NSIS": "natural sister", "NBRO": "natural brother",
    "DAUINLAW": "daughter in-law", "SONINLAW": "son in-law", "GRNDDAU": "granddaughter", "GRNDSON": "grandson",
    "NIECE": "niece", "NEPHEW": "nephew", "COUSN": "cousin", "ROOM": "roommate", "PRN": "parent",
    "STPMTH": "stepmother",
}  # fmt: skip
"""Displays of HL7 v3 RoleCode."""
_WOMEN: Final = frozenset({
    "MTH", "SIS", "DAU", "WIFE", "DAUC", "GRMTH", "MGRMTH", "PGRMTH", "AUNT", "NMTH", "NSIS", "DAUINLAW", "GRNDDAU",
    "NIECE", "STPMTH",
})  # fmt: skip
_MEN: Final = frozenset({
    "FTH", "BRO", "SON", "HUSB", "SONC", "GRFTH", "MGRFTH", "PGRFTH", "UNCLE", "NFTH", "NBRO", "SONINLAW", "GRNDSON",
    "NEPHEW",
})  # fmt: skip
_YES: Final = {"system": SNOMED, "code": "373066001", "display": "Yes"}


def patient_sheet() -> Sheet:
    """Returns an empty sheet of patients."""
    return Sheet("Patient", ("deceasedDateTime",))


def add_patient(chart: Chart, sheet: Sheet) -> None:
    """Adds the Patient."""
    person = chart.person
    recorded = chart.history.visits[-1].start if chart.history.visits else RECORDS_FROM
    contacts = [each for each in person.relatives if each.contact]
    telecom: list[Element] = [{"system": "phone", "value": person.phone, "use": "mobile"}] if person.phone else []
    if person.email:
        telecom.append({"system": "email", "value": person.email, "use": "home"})
    name: Element = {"use": "official", "family": person.family, "given": list(person.given)}
    address = {
        "use": "home",
        "line": [person.line],
        "city": person.city,
        "state": person.state,
        "postalCode": person.postal,
        "country": "US",
    }
    marital = concept(f"{HL7}v3-MaritalStatus", person.marital, _MARITAL.get(person.marital, person.marital))
    sheet.add(
        id=person.mrn,
        meta=chart.meta(sheet, f"{US_CORE}patient", max(recorded, person.died or 0)),
        extension=sheet["extension"].of((person.race, person.hispanic, person.female, person.interpreter), _extensions),
        identifier=sheet["identifier"].text(_identifiers(person.mrn)),
        active=sheet["active"].text("true"),
        name=sheet["name"].json([name]),
        telecom=sheet["telecom"].json(telecom) if telecom else 0,
        gender=sheet["gender"].text(said("female" if person.female else "male")),
        birthDate=sheet["birthDate"].text(f'"{person.born.isoformat()}"'),
        deceasedBoolean=sheet["deceasedBoolean"].text("false") if person.died is None else 0,
        deceasedDateTime=person.died,
        address=sheet["address"].json([address]) if person.line else 0,
        maritalStatus=sheet["maritalStatus"].json(marital),
        contact=sheet["contact"].json([_contact(each) for each in contacts]) if contacts else 0,
        communication=sheet["communication"].of(person.language, _communication),
        generalPractitioner=sheet["generalPractitioner"].json([chart.hospital.practitioners[person.doctor]]),
        managingOrganization=sheet["managingOrganization"].text(chart.hospital.organization_text),
    )


def add_related(chart: Chart, sheet: Sheet) -> None:
    """Adds those who are to be called, as RelatedPersons."""
    person = chart.person
    for each in person.relatives:
        if not each.contact:
            continue
        number = chart.take()
        chart.kin = number if chart.kin is None else chart.kin
        sheet.add(
            id=number,
            meta=chart.meta(sheet, f"{US_CORE}relatedperson", RECORDS_FROM),
            active=sheet["active"].text("true"),
            patient=chart.whose(sheet, "patient"),
            relationship=sheet["relationship"].json([_kin(each.relation)]),
            name=sheet["name"].json([{"use": "official", "family": each.family, "given": [each.given]}]),
            telecom=sheet["telecom"].json([{"system": "phone", "value": each.phone}]) if each.phone else 0,
            gender=optional_gender(sheet, "gender", each),
        )


def family_sheet() -> Sheet:
    """Returns an empty sheet of family histories."""
    return Sheet("FamilyMemberHistory", ("date",))


def add_family(chart: Chart, sheet: Sheet) -> None:
    """Adds the diseases of relatives, as told at the first visit."""
    visits = chart.history.visits
    told = visits[0].start if visits else RECORDS_FROM
    for each in chart.person.relatives:
        if each.relation not in KIN or (not each.conditions and each.relation not in ("MTH", "FTH", "SIS", "BRO")):
            continue
        conditions = [
            {"code": condition_code(key), "onsetAge": quantity(age, "years", "a")} for key, age in each.conditions
        ]
        died = each.died is not None
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, "", told),
            status=sheet["status"].text('"completed"'),
            patient=chart.whose(sheet, "patient"),
            date=told,
            relationship=sheet["relationship"].json(_kin(each.relation)),
            sex=sheet["sex"].of(_sex(each), _sex_text) if _sex(each) else 0,
            bornDate=sheet["bornDate"].text(f'"{each.born}"'),
            deceasedBoolean=0 if died else sheet["deceasedBoolean"].text("false"),
            deceasedAge=sheet["deceasedAge"].json(quantity(each.died, "years", "a")) if each.died is not None else 0,
            condition=sheet["condition"].json(conditions) if conditions else 0,
        )


def add_coverage(chart: Chart, sheet: Sheet) -> None:
    """Adds the insurance."""
    person = chart.person
    if person.payer == SELF_PAY:
        return
    policy = f"{(person.number * 48_271 + 11) % 2_147_483_647:010d}"
    public = person.payer in (MEDICARE, MEDICAID, VETERANS)
    kind = ("PUBLICPOL", "public healthcare") if public else ("EHCPOL", "extended healthcare")
    name = person.plan or chart.hospital.staff.payers[person.payer]
    plan = [{"type": concept(f"{HL7}coverage-class", "plan", "Plan"), "value": name, "name": name}]
    start = chart.history.visits[0].start if chart.history.visits else RECORDS_FROM
    begins = f"{day_of(start)[:4]}-01-01"
    member = concept(f"{HL7}v2-0203", "MB", "Member Number")
    sheet.add(
        id=chart.take(),
        meta=chart.meta(sheet, f"{US_CORE}coverage", start),
        identifier=sheet["identifier"].json([{"type": member, "system": f"{OWN}.2", "value": policy}]),
        status=sheet["status"].text('"active"'),
        type=sheet["type"].json(concept(f"{HL7}v3-ActCode", *kind, name)),
        subscriber=sheet["subscriber"].text(chart.subject),
        subscriberId=sheet["subscriberId"].text(said(policy)),
        beneficiary=chart.whose(sheet, "beneficiary"),
        relationship=sheet["relationship"].json(concept(f"{HL7}subscriber-relationship", "self", "Self")),
        period=sheet["period"].json({"start": begins}),
        payor=sheet["payor"].json([chart.hospital.payers[person.payer]]),
        **{"class": sheet["class"].json(plan)},
    )


def optional_gender(sheet: Sheet, element: str, each: Relative) -> int:
    """Returns the code of a relative's gender; 0 where the relation does not tell it."""
    sex = _sex(each)
    return sheet[element].text(said(sex)) if sex else 0


def _sex(each: Relative) -> str:
    return "female" if each.relation in _WOMEN else "male" if each.relation in _MEN else ""


@cache
def _sex_text(sex: str) -> str:
    return pretty(concept("http://hl7.org/fhir/administrative-gender", sex, sex.capitalize()))


def _kin(relation: str) -> Element:
    if relation not in KIN:
        return {"text": relation}
    return concept(f"{HL7}v3-RoleCode", relation, KIN[relation], KIN[relation])


def _contact(each: Relative) -> Element:
    found: Element = {
        "relationship": [_kin(each.relation), concept(f"{HL7}v2-0131", "C", "Emergency Contact")],
        "name": {"family": each.family, "given": [each.given]},
    }
    if each.phone:
        found["telecom"] = [{"system": "phone", "value": each.phone}]
    sex = _sex(each)
    return found | {"gender": sex} if sex else found


def _identifiers(mrn: str) -> str:
    kind = concept(f"{HL7}v2-0203", "MR", "Medical Record Number")
    return pretty([{"use": "usual", "type": kind, "system": f"{OWN}.3", "value": mrn}])


@cache
def _extensions(key: tuple[tuple[str, str], bool, bool, bool]) -> str:
    (code, display), hispanic, female, interpreter = key
    # A race that is no OMB category (``2131-1``) is told in words alone, as US Core asks.
    omb = code in ("1002-5", "2028-9", "2054-5", "2076-8", "2106-3")
    system = "urn:oid:2.16.840.1.113883.6.238"
    race: list[Element] = (
        [{"url": "ombCategory", "valueCoding": {"system": system, "code": code, "display": display}}] if omb else []
    )
    ethnic = ("2135-2", "Hispanic or Latino") if hispanic else ("2186-5", "Not Hispanic or Latino")
    return pretty([
        {"extension": [*race, {"url": "text", "valueString": display}], "url": f"{US_CORE}race"},
        {
            "extension": [
                {"url": "ombCategory", "valueCoding": {"system": system, "code": ethnic[0], "display": ethnic[1]}},
                {"url": "text", "valueString": ethnic[1]},
            ],
            "url": f"{US_CORE}ethnicity",
        },
        {"url": f"{US_CORE}birthsex", "valueCode": "F" if female else "M"},
        *([{"url": f"{US_CORE}interpreter-needed", "valueCoding": _YES}] if interpreter else []),
    ])  # fmt: skip


@cache
def _communication(language: str) -> str:
    return pretty(
        [{"language": concept("urn:ietf:bcp:47", language, _LANGUAGES.get(language, language)), "preferred": True}]
    )
