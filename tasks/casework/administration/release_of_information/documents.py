"""Documents of a chart as a records clerk sorts them: by type, clinic and day, and by what is protected in them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PSYCHIATRY, HIV = "psychiatry", "HIV tests"
"""Protected records, as authorizations name them."""
TYPES = {
    "office": "34108-1",
    "imaging": "18748-4",
    "discharge": "18842-5",
    "telephone": "34748-4",
    "operations": "11504-8",
}
"""LOINC codes of types of documents."""
WORDS = {
    "every": "every document of the chart, whatever its type",
    "office": "the outpatient notes of {clinic}",
    "imaging": "the reports of diagnostic imaging",
    "discharge": "the discharge summaries",
    "discharge and imaging": "the discharge summaries and the reports of diagnostic imaging",
}
"""The words by which letters name documents."""
_HIV = re.compile(r"\bHIV\b|immunodeficiency|antiretroviral", re.IGNORECASE)
_TESTED = re.compile(r"HIV test[^.;\n]{0,80}\b(19|20)\d\d|(19|20)\d\d[^.;\n]{0,60}HIV test", re.IGNORECASE)
_OPEN = re.compile(r"\bBRCA|genetic|hereditary", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paper:
    """A document.

    Attributes:
        address: Its reference.
        day: Its local date, as ``2024-05-31``.
        type: LOINC code.
        clinic: The practice setting, in words.
        current: True unless it is superseded.
        psychiatry: True if its author works there.
        hiv: ``tested`` if it tells of a test, ``named`` if it only names it, else empty.
        open: True where it cannot be told if it is protected.
    """

    address: str
    day: str
    type: str
    clinic: str
    current: bool
    psychiatry: bool
    hiv: str
    open: bool

    @property
    def protected(self) -> tuple[str, ...]:
        """The kinds of protected records that it belongs to."""
        return (PSYCHIATRY,) * self.psychiatry + (HIV,) * (self.hiv == "tested")


def text_of(document: Mapping[str, Any]) -> str:
    """Returns the text of a document."""
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


def paper(document: Mapping[str, Any], psychiatrists: Iterable[str]) -> Paper:
    """Reads a document."""
    text = text_of(document)
    authors = {each.get("reference") for each in document.get("author", ())}
    clinic = str(document.get("context", {}).get("practiceSetting", {}).get("text", ""))
    psychiatry = bool(authors & set(psychiatrists))
    return Paper(
        f"DocumentReference/{document['id']}",
        str(document["date"])[:10],
        str(document["type"]["coding"][0]["code"]),
        clinic,
        document["status"] == "current",
        psychiatry,
        "tested" if _TESTED.search(text) else "named" if _HIV.search(text) else "",
        bool(_OPEN.search(text)) or (clinic.lower() == PSYCHIATRY and not psychiatry),
    )


def within(papers: Sequence[Paper], scope: Mapping[str, Any]) -> list[Paper]:
    """Returns the documents that a request names, superseded ones among them.

    Args:
        papers: All of a chart.
        scope: ``kind`` (of `WORDS`), ``clinic``, ``since`` and ``until``, both days included.
    """
    kinds = str(scope["kind"]).split(" and ")
    types = {TYPES[each] for each in kinds if each in TYPES}
    return [
        each
        for each in papers
        if scope["since"] <= each.day <= scope["until"]
        and (not types or each.type in types)
        and (scope["kind"] != "office" or each.clinic == scope["clinic"])
    ]
