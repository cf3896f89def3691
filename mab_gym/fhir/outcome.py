"""OperationOutcome: how the server says no (FHIR R4, https://hl7.org/fhir/R4/operationoutcome.html)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Issue:
    """One ``OperationOutcome.issue``.

    Attributes:
        diagnostics: What was wrong, in HAPI's own words and with its ``HAPI-nnnn`` code where it has one.
        code: The issue type (https://hl7.org/fhir/R4/valueset-issue-type.html).
        severity: ``fatal``, ``error``, ``warning`` or ``information``.
    """

    diagnostics: str
    code: str = "processing"
    severity: str = "error"


class FhirError(Exception):
    """A request that the server refuses.

    Attributes:
        status: The HTTP status, 400 or above.
        issues: What the OperationOutcome in the body lists.
    """

    def __init__(self, status: int, *issues: Issue | str) -> None:
        self.status = status
        self.issues = tuple(issue if isinstance(issue, Issue) else Issue(issue) for issue in issues)
        super().__init__(f"{status}: " + "; ".join(issue.diagnostics for issue in self.issues))


def operation_outcome(*issues: Issue) -> dict[str, Any]:
    """The OperationOutcome resource that lists ``issues``."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics} for issue in issues
        ],
    }
