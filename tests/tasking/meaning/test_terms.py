"""Code systems, and words for kinds of services, by value."""

from __future__ import annotations

from typing import Any

import pytest

from mab_gym.tasking.meaning.terms import LABORATORY, LOINC, NDC, REFERRAL, RXNORM, SNOMED, TASK_CODE, TRANSFUSION
from tests.tasking.meaning.people import TESTED, service, unmet

WORDS: dict[frozenset[str], str] = {
    LABORATORY: "Laboratory|Pathology|chemistry|Haematology|Hematology|Phlebotomy|blood test|diagnostics",
    REFERRAL: "Referral|refer to|Consultation|Orthopaedics|Surgeon",
    TRANSFUSION: "Transfusion|blood|Therapeutic procedure|Nursing",
}
CODES: dict[frozenset[str], str] = {
    LABORATORY: "108252007 LAB CH HM",
    REFERRAL: "3457005 306206005 11429006",
    TRANSFUSION: "277132007 71388002",
}


def test_code_systems() -> None:
    assert (RXNORM, LOINC, SNOMED, NDC, TASK_CODE) == (
        "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org", "http://snomed.info/sct",
        "http://hl7.org/fhir/sid/ndc", "http://hl7.org/fhir/CodeSystem/task-code",
    )  # fmt: skip


def fits(kind: frozenset[str], category: dict[str, Any]) -> bool:
    """True where a service of this kind may be of that category."""
    return unmet(service(kind=kind), {**TESTED, "category": [category]}) == []


@pytest.mark.parametrize(("kind", "word"), [(kind, word) for kind, words in WORDS.items() for word in words.split("|")])
def test_words_for_a_kind(kind: frozenset[str], word: str) -> None:
    assert fits(kind, {"text": word})
    assert not fits(kind, {"text": "imaging"})


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in CODES.items() for code in codes.split()])
def test_codes_for_a_kind(kind: frozenset[str], code: str) -> None:
    assert fits(kind, {"coding": [{"code": code}]})
    assert fits(kind, {"coding": [{"code": code, "display": "thing"}]})
    assert not fits(kind, {"coding": [{"code": "363679005"}]})
