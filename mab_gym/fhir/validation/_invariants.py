"""Tests the invariants of the specification.

Most are evaluated as FHIRPath by fhirpathpy. Those that every element or every resource has are tested by functions of
this module, since they would take most of the time; so are those that HAPI's FHIRPath engine answers in its own way:
periods and ranges whose ends cannot be compared, and narratives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Protocol

from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._moments import not_after
from mab_gym.fhir.validation._narrative import has_basic_html, has_content
from mab_gym.fhir.validation._rules import BASE, Constraint, Use, is_resource

_WORK = 40.0
"""Units of work for one expression."""
_WORK_PER_CHARACTER = 0.05
_WORK_PER_PAIR = 0.01

_FIXED = {
    "ras-2": "(probability.exists() and (probability is decimal)) implies ((probability as decimal) <= 100)",
    "que-12": "enableWhen.count() >= 2 implies enableBehavior.exists()",
    "con-3": "(verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and "
    "code = 'entered-in-error').exists() and category.coding.where(system='http://terminology.hl7.org/CodeSystem/"
    "condition-category' and code ='problem-list-item').exists().not()) implies (clinicalStatus.exists())",
    "bdl-8": "fullUrl.exists() implies fullUrl.contains('/_history/').not()",
}
_NAMES = "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')"
_FIXED_NAMES = "name.exists() implies name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')"
"""Expressions that HAPI's validator evaluates instead of those that were published."""

_PAIRS = ("isDistinct", "intersect", "combine", " | ", " in ", "contains $this")
"""Parts of expressions that compare all with all."""


class Scope(Protocol):
    """The state that the tests of one resource share.

    Attributes:
        text: The text that was sent.
        tidy: True if all of it is FHIR's JSON.
    """

    text: str
    tidy: bool

    def spend(self, work: float) -> None:
        """Charges for work."""

    def root_of(self, element: Element) -> Element:
        """Returns the resource that counts as the outermost one for an element."""


Result = tuple[bool, str]
"""True if the constraint is kept, and HAPI's log."""
Test = Callable[[Element, Element, Scope], Result]


def failed(use: Use, element: Element, resource: Element, path: str, scope: Scope) -> Finding | None:
    """Returns what an invariant finds wrong with an element, or None."""
    constraint = use.constraint
    if constraint.key == "dom-3" or (constraint.key == "ele-1" and not element.primitive):
        return None
    known = "htmlChecks2()" if constraint.key == "txt-2" else constraint.expression
    if known in element.passed:
        return element.passed[known]
    test = _TESTS.get(constraint.key)
    passed, log = test(element, resource, scope) if test else _evaluated(constraint, element, resource, scope)
    finding = None if passed else _finding(use, element, path, log)
    element.passed[known] = finding
    return finding


def _finding(use: Use, element: Element, path: str, log: str) -> Finding:
    constraint = use.constraint
    url = BASE + constraint.owner
    source = f" (defined in {url})" if use.inherited else ""
    logged = f"{log} (log: {log})" if log else ""
    best = " (Best Practice Recommendation)" if constraint.best_practice else ""
    text = f"Constraint failed: {constraint.key}: '{constraint.human}'{source}{logged}{best}"
    warning = constraint.best_practice or constraint.severity == "warning"
    message_id = "" if warning else f"{url}#{constraint.key}"
    return Finding("warning" if warning else "error", path, text, message_id, element.start, element.end)


# --- by functions --------------------------------------------------------------------------------------------------


def _has_value_or_children(element: Element, _resource: Element, _scope: Scope) -> Result:
    """ele-1, of primitive elements: HAPI takes every other element for one that has a value."""
    ids = sum(child.name == "id" for child in element.children)
    return bool(element.value) or len(element.children) > ids, ""


def _is_extension(element: Element, _resource: Element, _scope: Scope) -> Result:
    nested = any(child.name == "extension" for child in element.children)
    return nested != any(child.name.startswith("value") for child in element.children), ""


def _contains_no_containers(element: Element, _resource: Element, _scope: Scope) -> Result:
    return not any(inner.child("contained") for inner in element.named("contained")), ""


def _contains_no_versions(element: Element, _resource: Element, _scope: Scope) -> Result:
    metas = [meta for inner in element.named("contained") for meta in inner.named("meta")]
    return not any(meta.child("versionId") or meta.child("lastUpdated") for meta in metas), ""


def _contains_no_labels(element: Element, _resource: Element, _scope: Scope) -> Result:
    return not any(meta.child("security") for inner in element.named("contained") for meta in inner.named("meta")), ""


def _has_narrative(element: Element, _resource: Element, scope: Scope) -> Result:
    """dom-6: HAPI asks it of the outermost resource, unless that is not equal to itself, as one without a value is."""
    if scope.root_of(element) is not element or _lacks_a_value(element):
        return True, ""
    text = element.child("text")
    return text is not None and text.child("div") is not None, ""


def _lacks_a_value(element: Element) -> bool:
    waiting = [element]
    while waiting:
        each = waiting.pop()
        if each.primitive and each.value is None and (each.children or each.name != "id"):
            return True
        waiting.extend(each.children)
    return False


def _refers_inside(element: Element, _resource: Element, scope: Scope) -> Result:
    reference = element.child_value("reference")
    if reference is None or reference == "#" or not reference.startswith("#"):
        return True, ""
    inner = scope.root_of(element).contained()
    if reference[1:] in inner:
        return True, ""
    scope.spend(len(inner))
    ids = [each.child_value("id") for each in scope.root_of(element).named("contained")]
    return False, f" (url: {reference[1:]}; ids: {','.join(filter(None, ids))})"


def _is_period(element: Element, _resource: Element, _scope: Scope) -> Result:
    start, end = element.child_value("start"), element.child_value("end")
    return not start or not end or not_after(start, end), ""


def _is_range(element: Element, _resource: Element, _scope: Scope) -> Result:
    low, high = element.child("low"), element.child("high")
    if low is None or high is None or low.empty or high.empty:
        return True, ""
    unit = low.child_value("unit")
    if unit is None and high.child_value("unit") is not None:
        return False, 'java.lang.NullPointerException: Cannot invoke "String.equals(Object)" because "lunit" is null'
    if unit != high.child_value("unit"):
        # HAPI has no service that could convert units here
        return False, "java.lang.UnsupportedOperationException: HAPI-0676: "
    try:
        return float(low.child_value("value") or "nan") <= float(high.child_value("value") or "nan"), ""
    except ValueError:
        return False, ""


def _is_modified_later(element: Element, _resource: Element, _scope: Scope) -> Result:
    authored, modified = element.child_value("authoredOn"), element.child_value("lastModified")
    return not authored or not modified or not_after(authored, modified), ""


def _has_basic_html(element: Element, _resource: Element, _scope: Scope) -> Result:
    return element.narrative is not None and has_basic_html(element.narrative), ""


def _has_text(element: Element, _resource: Element, _scope: Scope) -> Result:
    return element.narrative is not None and has_content(element.narrative), ""


_TESTS: dict[str, Test] = {
    "ele-1": _has_value_or_children,
    "ext-1": _is_extension,
    "dom-2": _contains_no_containers,
    "dom-4": _contains_no_versions,
    "dom-5": _contains_no_labels,
    "dom-6": _has_narrative,
    "ref-1": _refers_inside,
    "per-1": _is_period,
    "rng-2": _is_range,
    "txt-1": _has_basic_html,
    "txt-2": _has_text,
}


# --- by fhirpathpy -------------------------------------------------------------------------------------------------


def _evaluated(constraint: Constraint, element: Element, resource: Element, scope: Scope) -> Result:
    if constraint.key == "inv-1" and constraint.owner == "Task":
        return _is_modified_later(element, resource, scope)
    expression = _expression(constraint)
    size = element.end - element.start
    pairs = (size / 20) ** 2 * _WORK_PER_PAIR if any(part in expression for part in _PAIRS) else 0.0
    scope.spend(_WORK + size * _WORK_PER_CHARACTER + pairs)
    names = {"resource": resource, "rootResource": scope.root_of(element)}
    variables = {name: _data(of, scope) for name, of in names.items() if f"%{name}" in expression}
    found = evaluate(expression, _data(element, scope), element.type, variables)
    if len(found) == 1 and isinstance(found[0], bool):
        return found[0], ""
    return bool(found), ""


def _data(element: Element, scope: Scope) -> Any:
    return element.data(scope.text) if scope.tidy else element.tidy_data()


def _expression(constraint: Constraint) -> str:
    if constraint.expression == _NAMES:
        return _FIXED_NAMES
    return _FIXED.get(constraint.key, constraint.expression)


def evaluate(expression: str, data: Any, path: str, variables: dict[str, Any]) -> list[Any]:
    """Evaluates a FHIRPath expression.

    Args:
        expression: The expression; it is parsed once in a process.
        data: The element on which it is evaluated, as plain Python values.
        path: The type of the element.
        variables: The values of ``%resource`` and the like.

    Returns:
        The values that were found; ``[True]`` if fhirpathpy cannot evaluate the expression on this data.

    Raises:
        FhirError: fhirpathpy cannot be loaded.
    """
    library = _library()
    try:
        node = data if is_resource(path) else library.create(data, path)
        found: list[Any] = library.apply(node, _parsed(expression), variables, library.model, library.options)
    except Exception:  # it raises what it likes for data of unexpected types
        return [True]
    return found


class _Library:
    """fhirpathpy, imported when it is first needed: that takes a fifth of a second."""

    def __init__(self) -> None:
        from fhirpathpy import apply_parsed_path  # noqa: PLC0415
        from fhirpathpy.engine.nodes import ResourceNode  # noqa: PLC0415
        from fhirpathpy.models import models  # noqa: PLC0415
        from fhirpathpy.parser import parse  # noqa: PLC0415

        self.apply: Callable[..., list[Any]] = apply_parsed_path
        self.create: Callable[[Any, str], Any] = ResourceNode.create_node
        self.parse: Callable[[str], Any] = parse
        self.model = models["r4"]
        self.options = {
            "userInvocationTable": {"hasValue": {"fn": _has_value, "arity": {0: []}}},
            "traceFn": lambda *_: None,
        }


@cache
def _library() -> _Library:
    """Returns fhirpathpy.

    Raises:
        FhirError: It cannot be loaded, as beside Hydra, which wants an older ANTLR runtime.
    """
    try:
        return _Library()
    except Exception as error:  # a parser that was made for another runtime raises a plain one
        text = f"Resources cannot be validated here: fhirpathpy cannot be loaded ({error})"
        raise FhirError(501, Issue(text, "not-supported")) from None


@lru_cache(maxsize=512)
def _parsed(expression: str) -> Any:
    return _library().parse(expression)


def _has_value(items: list[Any]) -> bool:
    """Tells FHIRPath's ``hasValue()``, which fhirpathpy does not have."""
    if len(items) != 1:
        return False
    data = getattr(items[0], "data", items[0])
    return data is not None and data != ""
