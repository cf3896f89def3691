"""Random requests to ``$validate``: resources as agents write them, each broken in a few places."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Resource = dict[str, Any]
Holder = tuple[Any, Any]
"""A dict or a list, and the key or index of a value in it."""

_JSON = {"Content-Type": "application/fhir+json"}
_DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
_TERMS = "http://terminology.hl7.org/CodeSystem/"
_UCUM = "http://unitsofmeasure.org"
_BASE = "http://hl7.org/fhir/StructureDefinition/"


def _concept(system: str, code: str, display: str = "") -> Resource:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding], "text": display or code}


_PATIENT = {"reference": "Patient/S2022848"}
_DOSE = {"value": 500, "unit": "mg", "system": _UCUM, "code": "mg"}
_REPEAT = {"frequency": 2, "period": 1, "periodUnit": "d", "boundsPeriod": {"start": "2023-01-01", "end": "2023-02-01"}}
SEEDS: Sequence[Resource] = (
    {"resourceType": "Patient", "name": [{"use": "official", "family": "Doe", "given": ["Jane"]}], "gender": "female",
     "birthDate": "1990-01-01", "identifier": [{"system": "http://hospital.org/mrn", "value": "123",
     "type": _concept(_TERMS + "v2-0203", "MR")}], "telecom": [{"system": "phone", "value": "555", "rank": 1}],
     "maritalStatus": _concept(_TERMS + "v3-MaritalStatus", "M", "Married"), "contact": [{"name": {"family": "Doe"}}],
     "communication": [{"language": _concept("urn:ietf:bcp:47", "en")}], "multipleBirthInteger": 2,
     "managingOrganization": {"reference": "Organization/org-1"}, "link": [{"other": _PATIENT, "type": "refer"}]},
    {"resourceType": "Observation", "status": "final", "category": [_concept(_TERMS + "observation-category",
     "vital-signs", "Vital Signs")], "code": _concept("http://loinc.org", "8867-4", "Heart rate"), "subject": _PATIENT,
     "effectiveDateTime": "2023-11-13T10:15:00+00:00", "valueQuantity": {"value": 72, "unit": "beats/min",
     "system": _UCUM, "code": "/min"}, "performer": [{"reference": "Practitioner/prac-1"}],
     "interpretation": [_concept(_TERMS + "v3-ObservationInterpretation", "N", "Normal")],
     "referenceRange": [{"low": {"value": 60, "unit": "/min"}, "high": {"value": 100, "unit": "/min"}}],
     "component": [{"code": {"text": "systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg", "system": _UCUM,
     "code": "mm[Hg]"}}]},
    {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": _PATIENT,
     "medicationCodeableConcept": _concept("http://www.nlm.nih.gov/research/umls/rxnorm", "197361", "Amlodipine 5 MG"),
     "authoredOn": "2023-11-13", "requester": {"reference": "Practitioner/prac-1"}, "priority": "routine",
     "dosageInstruction": [{"sequence": 1, "text": "twice daily", "timing": {"repeat": _REPEAT, "code":
     _concept(_TERMS + "v3-GTSAbbreviation", "BID")}, "asNeededBoolean": False, "route":
     _concept("http://snomed.info/sct", "26643006", "Oral"), "doseAndRate": [{"doseQuantity": _DOSE}]}],
     "dispenseRequest": {"quantity": {"value": 30, "unit": "tablet"}, "numberOfRepeatsAllowed": 1,
     "expectedSupplyDuration": {"value": 30, "unit": "days", "system": _UCUM, "code": "d"}},
     "note": [{"text": "take with food"}], "substitution": {"allowedBoolean": True}},
    {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "priority": "stat", "subject": _PATIENT,
     "code": _concept("http://snomed.info/sct", "306181000000106", "Referral"), "authoredOn": "2023-11-13T10:15:00Z",
     "occurrenceDateTime": "2023-11-14", "orderDetail": [{"text": "urgent"}], "note": [{"text": "please"}],
     "reasonCode": [{"text": "pain"}], "quantityQuantity": {"value": 1}},
    {"resourceType": "Condition", "clinicalStatus": _concept(_TERMS + "condition-clinical", "active"),
     "verificationStatus": _concept(_TERMS + "condition-ver-status", "confirmed"), "category":
     [_concept(_TERMS + "condition-category", "problem-list-item")], "severity":
     _concept("http://snomed.info/sct", "24484000", "Severe"), "code": _concept("http://hl7.org/fhir/sid/icd-10-cm",
     "J18.9", "Pneumonia"), "subject": _PATIENT, "onsetAge": {"value": 40, "unit": "years", "system": _UCUM,
     "code": "a"}, "recordedDate": "2023-11-13", "stage": [{"summary": {"text": "II"}}], "evidence": [{"code":
     [{"text": "x-ray"}]}]},
    {"resourceType": "Procedure", "status": "completed", "subject": _PATIENT, "code": {"text": "Appendectomy"},
     "performedPeriod": {"start": "2023-11-13T10:00:00Z", "end": "2023-11-13T11:00:00Z"}, "performer": [{"actor":
     {"reference": "Practitioner/prac-1"}}], "focalDevice": [{"manipulated": {"display": "stent"}}]},
    {"resourceType": "AllergyIntolerance", "clinicalStatus": _concept(_TERMS + "allergyintolerance-clinical",
     "active"), "verificationStatus": _concept(_TERMS + "allergyintolerance-verification", "confirmed"),
     "type": "allergy", "category": ["medication"], "criticality": "high", "code": {"text": "Penicillin"},
     "patient": _PATIENT, "reaction": [{"manifestation": [{"text": "rash"}], "severity": "mild"}]},
    {"resourceType": "Encounter", "status": "finished", "class": {"system": _TERMS + "v3-ActCode", "code": "AMB"},
     "subject": _PATIENT, "period": {"start": "2023-11-13", "end": "2023-11-14"}, "participant": [{"type":
     [_concept(_TERMS + "v3-ParticipationType", "ATND")], "individual": {"reference": "Practitioner/prac-1"}}],
     "hospitalization": {"dischargeDisposition": {"text": "home"}}, "location": [{"location":
     {"reference": "Location/loc-1"}}]},
    {"resourceType": "Appointment", "status": "booked", "start": "2023-11-14T09:00:00Z", "end": "2023-11-14T09:30:00Z",
     "minutesDuration": 30, "participant": [{"actor": _PATIENT, "status": "accepted", "required": "required"}],
     "appointmentType": _concept(_TERMS + "v2-0276", "ROUTINE"), "description": "Follow-up"},
    {"resourceType": "Communication", "status": "completed", "subject": _PATIENT, "payload": [{"contentString": "Hi"}],
     "sent": "2023-11-13T10:15:00Z", "recipient": [{"reference": "Practitioner/prac-1"}]},
    {"resourceType": "Task", "status": "requested", "intent": "order", "for": _PATIENT, "authoredOn": "2023-11-13",
     "lastModified": "2023-11-14", "description": "call", "input": [{"type": {"text": "a"}, "valueString": "b"}]},
    {"resourceType": "DiagnosticReport", "status": "final", "code": _concept("http://loinc.org", "24323-8", "CMP"),
     "category": [_concept(_TERMS + "v2-0074", "LAB")], "subject": _PATIENT, "effectiveDateTime": "2023-11-13",
     "issued": "2023-11-13T10:15:00Z", "result": [{"reference": "Observation/observation-4845"}], "presentedForm":
     [{"contentType": "text/plain", "data": "SGVsbG8=", "size": 5}]},
    {"resourceType": "Immunization", "status": "completed", "vaccineCode": _concept("http://hl7.org/fhir/sid/cvx",
     "140"), "patient": _PATIENT, "occurrenceDateTime": "2023-10-01", "lotNumber": "A1", "doseQuantity":
     {"value": 0.5, "unit": "mL", "system": _UCUM, "code": "mL"}, "education": [{"documentType": "leaflet"}],
     "site": _concept(_TERMS + "v3-ActSite", "LA"), "protocolApplied": [{"doseNumberPositiveInt": 1}]},
    {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": _PATIENT, "title": "Diabetes",
     "activity": [{"detail": {"status": "in-progress", "kind": "ServiceRequest", "description": "walk"}}]},
    {"resourceType": "MedicationStatement", "status": "active", "subject": _PATIENT, "medicationReference":
     {"reference": "#m"}, "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "aspirin"}}],
     "effectivePeriod": {"start": "2023-01-01"}, "dosage": [{"text": "daily", "maxDosePerPeriod": {"numerator": _DOSE,
     "denominator": {"value": 1, "unit": "d"}}}]},
    {"resourceType": "DocumentReference", "status": "current", "subject": _PATIENT, "type": {"text": "note"},
     "date": "2023-11-13T10:15:00Z", "content": [{"attachment": {"contentType": "text/plain", "data": "SGVsbG8=",
     "title": "a note"}}], "context": {"period": {"start": "2023-11-13"}}},
    {"resourceType": "Organization", "name": "Clinic", "telecom": [{"system": "phone", "value": "1", "use": "work"}],
     "address": [{"city": "X", "use": "work"}], "active": True},
    {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "lose weight"}, "subject": _PATIENT,
     "target": [{"measure": {"text": "weight"}, "detailQuantity": {"value": 70, "unit": "kg"}, "dueDate":
     "2024-01-01"}]},
)  # fmt: skip
"""Valid resources of the types that an EHR agent sends."""

_WRONG: Sequence[Any] = (None, "", " ", "x", " x ", 0, -1, 1.5, "12", True, "true", [], {}, ["x"], [{}], {"x": 1}, "#x")
_TEXTS = (
    "",
    " ",
    " x",
    "x ",
    "a  b",
    "<b>x</b> <i>",
    "x\ny",
    "http://x.org",
    "urn:uuid:123",
    "urn:oid:1.2",
    "é😀",
    "#m",
)
_CODES = ("foo", "active", "FINAL", "M", "LAB", "N", "a", "mg", "mgg", "{x}", "mg/{dose}", "[in_i]", "", "A B")
_SYSTEMS = (
    "http://loinc.org", "http://snomed.info/sct", "http://foo.org", "foo", "http://hl7.org/fhir/ValueSet/languages",
    _UCUM, _TERMS + "v3-ActCode", _TERMS + "condition-clinical", "http://hl7.org/fhir/observation-category",
    "http://hl7.org/fhir/foo", "urn:oid:2.16.840.1.113883.6.1", "http://loinc.org/", "", "http://a b",
)  # fmt: skip
_REFERENCES: Sequence[Resource] = (
    {"reference": "Patient/1"}, {"reference": "Foo/1"}, {"reference": "#m"}, {"reference": "#nope"}, {"display": "x"},
    {"reference": "urn:uuid:3f0a2b4c-0000-4000-8000-000000000000"}, {"reference": "http://x.org/fhir/Patient/1"}, {},
    {"reference": "Patient/1", "type": "Group"}, {"reference": "Group/1", "type": "Group"}, {"reference": "x"},
    {"identifier": {"system": "http://x.org", "value": "1"}}, {"reference": "Patient?identifier=1"}, {"reference": "#"},
    {"reference": "Patient/1/_history/2", "type": "Patient"}, {"type": "Patient"},
)  # fmt: skip
_DATES = (
    "2023", "2023-11", "2023-11-13", "2023-11-13T10:15:00Z", "2023-11-13T10:15:00", "1700-01-01", "2190-01-01",
    "2023-11-13T10:15:00.123+02:00", "2022-01-01", "2024-12-31T00:00:00-05:00",
)  # fmt: skip
_EXTENSIONS: Sequence[Resource] = (
    {"url": "http://x.org/e", "valueString": "a"}, {"url": "http://x.org/e"}, {"url": "e", "valueBoolean": True},
    {"url": "http://x.org/e", "extension": [{"url": "a", "valueCode": "b"}]}, {"valueString": "a"},
    {"url": _BASE + "data-absent-reason", "valueCode": "unknown"}, {"url": _BASE + "data-absent-reason",
    "valueString": "x"}, {"url": _BASE + "patient-birthPlace", "valueAddress": {"city": "X"}},
    {"url": _BASE + "patient-religion", "valueCodeableConcept": {"text": "x"}},
    {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "valueCodeableConcept": {"text": "x"}},
)  # fmt: skip
_DIVS = (
    _DIV.format("Jane Doe"), _DIV.format("<p>a<br/>b</p>"), _DIV.format(""), "<div>x</div>", "x", _DIV.format(" "),
    _DIV.format("<script>x</script>"), _DIV.format('<p onclick="x">y</p>'), _DIV.format('<a href="#m">m</a>'),
    _DIV.format('<a href="javascript:x">y</a>'), _DIV.format('<img src="x.png"/>'), _DIV.format("&amp; &nbsp;c"),
    _DIV.format("<table><tr/></table>"), '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
    _DIV.format("<p><div>x</div></p>"), _DIV.format("x").replace("<div", '<div lang="en" xml:lang="en"'),
)  # fmt: skip
_PROFILES = (
    _BASE + "Patient", _BASE + "Observation", _BASE + "Resource", "http://x.org/p",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient", "x",
)  # fmt: skip


def scenarios(rng: random.Random, resources: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields scenarios of one request each, without end."""
    kept = [dict(resource) for resource in resources]
    while True:
        source = rng.choice(kept) if kept and rng.random() < 0.2 else rng.choice(SEEDS)
        resource = copy.deepcopy(source)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))):
            rng.choice(_CHANGES)(rng, resource)
        if rng.random() < 0.06:
            resource = _bundled(rng, resource)
        yield {"group": "validate", "steps": [_step(rng, resource)]}


def _step(rng: random.Random, resource: Resource) -> dict[str, Any]:
    kind = resource.get("resourceType", "Patient")
    target = f"{kind}/$validate"
    way = rng.random()
    body: Resource = resource
    if way < 0.04:
        return {"method": "GET", "target": f"{kind}/{_id_of(resource)}/$validate", "headers": {}, "body": None}
    if way < 0.2:
        parts = [{"name": "resource", "resource": resource}]
        if rng.random() < 0.3:
            mode = rng.choice(("create", "update", "delete", "profile", "x"))
            parts.insert(0, {"name": "mode", "valueCode": mode})
        if rng.random() < 0.3:
            parts.append({"name": "profile", rng.choice(("valueString", "valueUri")): rng.choice(_PROFILES)})
        body = {"resourceType": "Parameters", "parameter": parts}
    elif way < 0.3:
        target += "?" + rng.choice(("mode=create", "mode=update", f"profile={rng.choice(_PROFILES)}", "_pretty=false"))
    indent = rng.choice((None, None, None, 2))
    text = json.dumps(body, indent=indent, ensure_ascii=rng.random() < 0.5)
    return {"method": "POST", "target": target, "headers": _JSON, "body": text}


def _bundled(rng: random.Random, resource: Resource) -> Resource:
    """Returns a Bundle with a resource and a patient to which it may refer."""
    url = "urn:uuid:4f6a3c1e-0b1c-4b7e-9e3b-2f1d5a6b7c8d"
    kind = resource.get("resourceType", "Patient")
    if rng.random() < 0.7 and "subject" in resource:
        resource["subject"] = {"reference": rng.choice((url, url[:-1] + "e", "Patient/p", "Patient?identifier=x", "x"))}
    patient: Resource = {
        "resourceType": "Patient",
        "gender": "male",
        "contact": [{"gender": "male"}][: rng.randrange(2)],
    }
    if not patient["contact"]:
        del patient["contact"]
    entries: list[Resource] = [{"resource": patient, "fullUrl": url}, {"resource": resource}]
    if rng.random() < 0.3:
        patient["id"], entries[0]["fullUrl"] = "p", rng.choice(("http://x.org/Patient/p", "http://x.org/Patient/q"))
    if rng.random() < 0.7:
        entries[1]["fullUrl"] = rng.choice((url[:-1] + "f", f"http://x.org/{kind}/{_id_of(resource)}", "x"))
    bundle_type = rng.choice(("transaction", "transaction", "batch", "collection", "history"))
    if bundle_type in ("transaction", "batch"):
        for entry in entries:
            entry["request"] = {"method": "POST", "url": entry["resource"].get("resourceType", "Patient")}
    rng.shuffle(entries)
    return {"resourceType": "Bundle", "type": bundle_type, "entry": entries}


def _id_of(resource: Resource) -> str:
    logical_id = resource.get("id")
    return logical_id if isinstance(logical_id, str) and logical_id.strip() else "x"


# --- changes ---------------------------------------------------------------------------------------------------------


def _places(value: Any, wanted: Callable[[Any, Any], bool]) -> list[Holder]:
    """Returns the places of values that are wanted by their key and their value."""
    found: list[Holder] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key != "resourceType" and wanted(key, item):
            found.append((value, key))
        found += _places(item, wanted)
    return found


def _at(rng: random.Random, resource: Resource, wanted: Callable[[Any, Any], bool]) -> Holder | None:
    found = _places(resource, wanted)
    return rng.choice(found) if found else None


def _drop(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda *_: True)
    if place is not None:
        del place[0][place[1]]


def _spoil(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda *_: True)
    if place is not None:
        place[0][place[1]] = copy.deepcopy(rng.choice(_WRONG))


def _wrap(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda *_: True)
    if place is not None:
        value = place[0][place[1]]
        place[0][place[1]] = value[0] if isinstance(value, list) and value else [value]


def _rename(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda key, _: isinstance(key, str))
    if place is not None:
        name = rng.choice((f"{place[1]}s", f"_{place[1]}", "foo", place[1].upper(), "value", "valueString"))
        place[0][name] = place[0].pop(place[1])


def _add(rng: random.Random, resource: Resource) -> None:
    holders = [resource, *(value[0][value[1]] for value in _places(resource, lambda _, item: isinstance(item, dict)))]
    holder = rng.choice(holders)
    name = rng.choice(("foo", "id", "extension", "modifierExtension", "text", "value", "display", "_id", "contained"))
    values: dict[str, Sequence[Any]] = {"id": ("a", "a b", "", "x" * 70), "extension": [[each] for each in _EXTENSIONS]}
    values["modifierExtension"] = values["extension"]
    holder[name] = copy.deepcopy(rng.choice(values.get(name, ("x", 1, {}, [], {"extension": [_EXTENSIONS[0]]}))))


def _replace(*names: str, by: Sequence[Any]) -> Callable[[random.Random, Resource], None]:
    def change(rng: random.Random, resource: Resource) -> None:
        place = _at(rng, resource, lambda key, _: key in names)
        if place is not None:
            place[0][place[1]] = copy.deepcopy(rng.choice(by))

    return change


def _date(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda _, item: isinstance(item, str) and item[:2] in ("19", "20") and len(item) > 7)
    if place is not None:
        place[0][place[1]] = rng.choice(_DATES)


def _refer(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda _, item: isinstance(item, dict) and "reference" in item)
    if place is not None:
        place[0][place[1]] = copy.deepcopy(rng.choice(_REFERENCES))


def _without_codes(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda _, item: isinstance(item, dict) and "coding" in item)
    if place is not None:
        concept = place[0][place[1]]
        if rng.random() < 0.5:
            concept.pop("coding")
            concept["text"] = "x"
        else:
            concept["coding"] = [*concept["coding"], {"system": rng.choice(_SYSTEMS), "code": rng.choice(_CODES)}]


def _narrate(rng: random.Random, resource: Resource) -> None:
    resource["text"] = {"status": "generated", "div": rng.choice(_DIVS)}
    if rng.random() < 0.2:
        resource["language"] = rng.choice(("en", "xx", "de-DE", ""))


def _contain(rng: random.Random, resource: Resource) -> None:
    # of one of its own type, HAPI loses elements
    inner: Resource = copy.deepcopy(rng.choice([e for e in SEEDS if e["resourceType"] != resource["resourceType"]]))
    inner.pop("contained", None)
    if rng.random() < 0.9:
        inner["id"] = rng.choice(("m", "x"))
    if rng.random() < 0.2:
        inner["meta"] = {"versionId": "1", "security": [{"code": "a"}]}
    resource["contained"] = [*resource.get("contained", ()), inner]
    if rng.random() < 0.6:
        _refer_to(rng, resource)


def _refer_to(rng: random.Random, resource: Resource) -> None:
    place = _at(rng, resource, lambda _, item: isinstance(item, dict) and "reference" in item)
    if place is not None:
        place[0][place[1]] = {"reference": rng.choice(("#m", "#x"))}


def _describe(rng: random.Random, resource: Resource) -> None:
    label = {"system": rng.choice(_SYSTEMS), "code": rng.choice(_CODES)}
    resource["meta"] = rng.choice(
        ({"profile": [rng.choice(_PROFILES)]}, {"tag": [label]}, {"security": [label, label]}, {"source": "x"}, {})
    )


def _swap_choice(rng: random.Random, resource: Resource) -> None:
    """Gives a choice another type."""
    stems = ("value", "onset", "effective", "medication", "performed", "occurrence", "abatement", "deceased")
    place = _at(rng, resource, lambda key, _: isinstance(key, str) and key.startswith(stems))
    if place is not None:
        stem = next(each for each in stems if place[1].startswith(each))
        name, value = rng.choice(
            (
                ("String", "x"), ("Boolean", True), ("Integer", 3), ("DateTime", "2023-01-01"), ("Quantity", {}),
                ("CodeableConcept", {"text": "x"}), ("Period", {"start": "2023-01-02", "end": "2023-01-01"}),
                ("Range", {"low": {"value": 2}, "high": {"value": 1}}), ("Reference", {"reference": "Patient/1"}),
                ("Ratio", {"numerator": {"value": 1}}), ("Age", {"value": 3}), ("Attachment", {"title": "x"}),
            )
        )  # fmt: skip
        place[0].pop(place[1])
        place[0][stem + name] = value


_CHANGES: Sequence[Callable[[random.Random, Resource], None]] = (
    _drop, _drop, _drop, _spoil, _spoil, _wrap, _rename, _add, _date, _refer, _without_codes, _narrate, _contain,
    _describe, _swap_choice,
    _replace("code", by=_CODES), _replace("system", by=_SYSTEMS), _replace("display", "text", "family", by=_TEXTS),
    _replace("unit", "value", by=(*_TEXTS, 1, -5, "7")), _replace("comparator", "rank", "sequence", by=("<", 0, -1)),
    _replace("start", "end", by=_DATES), _replace("repeat", by=({"period": 1}, {"duration": 1}, {"when": ["AC"],
    "timeOfDay": ["10:00:00"]}, {"offset": 5}, {"count": 0}, {"frequency": -1}, {"periodMax": 3}, {"boundsRange":
    {"low": {"value": 1}}})),
)  # fmt: skip
