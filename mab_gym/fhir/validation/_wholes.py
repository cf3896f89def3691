"""Tests a whole element or resource: how often its children are there, its labels, its contained resources."""

from __future__ import annotations

from mab_gym.fhir.validation._bindings import label
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._rules import Rule, Structure


def check_counts(element: Element, definition: Structure, path: str, found: list[Finding]) -> None:
    """Tests how often the children are there."""
    for rule in definition.required:
        if rule.name == "value" and definition.kind == "primitive":
            continue
        count = _number_of(element, rule)
        if count < rule.least:
            start = f"{rule.path}: minimum required = {rule.least}, but only found {count}"
            text = f"{start} (from {definition.versioned})"
            found.append(about(element, "error", path, text, "Validation_VAL_Profile_Minimum"))
    for rule in definition.capped:
        count = _number_of(element, rule)
        if count:
            text = f"{rule.path}: max allowed = 0, but found {count} (from {definition.versioned})"
            found.append(about(element, "error", path, text, "Validation_VAL_Profile_Maximum"))


def _number_of(element: Element, rule: Rule) -> int:
    return sum(child.rule is not None and child.rule.name == rule.name for child in element.children)


def about(element: Element, severity: str, path: str, text: str, message_id: str) -> Finding:
    """Returns a finding that is about a whole element."""
    return Finding(severity, path, text, message_id, element.start, element.end)


def stated_profiles(resource: Element) -> list[str]:
    """Returns the profiles that a resource states."""
    meta = resource.child("meta")
    return [each.value for each in meta.named("profile") if each.value] if meta is not None else []


def check_labels(resource: Element, path: str, found: list[Finding]) -> None:
    """Tests that no security label is there twice."""
    meta = resource.child("meta")
    seen = set()
    for index, security in enumerate(meta.named("security") if meta is not None else ()):
        shown = label(security)
        if shown in seen:
            text = f"Duplicate Security Label {shown}"
            place = f"{path}.meta.profile[{index}]"
            found.append(about(security, "error", place, text, "Meta_RES_Security_Duplicate"))
        seen.add(shown)


def check_orphans(resource: Element, path: str, found: list[Finding]) -> None:
    """Tests that every contained resource is referred to, or refers to the resource around it (dom-3)."""
    contained = resource.named("contained")
    if not contained:
        return
    names = [inner.child_value("id") or "null" for inner in contained]
    reached = {
        index
        for index, (inner, name) in enumerate(zip(contained, names, strict=True))
        if name in resource.mentions or "" in inner.mentions
    }
    waiting = list(reached)
    while waiting:
        mentions = contained[waiting.pop()].mentions
        more = (
            [index for index, name in enumerate(names) if name in mentions and index not in reached] if mentions else []
        )
        reached.update(more)
        waiting.extend(more)
    for index, (inner, name) in enumerate(zip(contained, names, strict=True)):
        if index not in reached:
            text = (
                f"The contained resource '{name}' is not referenced to from elsewhere in the containing resource nor "
                "does it refer to the containing resource (dom-3)"
            )
            found.append(about(inner, "error", f"{path}.contained[{index}]", text, "CONTAINED_ORPHAN_DOM3"))
