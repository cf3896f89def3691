"""Flags on charts, and what the handbook asks of whoever writes about a patient who has one.

A kind of flag asks for one of two things. What is written names the flag, or bears a mark, in one of its own elements;
or the author of the flag is told of it by a message. Which writes count, and where the flag stands in them, is told by
a page of the handbook for each kind. Only active flags ask for anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.casework._orders import is_order
from mab_gym.casework.reading import (
    codes_of,
    concept_text,
    member,
    patient_of,
    references_of,
    text_of,
)
from mab_gym.dynamics._catalogues import tests
from mab_gym.dynamics._examinations import asked_examination
from mab_gym.dynamics._requests import asked_tests, is_consult
from mab_gym.tasking.chart import Chart

__all__ = ["FLAG_KINDS", "Flag", "FlagKind", "active_flags", "flags_on_chart", "kind_of"]

Resource = Mapping[str, Any]
RESTRICTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
_MARKS: Final = ("R", "V")
"""Restricted and very restricted (HL7 v3 code system Confidentiality)."""
_VOID: Final = ("entered-in-error", "draft", "cancelled", "rejected", "revoked")
"""Statuses of what is not in force, or never was."""
_FROM_BLOOD: Final = ("serum", "plasma", "blood", "citrated plasma", "arterial blood")
_SCREENS: Final = re.compile(
    r"^(?!.*vaccin).*(?:\bhiv\b|\bhcv\b|\bhbsag\b|hepatitis c\b|lipid|syphilis|"
    r"hepatitis (?:[bc] )?(?:virus )?(?:screen|test|antibod|antigen|surface|serolog|panel|rna))"
)
"""Tests of blood that a clinic asks for and a stay's laboratory does not do."""
_PICTURES: Final = re.compile(
    r"\b(?:ct|cta|mri|mra|x-?rays?|xr|cxr|pet|dxa|dexa|egd|ercp)\b|radiogra|ultraso|sonogra|duplex|echocardiogra|"
    r"mammogra|bone (?:mineral )?density|densitometr|tomogra|scintigra|angiogra|colonoscop|endoscop|gastroscop|"
    r"sigmoidoscop|bronchoscop|cystoscop"
)
"""Names of images and endoscopies in the words of a request, in lower case."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that is active.

    Attributes:
        kind: The name of its kind, in `FLAG_KINDS`.
        address: As in ``Flag/17``.
        author: The address of its author; empty if it names none.
    """

    kind: str
    address: str
    author: str


@dataclass(frozen=True, slots=True)
class FlagKind:
    """A kind of flag.

    Attributes:
        name: As in ``trial``.
        page: The handbook's page on it, as in ``RES-701``.
        text: The words of the flag.
        category: Code and name of its category.
        pattern: Finds flags of the kind by their words, in lower case.
        counts: Tells if a write asks for something: gets the resource as written, and that before (None if it is new).
        element: The element that names the flag, or ``meta.security`` for a mark; a function as it differs by type.
            None if the flag's author is told.
        rule: What is asked for, in one sentence for the docs.
    """

    name: str
    page: str
    text: str
    category: tuple[str, str]
    pattern: re.Pattern[str]
    counts: Callable[[Resource, Resource | None], bool]
    element: Callable[[Resource], str] | None
    rule: str

    @property
    def is_told(self) -> bool:
        """True if its author is told of what is written."""
        return self.element is None

    def is_met(self, resource: Resource, flags: Iterable[Flag]) -> bool:
        """Tells if a write names one of these flags, or bears the mark."""
        element = "" if self.element is None else self.element(resource)
        if element == "meta.security":
            return any(code in codes_of(member(member(resource, "meta"), "security")) for code in _MARKS)
        return not {each.address for each in flags}.isdisjoint(references_of(resource.get(element)))

    def marked(self, resource: Resource, flag: Flag) -> dict[str, Any]:
        """Returns a write with what the flag asks for in it."""
        element = "" if self.element is None else self.element(resource)
        if element == "meta.security":
            return {**resource, "meta": {**(resource.get("meta") or {}), "security": [RESTRICTED]}}
        return {**resource, element: [*(resource.get(element) or []), {"reference": flag.address}]}

    def patch(self, resource: Resource, flag: Flag) -> list[dict[str, Any]]:
        """Returns the JSON Patch that puts what the flag asks for into a write that is stored."""
        element = "" if self.element is None else self.element(resource)
        if element == "meta.security":
            return [{"op": "add", "path": "/meta/security", "value": [RESTRICTED]}]
        reference = {"reference": flag.address}
        if resource.get(element):
            return [{"op": "add", "path": f"/{element}/-", "value": reference}]
        return [{"op": "add", "path": f"/{element}", "value": [reference]}]


def _drug(resource: Resource, before: Resource | None) -> bool:
    return resource.get("resourceType") == "MedicationRequest" and (
        before is not None or resource.get("status") not in ("draft", "entered-in-error")
    )


def _request(resource: Resource, before: Resource | None) -> bool:
    return before is None and resource.get("resourceType") == "ServiceRequest" and is_order(resource)


def _blood(resource: Resource, before: Resource | None) -> bool:
    if not _request(resource, before):
        return False
    asked = asked_tests(resource)
    if not isinstance(asked, str):
        return any(tests()[key].analyte.specimen in _FROM_BLOOD for key in asked[0])
    examination = asked_examination(resource)
    if examination is not None:
        return examination.specimen == "blood" or examination.category == "BLB"
    return _SCREENS.search(concept_text(resource.get("code"))) is not None


def _picture(resource: Resource, before: Resource | None) -> bool:
    if not _request(resource, before) or is_consult(resource) or not isinstance(asked_tests(resource), str):
        return False
    examination = asked_examination(resource)
    if examination is not None:
        return examination.category in ("RAD", "CUS")
    return _PICTURES.search(concept_text(resource.get("code"))) is not None


def _meeting(resource: Resource, before: Resource | None) -> bool:
    if before is not None:
        return False
    if resource.get("resourceType") == "Appointment":
        return resource.get("status") not in _VOID
    return resource.get("resourceType") == "Communication" and patient_of(resource) in references_of(
        resource.get("recipient")
    )


def _work(resource: Resource, before: Resource | None) -> bool:
    kinds = ("Task", "Appointment", "Observation", "DiagnosticReport", "Procedure", "Immunization")
    return before is None and resource.get("resourceType") in kinds and resource.get("status") not in _VOID


def _word(resource: Resource, before: Resource | None) -> bool:
    kinds = ("Communication", "Task")
    return before is None and resource.get("resourceType") in kinds and resource.get("status") not in _VOID


def _by_interpreter(resource: Resource) -> str:
    return "supportingInformation" if resource.get("resourceType") == "Appointment" else "about"


FLAG_KINDS: Final[Mapping[str, FlagKind]] = {
    each.name: each
    for each in (
        FlagKind(
            "trial",
            "RES-701",
            "Enrolled in a clinical trial",
            ("research", "Research"),
            re.compile("clinical trial"),
            _drug,
            None,
            "A trial's coordinator is told of every drug order that is new or was changed.",
        ),
        FlagKind(
            "arm",
            "NUR-310",
            "No blood pressure or puncture at the left arm",
            ("safety", "Safety"),
            re.compile("puncture at the"),
            _blood,
            lambda resource: "supportingInfo",
            "A request for a test of blood names the flag that spares an arm.",
        ),
        FlagKind(
            "germ",
            "INF-602",
            "Contact isolation",
            ("safety", "Safety"),
            re.compile("contact isolation"),
            _picture,
            lambda resource: "supportingInfo",
            "A request for an image or an endoscopy names the flag of contact isolation.",
        ),
        FlagKind(
            "interpreter",
            "ADM-540",
            "Interpreter needed",
            ("contact", "Subject Contact"),
            re.compile("interpreter needed"),
            _meeting,
            _by_interpreter,
            "An appointment, and a message to the patient, names the flag of who needs an interpreter.",
        ),
        FlagKind(
            "complex",
            "ADM-550",
            "Complex care management",
            ("clinical", "Clinical"),
            re.compile("complex care"),
            _work,
            None,
            "The care manager is told of every new Task and Appointment, and of what is entered from elsewhere.",
        ),
        FlagKind(
            "confidential",
            "ADM-560",
            "Confidential chart",
            ("admin", "Administrative"),
            re.compile("confidential chart"),
            _word,
            lambda resource: "meta.security",
            "A message or a Task about somebody with a confidential chart is marked as restricted.",
        ),
    )
}
"""The kinds of flags that ask for something, by name."""


def kind_of(flag: Resource) -> str | None:
    """Returns the name of a Flag's kind; None if it asks for nothing, active or not."""
    said = text_of(flag.get("code"))
    return next((name for name, kind in FLAG_KINDS.items() if kind.pattern.search(said)), None)


def active_flags(flags: Iterable[Resource]) -> list[Flag]:
    """Returns those of some Flag resources that are active and ask for something."""
    found = []
    for each in flags:
        if each.get("status") != "active":
            continue
        kind = kind_of(each)
        if kind is not None:
            author = next(iter(references_of(each.get("author"))), "")
            found.append(Flag(kind, f"Flag/{each['id']}", author))
    return found


def flags_on_chart(chart: Chart, whom: str) -> tuple[Resource, ...]:
    """Returns the Flag resources on a patient's chart, as it was before.

    Args:
        chart: The records.
        whom: The patient's address.
    """
    mrn = whom.removeprefix("Patient/")
    if not mrn:
        return ()
    return chart.remember(("flags", mrn), lambda: tuple(chart.search("Flag", patient=mrn, _count="100")))
