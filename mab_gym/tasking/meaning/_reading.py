"""Reads resources into orders, element by element; an element that is neither known nor harmless is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mab_gym.tasking.meaning._elements import EVERYWHERE, HARMLESS
from mab_gym.tasking.meaning._readers import (
    DEPENDS,
    NOT_NEGATED,
    OF_ANY_RESOURCE,
    RELATED,
    Reader,
    a_date,
    an_amount,
    an_amount_in_time,
    an_amount_range,
    annotation,
    component,
    concept,
    concept_words,
    course,
    dose_type,
    each,
    method,
    not_true,
    past,
    plain,
    reference,
    remarks,
    repeats,
    repetitions,
    route,
    specimen,
    substitution,
    supply,
    supply_days,
    validity,
    words,
)
from mab_gym.tasking.meaning._said import Facet, Order, listed
from mab_gym.tasking.meaning._schedules import read_bounds, read_start, read_timing

_TURNING: Final = frozenset({"modifierExtension", "doNotPerform", "asNeededBoolean", "asNeededCodeableConcept"})
"""Elements that turn any order into something else, or make it depend on something, at any level."""


LARGEST: Final = 10_000
"""The greatest number of characters and values of a resource that is read; an order is a hundred times shorter."""


def size_of(resource: Mapping[str, Any]) -> int:
    """Counts the characters and values of a resource; stops just above `LARGEST`."""
    size, waiting = 1, list(resource.values())
    while waiting and size <= LARGEST:
        part = waiting.pop()
        kind = type(part)  # faster than isinstance, and JSON has no subtypes; this runs for every value of every write
        if kind is str:
            size += len(part)
            continue
        size += 1
        if kind is dict:
            waiting.extend(part.values())
        elif kind is list:
            waiting.extend(part)
    return size


def read(resource: Mapping[str, Any], kind: str = "") -> Order:
    """Reads the meaning of a resource.

    Args:
        resource: A FHIR R4 resource as JSON. It need not be valid; no content raises.
        kind: Its type; if empty, it is read from the resource.
    """
    kind = kind or str(resource.get("resourceType"))
    order = Order(kind, size_of(resource))
    if order.size > LARGEST:
        order.refuse("resource", "…", f"it has more than {LARGEST:,} characters or values, which nobody reads")
    elif kind not in READERS:
        order.refuse("resourceType", kind, "it is no kind of order that is known here")
    else:
        _read_members(order, kind, resource, "")
    return order


def _read_members(order: Order, kind: str, value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        order.refuse(path or kind, value)
        return
    readers, harmless = READERS[kind], HARMLESS[kind]
    for name, part in value.items():
        if name in EVERYWHERE or name[:1] == "_" or part is None or (not part and isinstance(part, dict | list)):
            continue
        where = f"{path}.{name}" if path else name
        if name in harmless:
            remarks(order, part, where)
        elif name in readers:
            readers[name](order, part, where)
        elif name in _TURNING:
            if part is not False:
                order.refuse(
                    where, part, "it turns the order into something else, or makes it conditional", critical=True
                )
        else:
            order.refuse(where, part, "it can change the meaning, and cannot be understood here")


def _count_of(name: str, kind: str) -> Reader:
    """Returns a reader of each item of a list that also notes the number of items."""

    def read_all(order: Order, value: Any, where: str) -> None:
        items = listed(value)
        order.say(Facet.COUNT, (name, len(items)), where)
        for place, item in enumerate(items):
            _read_members(order, kind, item, f"{where}[{place}]")

    return read_all


def _nested(kind: str) -> Reader:
    return lambda order, value, where: _read_members(order, kind, value, where)


READERS: Final[dict[str, dict[str, Reader]]] = {
    "MedicationRequest": {
        **OF_ANY_RESOURCE,
        "status": plain(Facet.STATUS),
        "statusReason": concept_words(coded=False),
        "intent": plain(Facet.INTENT),
        "category": each(concept_words(coded=True)),
        "priority": plain(Facet.PRIORITY),
        "doNotPerform": NOT_NEGATED,
        "reportedBoolean": not_true("it is no order, but tells of somebody else's"),
        "medicationCodeableConcept": concept(Facet.CODE),
        "subject": reference(Facet.PATIENT),
        "encounter": reference(Facet.RELATED),
        "supportingInformation": RELATED,
        "authoredOn": a_date(Facet.AUTHORED),
        "performerType": concept_words(coded=True),
        "reasonCode": each(concept_words(coded=True)),
        "reasonReference": RELATED,
        "basedOn": RELATED,
        "courseOfTherapyType": course,
        "note": each(annotation),
        "dosageInstruction": _count_of("dosageInstruction", "Dosage"),
        "dispenseRequest": _nested("MedicationRequest.dispenseRequest"),
        "substitution": _nested("MedicationRequest.substitution"),
        "priorPrescription": reference(Facet.REPLACES),
    },
    "MedicationRequest.dispenseRequest": {
        "validityPeriod": validity,
        "numberOfRepeatsAllowed": repeats,
        "quantity": supply,
        "dispenseInterval": supply_days,
        "expectedSupplyDuration": supply_days,
    },
    "MedicationRequest.substitution": {"allowedCodeableConcept": substitution},
    "Dosage": {
        "text": words,
        "additionalInstruction": each(concept_words(coded=False)),
        "patientInstruction": words,
        "timing": read_timing,
        "asNeededBoolean": not_true(DEPENDS),
        "site": concept(Facet.SITE, names=False),
        "route": route,
        "method": method,
        "doseAndRate": _count_of("doseAndRate", "Dosage.doseAndRate"),
        "maxDosePerPeriod": an_amount_in_time(Facet.LIMIT),
        "maxDosePerAdministration": an_amount(Facet.LIMIT),
        "maxDosePerLifetime": an_amount(Facet.LIMIT),
    },
    "Dosage.doseAndRate": {
        "type": dose_type,
        "doseQuantity": an_amount(Facet.DOSE),
        "doseRange": an_amount_range(Facet.DOSE),
        "rateQuantity": an_amount(Facet.RATE),
        "rateRange": an_amount_range(Facet.RATE),
        "rateRatio": an_amount_in_time(Facet.RATE),
    },
    "ServiceRequest": {
        **OF_ANY_RESOURCE,
        "basedOn": RELATED,
        "status": plain(Facet.STATUS),
        "intent": plain(Facet.INTENT),
        "category": each(concept(Facet.CATEGORY, names=False)),
        "priority": plain(Facet.PRIORITY),
        "doNotPerform": NOT_NEGATED,
        "code": concept(Facet.CODE),
        "orderDetail": each(concept_words(coded=False)),
        "quantityQuantity": an_amount(Facet.QUANTITY),
        "quantityRange": an_amount_range(Facet.QUANTITY),
        "subject": reference(Facet.PATIENT),
        "encounter": reference(Facet.RELATED),
        "occurrenceDateTime": read_start,
        "occurrencePeriod": read_bounds,
        "occurrenceTiming": read_timing,
        "asNeededBoolean": not_true(DEPENDS),
        "authoredOn": a_date(Facet.AUTHORED),
        "performerType": concept(Facet.PERFORMER, names=False),
        "reasonCode": each(concept_words(coded=True)),
        "reasonReference": RELATED,
        "supportingInfo": RELATED,
        "specimen": each(specimen),
        "bodySite": each(concept(Facet.SITE, names=False)),
        "note": each(annotation),
        "patientInstruction": words,
        "relevantHistory": RELATED,
    },
    "Task": {
        **OF_ANY_RESOURCE,
        "basedOn": each(reference(Facet.REPLACES)),
        "status": plain(Facet.STATUS),
        "statusReason": concept_words(coded=False),
        "intent": plain(Facet.INTENT),
        "priority": plain(Facet.PRIORITY),
        "code": concept(Facet.CODE),
        "description": words,
        "focus": reference(Facet.FOCUS),
        "for": reference(Facet.PATIENT),
        "encounter": reference(Facet.RELATED),
        "executionPeriod": read_bounds,
        "authoredOn": a_date(Facet.AUTHORED),
        "performerType": each(concept_words(coded=True)),
        "reasonCode": concept_words(coded=True),
        "reasonReference": reference(Facet.RELATED),
        "note": each(annotation),
        "relevantHistory": RELATED,
        "restriction": _nested("Task.restriction"),
    },
    "Task.restriction": {"repetitions": repetitions, "period": read_bounds, "recipient": RELATED},
    "Observation": {
        **OF_ANY_RESOURCE,
        "basedOn": RELATED,
        "status": plain(Facet.STATUS),
        "category": each(concept(Facet.CATEGORY, names=False)),
        "code": concept(Facet.CODE),
        "subject": reference(Facet.PATIENT),
        "encounter": reference(Facet.RELATED),
        "effectiveDateTime": a_date(Facet.OCCURRENCE),
        "effectiveInstant": a_date(Facet.OCCURRENCE),
        "issued": a_date(Facet.AUTHORED),
        "valueString": plain(Facet.VALUE),
        "interpretation": each(concept(Facet.INTERPRETATION, names=False)),
        "note": each(annotation),
        "bodySite": concept(Facet.SITE, names=False),
        "method": concept_words(coded=True),
        "component": each(component),
    },
    "AllergyIntolerance": {
        **OF_ANY_RESOURCE,
        "clinicalStatus": concept(Facet.CLINICAL, names=False),
        "verificationStatus": concept(Facet.VERIFICATION, names=False),
        "type": plain(Facet.KIND),
        "category": each(plain(Facet.CATEGORY)),
        "criticality": plain(Facet.CRITICALITY),
        "code": concept(Facet.CODE),
        "patient": reference(Facet.PATIENT),
        "encounter": reference(Facet.RELATED),
        "onsetDateTime": past,
        "onsetPeriod": past,
        "recordedDate": a_date(Facet.AUTHORED),
        "lastOccurrence": past,
        "note": each(annotation),
        "reaction": each(_nested("AllergyIntolerance.reaction")),
    },
    "AllergyIntolerance.reaction": {
        "substance": concept(Facet.CODE),
        "manifestation": each(concept(Facet.REACTION, names=False)),
        "description": words,
        "onset": past,
        "severity": plain(Facet.SEVERITY),
        "note": each(annotation),
    },
    "Appointment": {
        **OF_ANY_RESOURCE,
        "status": plain(Facet.STATUS),
        "serviceCategory": each(concept_words(coded=True)),
        "serviceType": each(concept(Facet.CODE)),
        "specialty": each(concept(Facet.PERFORMER, names=False)),
        "appointmentType": concept(Facet.KIND, names=False),
        "reasonCode": each(concept_words(coded=True)),
        "reasonReference": RELATED,
        "description": words,
        "supportingInformation": RELATED,
        "start": read_start,
        "end": a_date(Facet.PAST),
        "minutesDuration": plain(Facet.LASTS),
        "comment": words,
        "patientInstruction": words,
        "basedOn": RELATED,
        "participant": each(plain(Facet.PATIENT)),
    },
    "Communication": {
        **OF_ANY_RESOURCE,
        "basedOn": RELATED,
        "status": plain(Facet.STATUS),
        "statusReason": concept_words(coded=False),
        "category": each(concept_words(coded=True)),
        "priority": plain(Facet.PRIORITY),
        "subject": reference(Facet.PATIENT),
        "topic": concept(Facet.CODE),
        "about": RELATED,
        "encounter": reference(Facet.RELATED),
        "sent": a_date(Facet.AUTHORED),
        "recipient": each(reference(Facet.PERFORMER)),
        "reasonCode": each(concept_words(coded=True)),
        "reasonReference": RELATED,
        "payload": each(plain(Facet.VALUE)),
        "note": each(annotation),
    },
}
"""Readers of elements, by type."""
