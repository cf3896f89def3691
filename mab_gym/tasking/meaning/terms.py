"""Code systems, and words for the kinds of services."""

from __future__ import annotations

from typing import Final

__all__ = ["LABORATORY", "LOINC", "NDC", "REFERRAL", "RXNORM", "SNOMED", "TASK_CODE", "TRANSFUSION"]

RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
NDC: Final = "http://hl7.org/fhir/sid/ndc"
TASK_CODE: Final = "http://hl7.org/fhir/CodeSystem/task-code"

LABORATORY: Final = frozenset({"lab", "patholog", "chemistry", "haematolog", "hematolog", "phlebotom", "blood test",
                               "108252007", "LAB", "CH", "HM", "diagnostic"})  # fmt: skip
"""Words and codes of categories and of performers for a laboratory test (SNOMED CT 108252007, HL7 v2 table 0074)."""
REFERRAL: Final = frozenset({"referral", "refer", "consult", "orthop", "surg", "3457005", "306206005", "11429006"})
"""Words and codes of categories and of performers for a surgical referral (SNOMED CT)."""
TRANSFUSION: Final = frozenset({"transfusion", "blood", "therapeutic", "nurs", "277132007", "71388002"})
"""Words and codes of categories and of performers for a transfusion (SNOMED CT)."""
