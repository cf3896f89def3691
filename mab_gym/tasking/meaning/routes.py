"""Routes of administration as concepts: SNOMED CT codes, HL7 v3 and v2 codes, and plain words with one meaning.

Sources: SNOMED CT's route of administration values (descendants of 284009009); HL7 v3 RouteOfAdministration,
http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration; HL7 v2 table 0162, which has the same letters for these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mab_gym.tasking.meaning.terms import SNOMED

__all__ = ["INTRAVENOUS", "ORAL"]

ORAL: Final = "oral"
INTRAVENOUS: Final = "intravenous"

_ROUTES: Final[dict[str, tuple[str, str, str]]] = {
    # SNOMED CT codes, HL7 v3 codes, words
    ORAL: ("26643006", "PO", "oral|orally|po|p.o.|by mouth|per os|per oral|swallow|swallowed|swallow, oral|peroral"),
    INTRAVENOUS: (
        "47625008 418114005 419993007 420287000 424494006 788178005",
        "IV IVDRIP IVC IVCC IVCI IVINJ IVINJBOL IVPUSH IVRPUSH",
        "iv|i.v.|intravenous|intravenously|ivpb|iv piggyback|iv drip|iv infusion|iv push|iv bolus|by vein|"
        "infusion, intravenous|injection, intravenous",
    ),
    "intramuscular": ("78421000", "IM IMD IMZ", "im|i.m.|intramuscular|intramuscularly"),
    "subcutaneous": ("34206005", "SQ", "sc|sq|s.c.|subq|subcut|subcutaneous|subcutaneously|hypodermic"),
    "intrathecal": ("72607000", "ITINJ", "intrathecal|intrathecally|intraspinal"),
    "epidural": ("404820008", "EPI", "epidural|peridural"),
    "intradermal": ("372464004", "IDINJ", "intradermal|intradermally"),
    "intraosseous": ("417255000", "IOSSINJ", "intraosseous|intraosseously"),
    "intra-arterial": ("58100008", "IARTINJ", "intraarterial|intra-arterial|intraarterially"),
    "intraperitoneal": ("38239002", "", "intraperitoneal|ip"),
    "intracardiac": ("372461007", "", "intracardiac"),
    "intraarticular": ("12130007", "", "intraarticular|intra-articular"),
    "sublingual": ("37839007", "SL", "sl|sublingual|sublingually|under the tongue"),
    "buccal": ("54471007", "BUC", "buccal|buccally"),
    "rectal": ("37161004", "PR", "rectal|rectally|pr|per rectum|suppository|enema"),
    "vaginal": ("16857009", "VAGINSI", "vaginal|vaginally|pv|per vagina"),
    "topical": ("6064005", "TOPICAL", "topical|topically|to the skin|cutaneous"),
    "transdermal": ("45890007", "TRNSDERMD", "transdermal|transdermally"),
    "inhaled": ("447694001", "IPINHL", "inhaled|inhalation|inhale|nebulized|nebulised"),
    "nasal": ("46713006", "NASINHL", "nasal|nasally|intranasal|intranasally"),
    "ophthalmic": ("54485002", "OPTHALTA", "ophthalmic|eye|eyes|in the eye|intraocular"),
    "otic": ("10547007", "OTIC", "otic|ear|ears|in the ear"),
    "nasogastric": ("127492001", "NGT", "ng|nasogastric|nasogastric tube|via ng tube"),
    "gastrostomy": ("127490009", "GT", "peg|gastrostomy|g-tube"),
}  # fmt: skip

HL7: Final = frozenset(
    f"http://{place}" for place in (
        "terminology.hl7.org/CodeSystem/v3-RouteOfAdministration", "hl7.org/fhir/v3/RouteOfAdministration",
        "terminology.hl7.org/CodeSystem/v2-0162", "hl7.org/fhir/v2/0162",
    )
)  # fmt: skip
_BY_SNOMED: Final = {code: route for route, (codes, _, _) in _ROUTES.items() for code in codes.split()}
_BY_HL7: Final = {code: route for route, (_, codes, _) in _ROUTES.items() for code in codes.split()}
_BY_WORDS: Final = {word: route for route, (_, _, words) in _ROUTES.items() for word in words.split("|")}
_SAYS_NOTHING: Final = re.compile(
    r"\b(route|routes|of|administration|use|injection|infusion|inj|inf|the|via|by|given|per|a|tube|\(qualifier value\)|"
    r"qualifier|value|peripheral|central|vein|line|piggyback|drip|push|bolus|slow|mouth|tablet|tablets)\b|[(),/-]"
)
_NOT_IN_PROSE: Final = frozenset({"im", "ip", "pr", "sc", "sl", "ng", "ear", "ears", "eye", "eyes", "peg", "swallow"})
"""Words that name a route in a field for routes, but mean other things in a sentence."""
_IN_PROSE: Final = re.compile(
    r"(?<![\w.])(" + "|".join(re.escape(word) for word in _BY_WORDS if word not in _NOT_IN_PROSE) + r")(?![\w])"
)
_DENIED: Final = re.compile(r"\bnot (?:for |via |by )?[\w.]+(?: or [\w.]+)?", re.IGNORECASE)
"""Denials such as "not IV" in "by mouth, not IV"."""
_CAPITALS: Final = re.compile(r"(?<![\w.])(IM|IP|PR|SC|SL|NG)(?![\w])")


def route_of_code(system: object, code: object) -> str | None:
    """Returns the route of a SNOMED CT, HL7 v3 or HL7 v2 code, or None."""
    if system == SNOMED:
        return _BY_SNOMED.get(str(code))
    return _BY_HL7.get(str(code).upper()) if system in HL7 else None


def route_of_words(text: str) -> str | None:
    """Returns the route that a text names if it names one and nothing else, or None."""
    words = " ".join(text.lower().split())
    if words in _BY_WORDS:
        return _BY_WORDS[words]
    named = {_BY_WORDS[found.group(1)] for found in _IN_PROSE.finditer(words)}
    if not named:
        left = " ".join(_SAYS_NOTHING.sub(" ", words).split())
        return _BY_WORDS.get(left)
    rest = " ".join(_SAYS_NOTHING.sub(" ", _IN_PROSE.sub(" ", words)).split())
    return named.pop() if len(named) == 1 and not rest else None


def routes_in(text: str) -> Iterator[str]:
    """Yields the routes that a sentence names."""
    text = _DENIED.sub(" ", text)
    for found in _IN_PROSE.finditer(text.lower()):
        yield _BY_WORDS[found.group(1)]
    for found in _CAPITALS.finditer(text):
        yield _BY_WORDS[found.group(1).lower()]
