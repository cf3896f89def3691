"""Elements that cannot change the meaning of an order, each with the reason, and elements that cannot be understood.

Words in harmless elements are still read as remarks: they must not take the order back.

Every element of the types that are read (FHIR R4, 4.0.1) is listed here or has a reader in
`mab_gym.tasking.meaning._reading`; a test compares them with FHIR's definitions. ``id``, ``extension`` and members that
begin with ``_`` are harmless everywhere: an extension that is not a modifierExtension must not change the meaning of
the element that holds it (FHIR R4, section 2.4.0.2).
"""

from __future__ import annotations

from typing import Final

# The reasons.
ADMINISTRATIVE: Final = "who wrote it down, and by which protocol or under which number, is another matter"
PAYMENT: Final = "who pays is another matter"
EVIDENCE: Final = "what speaks for an order does not change it"
SAME_DRUG: Final = "a product of the same drug may be given"
SUPPLY: Final = "how much is handed out at once does not change what is given"

EVERYWHERE: Final = {
    "resourceType": "it is known",
    "id": "the record system gives it",
    "meta": "the record system writes it",
    "language": "the language of texts",
    "extension": "an extension must not change the meaning",
}

HARMLESS: Final[dict[str, dict[str, str]]] = {
    "MedicationRequest": {
        "identifier": ADMINISTRATIVE, "requester": ADMINISTRATIVE, "recorder": ADMINISTRATIVE,
        "performer": "who gives it does not change what is given", "instantiatesCanonical": ADMINISTRATIVE,
        "instantiatesUri": ADMINISTRATIVE, "groupIdentifier": ADMINISTRATIVE, "insurance": PAYMENT,
        "detectedIssue": EVIDENCE, "eventHistory": ADMINISTRATIVE,
    },
    "MedicationRequest.dispenseRequest": {
        "initialFill": SUPPLY, "performer": SUPPLY,
    },
    "MedicationRequest.substitution": {
        "allowedBoolean": SAME_DRUG, "reason": SAME_DRUG,
    },
    "Dosage": {"sequence": "there is one dosage"},
    "Dosage.doseAndRate": {},
    "ServiceRequest": {
        "identifier": ADMINISTRATIVE, "requisition": ADMINISTRATIVE, "requester": ADMINISTRATIVE,
        "instantiatesCanonical": ADMINISTRATIVE, "instantiatesUri": ADMINISTRATIVE,
        "performer": "who does it does not change what is done", "locationCode": "where it is done is another matter",
        "locationReference": "where it is done is another matter", "insurance": PAYMENT,
    },
    "Task": {
        "identifier": ADMINISTRATIVE, "instantiatesCanonical": ADMINISTRATIVE, "instantiatesUri": ADMINISTRATIVE,
        "groupIdentifier": ADMINISTRATIVE, "requester": ADMINISTRATIVE, "lastModified": ADMINISTRATIVE,
        "owner": "who does it does not change what is done", "location": "where it is done is another matter",
        "insurance": PAYMENT,
    },
    "Task.restriction": {},
    "Observation": {
        "identifier": ADMINISTRATIVE, "performer": ADMINISTRATIVE, "device": "with which device is another matter",
        "referenceRange": "what is usual does not change what was measured",
    },
    "AllergyIntolerance": {"identifier": ADMINISTRATIVE, "recorder": ADMINISTRATIVE, "asserter": ADMINISTRATIVE},
    "AllergyIntolerance.reaction": {"exposureRoute": "the way into the body does not change what somebody reacts to"},
    "Appointment": {
        "identifier": ADMINISTRATIVE, "slot": ADMINISTRATIVE, "created": ADMINISTRATIVE,
        "priority": "a number without a common meaning",
    },
    "Communication": {
        "identifier": ADMINISTRATIVE, "instantiatesCanonical": ADMINISTRATIVE, "instantiatesUri": ADMINISTRATIVE,
        "inResponseTo": ADMINISTRATIVE, "medium": "by which medium is another matter", "sender": ADMINISTRATIVE,
        "received": ADMINISTRATIVE,
    },
}  # fmt: skip
"""Harmless elements by type, each with the reason."""

NOT_UNDERSTOOD: Final[dict[str, frozenset[str]]] = {
    "MedicationRequest": frozenset({"implicitRules", "reportedReference", "medicationReference"}),
    "MedicationRequest.dispenseRequest": frozenset(),
    "MedicationRequest.substitution": frozenset(),
    "Dosage": frozenset({"asNeededCodeableConcept"}),
    "Dosage.doseAndRate": frozenset(),
    "ServiceRequest": frozenset(
        {"implicitRules", "replaces", "asNeededCodeableConcept", "quantityRatio"}
    ),
    "Task": frozenset({"implicitRules", "partOf", "businessStatus", "input", "output"}),
    "Task.restriction": frozenset(),
    "Observation": frozenset(
        {"implicitRules", "partOf", "focus", "effectivePeriod", "effectiveTiming", "valueQuantity",
         "valueCodeableConcept", "valueBoolean", "valueInteger", "valueRange", "valueRatio", "valueSampledData",
         "valueTime", "valueDateTime", "valuePeriod", "dataAbsentReason", "specimen", "hasMember", "derivedFrom"}
    ),
    "AllergyIntolerance": frozenset({"implicitRules", "onsetAge", "onsetRange", "onsetString"}),
    "AllergyIntolerance.reaction": frozenset(),
    "Appointment": frozenset({"implicitRules", "requestedPeriod", "cancelationReason"}),
    "Communication": frozenset({"implicitRules", "partOf"}),
}  # fmt: skip
"""Elements by type that cannot be understood; an order that has one is refused."""
