"""Clinical concepts by their codes and names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mab_gym.tasking.meaning._names import others_in
from mab_gym.tasking.meaning._said import Refusal, Said
from mab_gym.tasking.meaning.terms import LOINC, NDC, RXNORM, SNOMED

__all__ = ["Concept"]

_BY_OID: Final = {
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.69": NDC,
}
"""HL7's object identifiers of code systems (https://terminology.hl7.org, external code systems)."""
_DENIES: Final = re.compile(
    r"\b(?:not|no(?! longer)|non|without|except|or (?:something|another|any|other|else)|instead|rather|than|anti)\b",
    re.IGNORECASE,
)
_TERMINOLOGIES: Final = (
    "hl7.org", "snomed", "loinc", "rxnorm", "nlm.nih.gov", "urn:oid", "ama-assn", "cpt", "icd", "atc", "whocc", "unii",
    "fdasis", "ndfrt", "gs1", "dmd", "cvx", "hcpcs", "cms.gov",
)  # fmt: skip
"""Parts of the names of public terminologies: an unknown code of one of them may mean anything."""
_WORDS: Final = """
a an and of for the in by per to on at with as is it its are be this that these which what who how called named known
new next repeat order ordered ordering request requested replacement repletion supplement supplementation therapy
treatment medication medicine drug dose product service laboratory lab test level measurement stat urgent please serum
plasma venous patient today now control follow up followup check recheck see note notes above below text name label
display code item description entry standard usual local hospital ward clinic protocol policy discussed agreed dr doctor
physician nurse team according number one task action status record recorded referral consult recommendation
"""
_NAMELESS: Final = frozenset(_WORDS.split())
"""Words that name nothing by themselves."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A clinical concept: a drug, a test, a procedure.

    Attributes:
        system: The code system that the prompt names.
        code: The code.
        names: Its names, in lower case. A text that describes the order must contain one of them.
        also: Codes for the same concept in other systems, as pairs of system and code.
        alone: True if a text that names it must not name other drugs, tests or procedures.
    """

    system: str
    code: str
    names: tuple[str, ...]
    also: frozenset[tuple[str, str]] = frozenset()
    alone: bool = True
    _named: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = "|".join(map(re.escape, sorted(self.names, reverse=True)))  # a name before one that it begins with
        object.__setattr__(self, "_named", re.compile(rf"(?<![^\W_])(?:{words})(?![^\W\d_])", re.IGNORECASE))

    def is_named_in(self, text: str) -> bool:
        """Tells if a text names the concept."""
        return self._named.search(text) is not None

    def without_names(self, text: str) -> str:
        """Returns a text without the names of the concept."""
        return self._named.sub(" ", text)

    def problems(self, statements: Sequence[Said]) -> Iterator[Refusal]:
        """Yields the statements of a CodeableConcept that do not mean this concept.

        Args:
            statements: Codings and texts, as `mab_gym.tasking.meaning._reading` notes them.
        """
        right = False
        for value, element in statements:
            coding: Mapping[str, Any] = value
            if "text" in coding:
                if not self._may_be(coding["text"]):
                    yield Refusal(element, coding["text"], f"it does not name {self.names[0]}", True)
                continue
            system, code, display = coding.get("system"), coding.get("code"), coding.get("display")
            system = _BY_OID.get(str(system), system)
            is_this = (system, code) == (self.system, self.code) or (code == self.code and not self.system)
            right |= is_this
            if not is_this and (system, code) not in self.also:
                rivals = {self.system} if self.system else {known for known, _ in self.also}
                if system in rivals and code is not None:
                    yield Refusal(f"{element}.code", code, f"it is not {self.code}", True)
                elif not self._may_stand_beside(coding):
                    yield Refusal(element, dict(coding), "it is no code that is known to be the same", True)
            if coding.get("userSelected") is True and not is_this and (system, code) not in self.also:
                yield Refusal(f"{element}.userSelected", True, "another code was selected", True)
            known = (system, code) in self.also and isinstance(display, str) and not any(others_in(display))
            if display is not None and not known and not self._may_be(display):
                yield Refusal(f"{element}.display", display, f"it does not name {self.names[0]}", True)
        if not right:
            yield Refusal("", None, f"it is not coded {self.code} of {self.system}", True)

    def _may_stand_beside(self, coding: Mapping[str, Any]) -> bool:
        """Tells if a coding of another system is allowed: it names the same concept, or is a hospital's own code."""
        display, code = coding.get("display"), coding.get("code")
        if isinstance(display, str) and self.is_named_in(display):
            return True
        known = any(part in str(coding.get("system") or "") for part in _TERMINOLOGIES)
        named = isinstance(display, str) and not self._may_be(display)
        return not known and not named and not any(others_in(str(code)))

    def _may_be(self, text: object) -> bool:
        """Tells if a text names this concept and nothing else, or has only words that name nothing."""
        if not isinstance(text, str) or _DENIES.search(text):
            return False
        if self.is_named_in(text):
            return not self.alone or not any(others_in(self.without_names(text)))
        return set(re.findall(r"[^\W\d_]+", text.lower())) <= _NAMELESS
