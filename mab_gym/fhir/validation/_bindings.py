"""Tests codes, concepts, units and attachments against the value sets to which the specification binds them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple

from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._primitives import has_scheme
from mab_gym.fhir.validation._rules import Rule
from mab_gym.fhir.validation._terminology import (
    LANGUAGES,
    UCUM,
    Verdict,
    describe,
    is_code_system,
    is_supported,
    is_value_set,
    test_in_system,
    test_in_value_set,
)

_PASSED_ON = "Terminology_PassThrough_TX_Message"
_NO_SYSTEM = "{}A code with no system has no defined meaning, and it cannot be validated. A system should be provided"
_CODED = frozenset(("code", "string", "uri", "url", "canonical"))
_HL7 = ("http://hl7.org/fhir", "https://hl7.org/fhir", "http://www.hl7.org/fhir", "https://www.hl7.org/fhir")
_MISSPELT = (
    "http://snomed.info/sct",
    "http://loinc.org",
    "http://unitsofmeasure.org",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
)


class Place(NamedTuple):
    """The place that findings belong to.

    Attributes:
        element: The element.
        rule: Its definition.
        path: Its path.
        base_only: True if no profile was asked for: then recommended value sets are looked at, too.
        found: The list to which findings are added.
    """

    element: Element
    rule: Rule
    path: str
    base_only: bool
    found: list[Finding]

    def add(self, severity: str, text: str, message_id: str = "") -> None:
        """Adds a finding."""
        self.found.append(Finding(severity, self.path, text, message_id, self.element.start, self.element.end))


def _pass_on(place: Place, verdict: Verdict, strength: str) -> None:
    """Adds what the terminology says against a code, but that it is not in the value set: that is said otherwise."""
    for problem in verdict.problems:
        if problem.kind == "not-in-vs":
            continue
        severity, text = problem.severity, problem.text
        if problem.kind == "not-found" and severity == "error":
            if strength == "r":
                about_hl7 = "http://hl7.org/fhir" in text or "http://terminology.hl7.org" in text
                text += f" (error because this is a required binding{' to an HL7 code system' if about_hl7 else ''})"
            else:
                severity = "warning"
        place.add(severity, text, _PASSED_ON)


# --- concepts ------------------------------------------------------------------------------------------------------


def check_concept(place: Place) -> None:
    """Tests a CodeableConcept."""
    rule = place.rule
    codings = place.element.named("coding")
    if all(coding.empty for coding in codings):
        codings = []
    if rule.value_set and not _is_usable(place):
        if codings:
            _pass_on_codings(place, codings, "", "")
        return
    if not codings:
        _require_coding(place)
        return
    if not rule.value_set or rule.strength == "x":
        _pass_on_codings(place, codings, "", "")
        return
    if _pass_on_codings(place, codings, rule.value_set, rule.strength):
        return
    shown = ", ".join(
        f"{coding.child_value('system') or 'null'}#{coding.child_value('code') or 'null'}" for coding in codings
    )
    _say_not_in_set(place, shown)


def _unless_blank(text: str | None) -> str | None:
    return text if text and text.strip() else None


def label(coding: Element) -> str:
    """Returns a coding as HAPI names it: a missing system or code is ``null``."""
    system, code = coding.child_value("system"), coding.child_value("code")
    return f"{'null' if system is None else system}#{'null' if code is None else code}"


def _is_usable(place: Place) -> bool:
    """True if the value set of an element is known."""
    if is_value_set(place.rule.value_set) or place.rule.strength == "x":
        return True
    url = place.rule.value_set
    place.add("warning", f"ValueSet '{url}' not found", "Terminology_TX_ValueSet_NotFound")
    return False


def _require_coding(place: Place) -> None:
    rule = place.rule
    if rule.strength == "r":
        text = f"No code provided, and a code is required from the value set {describe(rule.value_set)}"
        place.add("error", text, "Terminology_TX_Code_ValueSet")
    elif rule.strength == "e" and rule.max_value_set:
        text = (
            f"No code provided, and a code must be provided from the value set {rule.max_value_set} "
            f"(max value set {rule.value_set.partition('|')[0]}|4.0.1)"
        )
        place.add("error", text, "Terminology_TX_Code_ValueSetMax")
    elif rule.strength == "e":
        text = f"No code provided, and a code should be provided from the value set {describe(rule.value_set)}"
        place.add("warning", text, "Terminology_TX_Code_ValueSet_Ext")


def _pass_on_codings(place: Place, codings: list[Element], value_set: str, strength: str) -> bool:
    """Tests each coding; adds the problems of those that are wrong. Returns True if all are right."""
    verdicts = []
    found: list[Finding] = []
    for coding in codings:
        system, code = (_unless_blank(coding.child_value(name)) for name in ("system", "code"))
        inner = place._replace(found=found)
        if not system:
            inner.add("warning", _NO_SYSTEM.format("Coding has no system. "))
        if system == LANGUAGES and code is None:  # over which HAPI fails
            text = 'Error Cannot invoke "String.toLowerCase()" because "theCode" is null validating CodeableConcept'
            place.add("warning", text, "Terminology_TX_Error_CodeableConcept")
            return True
        verdict = test_in_value_set(value_set, system, code) if value_set else test_in_system(system, code)
        verdicts.append(verdict)
        if not verdict.fine:
            _pass_on(inner, verdict, strength)
    if all(verdict.fine for verdict in verdicts):
        _pass_on(place, verdicts[0], strength)
        return True
    place.found.extend(found)
    return False


def _say_not_in_set(place: Place, codes: str) -> None:
    rule = place.rule
    start = f"None of the codings provided are in the value set {describe(rule.value_set)}, and a coding "
    end = f" (codes = {codes})"
    if rule.strength == "r":
        place.add("error", f"{start}from this value set is required){end}", "Terminology_TX_NoValid_1_CC")
    elif rule.strength == "e":
        if rule.max_value_set:
            _check_most(place, codes)
        text = "should come from this value set unless it has no suitable code (note that the validator cannot judge what is suitable)"  # noqa: E501
        place.add("warning", start + text + end, "Terminology_TX_NoValid_2_CC")
    elif place.base_only:
        text = "is recommended to come from this value set"
        place.add("information", start + text + end, "Terminology_TX_NoValid_3_CC")


def _check_most(place: Place, codes: str) -> None:
    """Tests codings against the value set that they may not leave."""
    url = place.rule.max_value_set
    if not is_value_set(url):
        return
    pairs = [(coding.child_value("system"), coding.child_value("code")) for coding in place.element.named("coding")]
    if not all(test_in_value_set(url, system, code).fine for system, code in pairs):
        text = (
            f"None of the codes provided are in the maximum value set {describe(url)}, and a code from this value set "
            f"is required) (codes = {codes})"
        )
        place.add("error", text, "Terminology_TX_NoValid_8")


# --- codings and units ---------------------------------------------------------------------------------------------


def check_coding(place: Place) -> None:
    """Tests a Coding that is not in a CodeableConcept."""
    code, system = place.element.child_value("code"), place.element.child_value("system")
    if code is not None and system is None:
        place.add("warning", _NO_SYSTEM.format(""), "TERMINOLOGY_TX_SYSTEM_NO_CODE")
    _check_coded(place, system, code)


def _check_coded(place: Place, system: str | None, code: str | None) -> None:
    if system is None or code is None:
        return
    rule = place.rule
    if rule.value_set and rule.strength != "x" and _is_usable(place):
        verdict = test_in_value_set(rule.value_set, _unless_blank(system), _unless_blank(code))
        if rule.strength != "e":
            _pass_on(place, verdict, rule.strength)
        if not verdict.fine:
            shown = f"{system or 'null'}#{code or 'null'}"
            _say_coding_not_in_set(place, shown, verdict.message)
        return
    if not system.startswith(("http:", "https:", "urn:")):
        text = "Coding.system must be an absolute reference, not a local reference"
        place.add("error", text, "Terminology_TX_System_Relative")
        return
    if is_value_set(system):
        text = f"The Coding references a value set, not a code system ('{system}')"
        place.add("error", text, "Terminology_TX_System_ValueSet2")
        return
    _check_system(place, system, code)


def _say_coding_not_in_set(place: Place, code: str, message: str) -> None:
    strength = place.rule.strength
    start = f"The Coding provided ({code}) was not found in the value set {describe(place.rule.value_set)}, and a code "
    end = f".  (error message = {message})" if message else ". "
    if strength == "r":
        place.add("error", f"{start}is required from this value set{end}", "Terminology_TX_NoValid_12")
    elif strength == "e":
        text = "should come from this value set unless it has no suitable code (note that the validator cannot judge what is suitable)"  # noqa: E501
        place.add("warning", start + text + end, "Terminology_TX_NoValid_13")
    elif place.base_only:
        text = "is recommended to come from this value set"
        place.add("information", start + text + end, "Terminology_TX_NoValid_14")


def _check_system(place: Place, system: str, code: str) -> None:
    if is_supported(system):
        _pass_on(place, test_in_system(system, code), "")
    elif system.startswith(_HL7):
        if "/sid/" not in system and not system.startswith("http://hl7.org/fhir/test") and not is_code_system(system):
            place.add("error", f"Unknown Code System '{system}'", "Terminology_TX_System_Unknown")
    elif system.startswith(_MISSPELT) and system not in _MISSPELT:
        place.add("error", f"Invalid System URI: {system}", "Terminology_TX_System_Invalid")


def check_quantity(place: Place) -> None:
    """Tests the unit of a Quantity."""
    element = place.element
    system, code, unit = (element.child_value(name) for name in ("system", "code", "unit"))
    _check_coded(place, system, code)
    if code is None or system != UCUM:
        return
    start, end = code.find("{"), code.find("}")
    if not 0 <= start < end:
        return
    annotation = code[start : end + 1]
    text = (
        f"UCUM Codes that contain human readable annotations like {annotation} can be misleading (e.g. they are "
        "ignored when comparing units). Best Practice is not to depend on annotations in the UCUM code, so this usage "
        "should be checked"
    )
    key = "TYPE_SPECIFIC_CHECKS_DT_QTY_UCUM_ANNOTATIONS"
    if unit is None:
        place.add("warning", f"{text}, and the Quantity.unit SHOULD contain the annotation", f"{key}_NO_UNIT")
    elif annotation[1:-1].lower() not in unit.lower():
        text += f", and the Quantity.unit '{unit}' SHOULD contain the annotation (it does not)"
        place.add("warning", text, f"{key}_NOT_IN_UNIT")
    else:
        place.add("warning", text, key)


# --- plain codes ---------------------------------------------------------------------------------------------------


def check_plain(place: Place, type_name: str) -> None:
    """Tests a code that is a plain value."""
    rule, value = place.rule, place.element.value
    if value is None or type_name not in _CODED or not rule.value_set or not _is_usable(place) or rule.strength == "x":
        return
    verdict = test_in_value_set(rule.value_set, None, value, infer=True)
    if rule.strength == "r":
        _pass_on(place, verdict, "r")
    if verdict.fine:
        return
    end = f" (error message = {verdict.message})" if verdict.message else ""
    start = f"The value provided ('{value}') was not found in the value set {describe(rule.value_set)}, and a code "
    if rule.strength == "r":
        place.add("error", f"{start}is required from this value set {end}", "Terminology_TX_NoValid_16")
    elif rule.strength == "e":
        text = "should come from this value set unless it has no suitable code (note that the validator cannot judge what is suitable) "  # noqa: E501
        place.add("warning", start + text + end, "Terminology_TX_NoValid_17")
    elif place.base_only:
        text = "is recommended to come from this value set"
        place.add("information", start + text + end, "Terminology_TX_NoValid_18")


# --- identifiers and attachments -----------------------------------------------------------------------------------


def check_identifier(place: Place) -> None:
    """Tests the system of an Identifier."""
    system = place.element.child_value("system")
    if system is not None and not system.startswith(("http:", "https:", "urn:", "ldap:")):
        text = "Identifier.system must be an absolute reference, not a local reference"
        place.add("error", text, "Type_Specific_Checks_DT_Identifier_System")
    value = place.element.child_value("value")
    if system == "urn:ietf:rfc:3986" and value is not None and not has_scheme(value):
        text = (
            "if identifier.system is 'urn:ietf:rfc:3986', then the identifier.value must be a full URI (e.g. start "
            f"with a scheme), not '{value}'"
        )
        place.add("error", text, "TYPE_SPECIFIC_CHECKS_DT_IDENTIFIER_IETF_SYSTEM_VALUE")


def check_attachment(place: Place) -> None:
    """Tests the size of an Attachment, and that there is something."""
    data, size = place.element.child_value("data"), place.element.child_value("size")
    if data is not None and size is not None:
        length = _decoded_length(data)
        if length is not None and str(length) != size:
            text = f"Stated Attachment Size {size} does not match actual attachment size {length}"
            place.add("error", text, "TYPE_SPECIFIC_CHECKS_DT_ATT_SIZE_CORRECT")
    elif data is None and size is not None and size.startswith("-"):
        place.add("error", f"Stated Attachment Size {size} is not valid", "TYPE_SPECIFIC_CHECKS_DT_ATT_SIZE_INVALID")
    if not any(place.element.child(name) for name in ("data", "url", "contentType", "language")):
        text = "Attachments have data and/or url, or else SHOULD have either contentType and/or language"
        place.add("warning", text, "TYPE_SPECIFIC_CHECKS_DT_ATT_NO_CONTENT")


def _decoded_length(data: str) -> int | None:
    try:
        return len(base64.b64decode("".join(data.split()), validate=True))
    except binascii.Error:
        return None


BOUND: dict[str, Callable[[Place], None]] = {
    "CodeableConcept": check_concept,
    "Coding": check_coding,
    "Quantity": check_quantity,
}
"""Tests of the types that a value set may bind, without the primitive ones."""
