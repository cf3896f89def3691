"""Tests references: that those to contained resources can be followed, and that a stated type fits."""

from __future__ import annotations

import re
from collections.abc import Callable

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.validation._bindings import Place
from mab_gym.fhir.validation._bundles import resolve
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._primitives import has_scheme
from mab_gym.fhir.validation._rules import BASE, VERSION, is_known, is_resource

_QUERY = re.compile(r"\?([_a-zA-Z][_a-zA-Z0-9]*=[^=&]*)(&([_a-zA-Z][_a-zA-Z0-9]*=[^=&]*))*", re.ASCII)

Conforms = Callable[[Element, str], list[Finding]]
"""Returns what is wrong with a resource that is referred to, by the definition of a type."""


def check_reference(place: Place, mentioned: set[str], conforms: Conforms, spend: Callable[[float], None]) -> None:
    """Tests a Reference.

    Args:
        place: The element, and where findings belong.
        mentioned: The ids of contained resources that are referred to; added to.
        conforms: Tests a resource that is referred to.
        spend: Charges for work.
    """
    element = place.element
    reference = element.child_value("reference")
    if not reference:
        identifier = element.child("identifier")
        named = identifier is not None and any(identifier.child_value(name) for name in ("system", "value"))
        if not named and not element.child_value("display"):
            text = "A Reference without an actual reference or identifier should have a display"
            place.add("warning", text, "Reference_REF_NoDisplay")
        return
    if reference.startswith("#"):
        mentioned.add(reference[1:])
        target = _target(element, reference)
    else:
        target = resolve(place, reference, spend)
    _check_form(place, reference, target)
    kind = target.type if target is not None else _stated_type(reference)
    _check_type(place, kind)
    if target is not None:
        _check_target(place, reference, target, conforms)


def _target(element: Element, reference: str) -> Element | None:
    """Returns the contained resource to which a reference points."""
    was_contained = False
    for around in element.around():
        if is_resource(around.type):
            if reference == "#" and around.special != "contained" and was_contained:
                return around
            was_contained = was_contained or around.special == "contained"
            inner = around.contained().get(reference[1:])
            if inner is not None:
                return inner
        if around.special in ("entry", "parameter"):
            return None
    return None


def _check_form(place: Place, reference: str, target: Element | None) -> None:
    kind, mark, _ = reference.partition("?")
    if mark and is_resource(kind):
        if _QUERY.fullmatch(reference[len(kind) :]) is None:
            text = f"Invalid search reference: {reference}"
            place.add("error", text, "REFERENCE_REF_QUERY_INVALID")
    elif reference.startswith("#") and target is None:
        text = f"Unable to resolve resource with reference '{reference}'"
        place.add("error", text, "Reference_REF_CantResolve")


def _stated_type(reference: str) -> str | None:
    parts = reference.split("/")
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    if len(parts) < 2:
        return None
    kind = parts[-4] if len(parts) >= 4 and parts[-2] == "_history" else parts[-2]
    return kind if is_known(kind) and "." not in kind else None


def _check_type(place: Place, kind: str | None) -> None:
    stated = place.element.child_value("type")
    if stated is None:
        return
    url = stated if has_scheme(stated) else BASE + stated
    targets = place.rule.targets
    if targets and "Resource" not in targets and url not in {BASE + each for each in targets}:
        shown = ", ".join(f"CanonicalType[{BASE}{each}]" for each in targets)
        text = f"The type '{stated}' is not a valid Target for this element (must be one of [{shown}])"
        place.add("error", text, "Reference_REF_WrongTarget")
    if kind is not None and kind != stated:
        _say_bad_type(place, stated, kind)


def _say_bad_type(place: Place, kind: str, wanted: str) -> None:
    text = f"Invalid Resource target type. Found {kind}, but expected one of ({wanted})"
    place.add("error", text, "Reference_REF_BadTargetType")


def _check_target(place: Place, reference: str, target: Element, conforms: Conforms) -> None:
    targets = place.rule.targets
    if not targets or "Resource" in targets:
        return
    if target.type in targets:
        wrong = [finding for finding in conforms(target, target.type) if finding.is_error]
        if wrong:
            text = f"Details for {reference} matching against profile {BASE}{target.type}|{VERSION}"
            details = tuple(f"{finding.path}: {finding.text}" for finding in wrong)
            element = place.element
            place.found.append(Finding("information", place.path, text, "", element.start, element.end, details))
    else:
        shown = ", ".join(java_set_order(targets, string_hash))
        _say_bad_type(place, target.type, f"[{shown}]")
