"""OperationOutcome: the server's refusals and reports (FHIR R4, https://hl7.org/fhir/R4/operationoutcome.html)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

_SANITIZED = {"<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\n": "&#10;", "\r": "&#13;"}


def sanitized(text: str) -> str:
    """Returns a text as HAPI repeats it in some of its messages, safe for HTML (``UrlUtil.sanitizeUrlPart``)."""
    return "".join(_SANITIZED.get(c, c) for c in text if c >= " " or c in _SANITIZED)


@dataclass(frozen=True, slots=True)
class Issue:
    """One ``OperationOutcome.issue``.

    Attributes:
        diagnostics: The error in HAPI's own words, with HAPI's ``HAPI-nnnn`` code if it has one, or nothing.
        code: The issue type (https://hl7.org/fhir/R4/valueset-issue-type.html).
        severity: ``fatal``, ``error``, ``warning`` or ``information``.
    """

    diagnostics: str
    code: str = "processing"
    severity: str = "error"


class RefusalKind(Enum):
    """The kinds of refusals that the server's own code has to tell apart; most are `OTHER`."""

    UNKNOWN_PARAMETER = auto()
    """The resource type has no such search parameter."""
    UNKNOWN_TYPE = auto()
    """A reference, or a modifier of one, names no resource type."""
    UNREADABLE_VALUE = auto()
    """A date, a number or a quantity cannot be read, or its prefix."""
    APPROXIMATE_DATE = auto()
    """``ap`` before a date."""
    SEVERAL_DATES = auto()
    """More than one value for a date."""
    TOO_MANY_COMPONENTS = auto()
    """A value of a composite parameter has too many parts."""
    UNSUPPORTED_PREFIX = auto()
    """``sa`` or ``eb`` before a number or a quantity."""
    OTHER = auto()


class FhirError(Exception):
    """A request that the server refuses.

    Attributes:
        status: The HTTP status, 400 or above.
        issues: The issues that the OperationOutcome in the body lists.
        kind: The kind of the refusal.
        name: The search parameter that is unknown, as HAPI repeats it; empty for other kinds.
    """

    def __init__(
        self, status: int, *issues: Issue | str, kind: RefusalKind = RefusalKind.OTHER, name: str = ""
    ) -> None:
        self.status = status
        self.kind = kind
        self.name = name
        self.issues = tuple(issue if isinstance(issue, Issue) else Issue(issue) for issue in issues)
        super().__init__(f"{status}: " + "; ".join(issue.diagnostics for issue in self.issues))


def operation_outcome(*issues: Issue) -> dict[str, Any]:
    """Returns the OperationOutcome resource that lists ``issues``."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": issue.severity, "code": issue.code}
            | ({"diagnostics": issue.diagnostics} if issue.diagnostics else {})
            for issue in issues
        ],
    }


STORAGE_RESPONSES = "https://hapifhir.io/fhir/CodeSystem/hapi-fhir-storage-response-code"
STORAGE_DISPLAYS = {
    "SUCCESSFUL_CREATE": "Create succeeded.",
    "SUCCESSFUL_CREATE_WITH_CONDITIONAL_MATCH": "Conditional create succeeded: an existing resource matched the "
    "conditional URL so no action was taken.",
    "SUCCESSFUL_CREATE_NO_CONDITIONAL_MATCH": "Conditional create succeeded: no existing resource matched the "
    "conditional URL.",
    "SUCCESSFUL_UPDATE": "Update succeeded.",
    "SUCCESSFUL_UPDATE_AS_CREATE": "Update as create succeeded.",
    "SUCCESSFUL_UPDATE_NO_CHANGE": "Update succeeded: No changes were detected so no action was taken.",
    "SUCCESSFUL_UPDATE_WITH_CONDITIONAL_MATCH": "Conditional update succeeded: an existing resource matched the "
    "conditional URL and was updated.",
    "SUCCESSFUL_UPDATE_WITH_CONDITIONAL_MATCH_NO_CHANGE": "Conditional update succeeded: an existing resource matched "
    "the conditional URL and was updated, but no changes were detected so no action was taken.",
    "SUCCESSFUL_UPDATE_NO_CONDITIONAL_MATCH": "Conditional update succeeded: no existing resource matched the "
    "conditional URL so a new resource was created.",
    "SUCCESSFUL_PATCH": "Patch succeeded.",
    "SUCCESSFUL_PATCH_NO_CHANGE": "Patch succeeded: No changes were detected so no action was taken.",
    "SUCCESSFUL_CONDITIONAL_PATCH": "Conditional patch succeeded.",
    "SUCCESSFUL_CONDITIONAL_PATCH_NO_CHANGE": "Conditional patch succeeded: No changes were detected so no action was "
    "taken.",
    "SUCCESSFUL_DELETE": "Delete succeeded.",
    "SUCCESSFUL_DELETE_ALREADY_DELETED": "Delete succeeded: Resource was already deleted so no action was taken.",
    "SUCCESSFUL_DELETE_NOT_FOUND": "Delete succeeded: No existing resource was found so no action was taken.",
}
"""HAPI's texts for successful writes, by HAPI's own codes."""


def storage_outcome(
    code: str, diagnostics: str, severity: str = "information", kind: str = "informational"
) -> dict[str, Any]:
    """Returns the OperationOutcome that reports a successful write.

    Args:
        code: One of `STORAGE_DISPLAYS`.
        diagnostics: The report in more words.
        severity: ``information`` or ``warning``.
        kind: The issue type (https://hl7.org/fhir/R4/valueset-issue-type.html).
    """
    coding = {"system": STORAGE_RESPONSES, "code": code, "display": STORAGE_DISPLAYS[code]}
    issue = {"severity": severity, "code": kind, "details": {"coding": [coding]}, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
