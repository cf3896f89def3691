"""Tests that only resources of some types have."""

from __future__ import annotations

from collections.abc import Callable

from mab_gym.fhir.validation._bundles import check_bundle
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding

_EFFECTIVE = ("effectiveDateTime", "effectivePeriod", "effectiveTiming", "effectiveInstant")


def check_special(resource: Element, path: str, found: list[Finding]) -> None:
    """Tests what is asked of resources of one type alone."""
    check = _CHECKS.get(resource.type)
    if check is not None:
        check(resource, path, found)


def _check_observation(resource: Element, path: str, found: list[Finding]) -> None:
    start = "Best Practice Recommendation: In general, all observations should have "
    wanted = (
        (("subject",), "a subject", "a_subject"),
        (("performer",), "a performer", "a_performer"),
        (_EFFECTIVE, "an effective[x] ()", "an_effectiveDateTime_or_an_effectivePeriod"),
    )
    for names, what, end in wanted:
        if not any(resource.child(name) for name in names):
            key = f"All_observations_should_have_{end}"
            found.append(Finding("warning", path, start + what, key, resource.start, resource.end))


def _check_answers(resource: Element, path: str, found: list[Finding]) -> None:
    questionnaire = resource.child("questionnaire")
    if questionnaire is None:
        text = "No questionnaire is identified, so no validation can be performed against the base questionnaire"
        found.append(Finding("information", path, text, "Questionnaire_QR_Q_None", resource.start, resource.end))
    else:
        text = (
            f"The questionnaire '{questionnaire.value}' could not be resolved, so no validation can be performed "
            "against the base questionnaire"
        )
        key = "Questionnaire_QR_Q_NotFound"
        found.append(Finding("warning", path, text, key, questionnaire.start, questionnaire.end))


def _check_bundle(resource: Element, path: str, found: list[Finding]) -> None:
    check_bundle(resource, path, found, check_special)


_CHECKS: dict[str, Callable[[Element, str, list[Finding]], None]] = {
    "Bundle": _check_bundle,
    "Observation": _check_observation,
    "QuestionnaireResponse": _check_answers,
}
