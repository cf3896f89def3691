"""The issues that `$validate` finds, and the OperationOutcome that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mab_gym.fhir.validation._json_places import Lines

_OUTCOME = "http://hl7.org/fhir/StructureDefinition/operationoutcome-"
_MESSAGE_IDS = "http://hl7.org/fhir/java-core-messageId"
_RANK = {"fatal": 0, "error": 1, "warning": 2, "information": 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, or hint.

    Attributes:
        severity: ``fatal``, ``error``, ``warning`` or ``information``.
        path: The place in the resource, as a FHIRPath.
        text: The fault in HAPI's words.
        message_id: The name of the message in HAPI's validator; empty for some.
        start: The place in the text of the element's first character; negative for no place.
        end: The place behind its last character.
        details: Further texts, of each of which HAPI makes an issue of its own.
    """

    severity: str
    path: str
    text: str
    message_id: str = ""
    start: int = 0
    end: int = 0
    details: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """True if the resource is wrong, not only unusual."""
        return self.severity in ("error", "fatal")


def add_new(findings: list[Finding], more: Iterable[Finding]) -> None:
    """Adds findings, each text at each place once: the more severe one stays."""
    places = {(known.text, known.path): index for index, known in enumerate(findings)}
    for finding in more:
        index = places.get((finding.text, finding.path))
        if index is None:
            places[finding.text, finding.path] = len(findings)
            findings.append(finding)
        elif _RANK[finding.severity] < _RANK[findings[index].severity]:
            findings[index] = finding


def outcome(findings: Sequence[Finding], text: str) -> dict[str, Any]:
    """Returns the OperationOutcome that lists findings about a text."""
    lines = Lines(text)
    issues = [
        _issue(finding, f"{finding.text} - {detail}" if detail else finding.text, lines)
        for finding in findings
        for detail in finding.details or ("",)
    ]
    nothing = {
        "severity": "information",
        "code": "informational",
        "diagnostics": "No issues detected during validation",
    }
    return {"resourceType": "OperationOutcome", "issue": issues or [nothing]}


def _issue(finding: Finding, text: str, lines: Lines) -> dict[str, Any]:
    extensions: list[dict[str, Any]] = []
    location = [finding.path]
    if finding.start >= 0:
        line, column = lines.line(finding.start), lines.column(finding.end)
        extensions.append({"url": _OUTCOME + "issue-line", "valueInteger": line})
        extensions.append({"url": _OUTCOME + "issue-col", "valueInteger": column})
        location.append(f"Line[{line}] Col[{column}]")
    issue: dict[str, Any] = {}
    if finding.message_id:
        extensions.append({"url": _OUTCOME + "message-id", "valueString": finding.message_id})
    if extensions:
        issue["extension"] = extensions
    issue |= {"severity": finding.severity, "code": "processing"}
    if finding.message_id:
        issue["details"] = {"coding": [{"system": _MESSAGE_IDS, "code": finding.message_id}]}
    return issue | {"diagnostics": text, "location": location}
