"""The hospital's own resources: organizations, places, people and their roles, and the handbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mab_gym.cohort.hospital._handbook import HandbookPage
from mab_gym.cohort.hospital._history import Place, Practitioner
from mab_gym.cohort.hospital._staff import COMMERCIAL, OUTSIDE_HOSPITALS, PHARMACIES
from mab_gym.cohort.hospital._zone import written
from mab_gym.cohort.hospital.rows._chart import (
    HANDBOOK,
    HOSPITAL_ORGANIZATION,
    LIVE,
    PLACES,
    PRACTITIONERS,
    ROLES_OF,
    Hospital,
    meta_text,
)
from mab_gym.cohort.hospital.rows._documents import content_text
from mab_gym.cohort.hospital.rows._encounters import SERVICE_WORDS
from mab_gym.cohort.hospital.rows._fhir import HL7, OWN, US_CORE, Element, concept, reference, said
from mab_gym.cohort.hospital.rows._sheet import Day, Sheet

_ADDRESS: Final = [{"line": ["1 Hospital Drive"], "city": "Merrow Valley", "state": "NY", "postalCode": "12999"}]
"""Invented, as all places here."""
_HOURS: Final = [{"daysOfWeek": ["mon", "tue", "wed", "thu", "fri"], "availableStartTime": "08:00:00",
                  "availableEndTime": "17:00:00"}]  # fmt: skip
_NUCC: Final = "http://nucc.org/provider-taxonomy"
_SPECIALTIES: Final = {
    "emergency": ("207P00000X", "Emergency Medicine Physician"),
    "medicine": ("207R00000X", "Internal Medicine Physician"),
    "cardiology": ("207RC0000X", "Cardiovascular Disease Physician"),
    "surgery": ("208600000X", "Surgery Physician"),
    "intensive": ("207RC0200X", "Critical Care Medicine (Internal Medicine) Physician"),
    "obstetrics": ("207V00000X", "Obstetrics & Gynecology Physician"),
    "oncology": ("207RH0003X", "Hematology & Oncology Physician"),
    "nephrology": ("207RN0300X", "Nephrology Physician"),
    "primary": ("207Q00000X", "Family Medicine Physician"),
    "endocrinology": ("207RE0101X", "Endocrinology, Diabetes & Metabolism Physician"),
    "pulmonology": ("207RP1001X", "Pulmonary Disease Physician"),
    "gastroenterology": ("207RG0100X", "Gastroenterology Physician"),
    "neurology": ("2084N0400X", "Neurology Physician"),
    "psychiatry": ("2084P0800X", "Psychiatry Physician"),
    "orthopaedics": ("207X00000X", "Orthopaedic Surgery Physician"),
    "urology": ("208800000X", "Urology Physician"),
    "radiology": ("2085R0202X", "Diagnostic Radiology Physician"),
}
"""Health Care Provider Taxonomy codes."""
_ROLE_CODES: Final = {"physician": "doctor", "resident": "doctor", "nurse": "nurse", "pharmacist": "pharmacist"}
_LOCATION_TYPES: Final = {
    "emergency": ("ER", "Emergency room"), "intensive": ("ICU", "Intensive care unit"),
    "radiology": ("RADDX", "Radiology diagnostics or therapeutics unit"),
    "pharmacy": ("PHARM", "Pharmacy"), "ward": ("HU", "Hospital unit"), "clinic": ("HOSP", "Hospital"),
}  # fmt: skip
_LABORATORY: Final = ("HLAB", "hospital laboratory")
_PAGE_CODES: Final = {"policy": "Hospital policy", "protocol": "Clinical protocol", "pathway": "Clinical pathway"}


def staff_sheets(hospital: Hospital, pages: list[HandbookPage]) -> list[Sheet]:
    """Returns the rows of the hospital's own resources."""
    found = [_organizations(hospital), _locations(hospital), *_practitioners(hospital)]
    return [*found, *_handbook(hospital, pages)]


def _meta(sheet: Sheet, profile: str, moment: int = 0) -> int:
    return sheet["meta"].text(meta_text(profile, max(moment, LIVE) * 1000 + 211))


def _organizations(hospital: Hospital) -> Sheet:
    sheet = Sheet("Organization")
    payers, outside = hospital.staff.payers, hospital.staff.outside

    def add(number: int, name: str, kind: str, display: str) -> None:
        own = number == HOSPITAL_ORGANIZATION
        sheet.add(
            id=number,
            meta=_meta(sheet, f"{US_CORE}organization"),
            identifier=sheet["identifier"].json([{"system": f"{OWN}.4", "value": f"O{number}"}]),
            active=sheet["active"].text("true"),
            type=sheet["type"].json([concept(f"{HL7}organization-type", kind, display)]),
            name=sheet["name"].text(said(name)),
            telecom=sheet["telecom"].json([{"system": "phone", "value": f"518-555-{number % 10_000:04d}"}]),
            address=sheet["address"].json(_ADDRESS) if own else 0,
        )

    add(HOSPITAL_ORGANIZATION, hospital.staff.name, "prov", "Healthcare Provider")
    first = HOSPITAL_ORGANIZATION + 1
    for number, name in enumerate(payers):
        kind = ("pay", "Payer") if number in COMMERCIAL else ("govt", "Government")
        add(first + number, name, *(kind if name != "Self-pay" else ("other", "Other")))
    for number, name in enumerate(outside):
        kind = (
            ("prov", "Healthcare Provider")
            if number in OUTSIDE_HOSPITALS or number not in PHARMACIES
            else ("bus", "Non-Healthcare Business or Corporation")
        )
        add(first + len(payers) + number, name, *kind)
    return sheet


def _locations(hospital: Hospital) -> Sheet:
    sheet = Sheet("Location")
    provider = sheet["managingOrganization"].text(hospital.organization_text)
    for place in hospital.staff.places:
        sheet.add(
            id=PLACES + place.number,
            meta=_meta(sheet, f"{US_CORE}location"),
            status=sheet["status"].text('"active"'),
            name=sheet["name"].text(said(place.name)),
            mode=sheet["mode"].text('"instance"'),
            type=_location_type(sheet, place),
            physicalType=sheet["physicalType"].json(concept(f"{HL7}location-physical-type", *_physical(place))),
            managingOrganization=provider,
            partOf=0 if place.part_of is None else sheet["partOf"].json(hospital.places[place.part_of]),
        )
    return sheet


def _location_type(sheet: Sheet, place: Place) -> int:
    ward = place.service if place.service in ("emergency", "intensive") else "ward"
    known = _LOCATION_TYPES.get(ward if place.kind == "bed" else place.kind, _LABORATORY)
    words = SERVICE_WORDS[place.service]
    return sheet["type"].json([concept(f"{HL7}v3-RoleCode", *known, words)])


def _physical(place: Place) -> tuple[str, str]:
    if place.kind == "bed":
        return "bd", "Bed"
    return ("wa", "Ward") if place.kind in ("ward", "intensive", "emergency") else ("wi", "Wing")


def _practitioners(hospital: Hospital) -> Iterator[Sheet]:
    people, roles = Sheet("Practitioner"), Sheet("PractitionerRole")
    clinics = {place.service: place.number for place in hospital.staff.places if place.kind not in ("bed", "ward")}
    for one in hospital.staff.practitioners:
        name: Element = {"use": "official", "family": one.family, "given": [one.given]}
        if one.degree:
            name["suffix"] = [one.degree]
        people.add(
            id=PRACTITIONERS + one.number,
            meta=_meta(people, f"{US_CORE}practitioner"),
            identifier=people["identifier"].json([{"system": "http://hl7.org/fhir/sid/us-npi", "value": one.npi}]),
            active=people["active"].text("true"),
            name=people["name"].json([name]),
            telecom=people["telecom"].json([_pager(one)]),
        )
        where = clinics.get(one.service)
        specialty = _SPECIALTIES.get(one.service) if one.role in ("physician", "resident") else None
        roles.add(
            id=ROLES_OF + one.number,
            meta=_meta(roles, f"{US_CORE}practitionerrole"),
            active=roles["active"].text("true"),
            practitioner=roles["practitioner"].text(hospital.practitioner_texts[one.number]),
            organization=roles["organization"].text(hospital.organization_text),
            code=roles["code"].json([_role(one)]),
            specialty=roles["specialty"].json(
                [
                    concept(_NUCC, *specialty, SERVICE_WORDS[one.service])
                    if specialty
                    else {"text": SERVICE_WORDS[one.service]}
                ]
            ),
            location=0 if where is None else roles["location"].json([hospital.places[where]]),
            telecom=roles["telecom"].json([_pager(one)]),
            availableTime=roles["availableTime"].json(_HOURS),
        )
    yield people
    yield roles


def _pager(one: Practitioner) -> Element:
    return {"system": "pager", "value": f"518-555-{2000 + one.number:04d}", "use": "work"}


def _role(one: Practitioner) -> Element:
    words = one.role.replace("_", " ").capitalize()
    code = _ROLE_CODES.get(one.role)
    return concept(f"{HL7}practitioner-role", code, code.capitalize(), words) if code else {"text": words}


def _handbook(hospital: Hospital, pages: list[HandbookPage]) -> Iterator[Sheet]:
    documents, plans = Sheet("DocumentReference", ("date",)), Sheet("PlanDefinition", ("date",))
    ids = {page.name: HANDBOOK + number for number, page in enumerate(pages)}
    for page in pages:
        signed = int(datetime(page.since.year, page.since.month, page.since.day, 15, tzinfo=UTC).timestamp())
        before = [each for each in pages if each.key == page.key and each.until == page.since]
        relates = [{"code": "replaces", "target": reference("DocumentReference", ids[each.name])} for each in before]
        words = f"{page.number} {page.title}, version {page.version}"
        by = hospital.practitioner_texts[page.author]
        documents.add(
            id=ids[page.name],
            meta=_meta(documents, "", signed),
            identifier=documents["identifier"].json([{"system": f"{OWN}.6", "value": f"{page.number}/{page.version}"}]),
            status=documents["status"].text(said(page.status)),
            docStatus=documents["docStatus"].text('"final"'),
            type=documents["type"].json(concept(f"{OWN}.8", page.kind, _PAGE_CODES[page.kind], _PAGE_CODES[page.kind])),
            category=documents["category"].json([concept(f"{OWN}.8", "handbook", "Handbook", "Handbook")]),
            date=signed,
            author=documents["author"].text(f"[ {by} ]"),
            authenticator=documents["authenticator"].text(by),
            custodian=documents["custodian"].text(hospital.organization_text),
            relatesTo=documents["relatesTo"].json(relates) if relates else 0,
            description=documents["description"].text(said(words)),
            content=documents["content"].text(
                content_text(page.text, said(page.title), written(signed), "text/markdown; charset=utf-8")
            ),
            context=documents["context"].json({"practiceSetting": {"text": SERVICE_WORDS[page.service]}}),
        )
        if page.definition:
            _add_plan(hospital, plans, page, signed, ids[page.name])
    yield documents
    yield plans


def _add_plan(hospital: Hospital, sheet: Sheet, page: HandbookPage, signed: int, document: int) -> None:
    kind = ("clinical-protocol", "Clinical Protocol")
    effective: Element = {"start": page.since.isoformat()}
    if page.until is not None:
        effective["end"] = page.until.isoformat()
    sheet.add(
        id=document,
        meta=_meta(sheet, "", signed),
        identifier=sheet["identifier"].json([{"system": f"{OWN}.6", "value": f"{page.number}/{page.version}"}]),
        version=sheet["version"].text(said(page.version)),
        name=sheet["name"].text(said("".join(part.capitalize() for part in page.key.split("_")))),
        title=sheet["title"].text(said(page.title)),
        type=sheet["type"].json(concept(f"{HL7}plan-definition-type", *kind)),
        status=sheet["status"].text('"active"' if page.status == "current" else '"retired"'),
        date=Day(signed),
        publisher=sheet["publisher"].text(said(hospital.staff.name)),
        description=sheet["description"].text(said(f"{page.number} {page.title}: its rules as data.")),
        effectivePeriod=sheet["effectivePeriod"].json(effective),
        topic=sheet["topic"].json([{"text": page.topic}]),
        relatedArtifact=sheet["relatedArtifact"].json([
            {"type": "documentation", "display": page.title, "url": f"DocumentReference/{document}"},
            *({"type": "citation", "citation": source} for source in page.sources),
        ]),
        action=sheet["action"].json([_action(key, rule) for key, rule in page.rules.items()]),
    )  # fmt: skip


def _action(key: str, rule: Any) -> Element:
    """Returns a rule as an action: what it is about, and its figures in words."""
    title = key.replace("_", " ")
    if isinstance(rule, list) and any(isinstance(step, Mapping) for step in rule):
        return {"title": title, "action": [{"description": _words(step)} for step in rule]}
    return {"title": title, "description": _words(rule)}


def _words(rule: Any) -> str:
    if isinstance(rule, Mapping):
        return "; ".join(f"{key.replace('_', ' ')} {_words(value)}" for key, value in rule.items())
    if isinstance(rule, list):
        return ", ".join(map(_words, rule))
    if isinstance(rule, bool):
        return "yes" if rule else "no"
    return f"{rule:g}" if isinstance(rule, float) else str(rule)
