"""Tests codes against code systems and value sets, as far as the specification lists them.

HAPI asks its "in memory" terminology: it knows the code systems of the specification, UCUM, languages, currencies,
countries and media types. It ignores filters of value sets, and does not look at displays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from mab_gym.fhir.model._terminology import MEDIA_TYPES, code_system, value_set
from mab_gym.fhir.validation._rules import titles
from mab_gym.fhir.validation._ucum import unit_fault

UCUM = "http://unitsofmeasure.org"
LANGUAGES = "urn:ietf:bcp:47"
_CURRENCIES = "urn:iso:std:iso:4217"
_COUNTRIES = "urn:iso:std:iso:3166"


class Problem(NamedTuple):
    """A fault that the terminology finds in a code.

    Attributes:
        severity: ``error`` or ``warning``.
        kind: ``not-in-vs``, ``invalid-code`` or ``not-found``.
        text: The same in words.
    """

    severity: str
    kind: str
    text: str


class Verdict(NamedTuple):
    """The result of testing a code.

    Attributes:
        fine: True if the code may be used.
        message: Why it may not.
        problems: The reasons one by one.
    """

    fine: bool
    message: str = ""
    problems: tuple[Problem, ...] = ()


_FINE = Verdict(True)
_FAILED = Verdict(False, "Validation failed")


class _System(NamedTuple):
    codes: frozenset[str]
    lower_codes: frozenset[str]
    ignores_case: bool
    is_fragment: bool

    def has(self, code: str) -> bool:
        return code.lower() in self.lower_codes if self.ignores_case else code in self.codes


@cache
def _system(url: str) -> _System | None:
    """Returns a code system whose codes are listed."""
    found = code_system(url)
    if found is None or found.content == "not-present":
        return None
    codes = frozenset(found.displays)
    lower = codes if found.case_sensitive else frozenset(code.lower() for code in codes)
    return _System(codes, lower, not found.case_sensitive, found.content == "fragment")


def is_supported(system: str | None) -> bool:
    """True if HAPI can say whether a code belongs to a code system."""
    known = (UCUM, LANGUAGES, _CURRENCIES, _COUNTRIES)
    return bool(system) and (system in known or _system(system or "") is not None)


def is_code_system(system: str) -> bool:
    """True if HAPI knows a code system, at least by name."""
    return code_system(system) is not None or system in (_CURRENCIES, _COUNTRIES)


def is_value_set(url: str) -> bool:
    """True if a URL is that of a value set of the specification."""
    return value_set(url) is not None


def describe(url: str) -> str:
    """Returns the title and the address of a value set, as HAPI names it."""
    plain = url.partition("|")[0]
    found = value_set(plain)
    version = found.version if found is not None else None
    return f"'{titles().get(plain, plain)}' ({plain}{f'|{version}' if version else ''})"


def test_in_system(system: str | None, code: str | None) -> Verdict:
    """Tests a code against its code system."""
    if not system:
        return _FAILED
    if code is None:
        return _invalid(f"Unknown code '{system}#null'") if _system(system) is not None else _FAILED
    if system == UCUM:
        fault = unit_fault(code)
        return _invalid(f"{fault} (for '{system}#{code}')") if fault else _FINE
    if system in (LANGUAGES, MEDIA_TYPES):
        return _FINE
    if system in (_CURRENCIES, _COUNTRIES):
        return _FINE if _has_iso_code(system, code) else _invalid(f"Unknown code '{system}#{code}'")
    known = _system(system)
    if known is None:
        return _FAILED
    if known.has(code):
        return _FINE
    if known.is_fragment:
        text = f"Unknown code in fragment CodeSystem '{system}#{code}'"
        return Verdict(True, text, (Problem("warning", "invalid-code", text),))
    return _invalid(f"Unknown code '{system}#{code}'")


def _invalid(text: str) -> Verdict:
    return Verdict(False, text, (Problem("error", "invalid-code", text),))


class _UnusableError(Exception):
    """A value set cannot be listed, because a code system is not known."""


def test_in_value_set(url: str, system: str | None, code: str | None, *, infer: bool = False) -> Verdict:
    """Tests a code against a value set, and against its own code system.

    Args:
        url: The value set's address.
        system: The code's system; None for none.
        code: The code.
        infer: True if a code without a system may belong to any.
    """
    plain = url.partition("|")[0]
    if infer:
        system = _inferred_system(plain, code or "")
    verdict = _in_value_set(plain, system, "null" if code is None else code, infer)
    if system is None:
        return verdict
    return verdict._replace(problems=(*verdict.problems, *test_in_system(system, code).problems))


class _Include(NamedTuple):
    """A part of a value set: codes of a system (None for all of them), and other value sets."""

    system: str
    codes: frozenset[str] | None
    sets: tuple[str, ...]


class _Parts(NamedTuple):
    includes: tuple[_Include, ...]
    excludes: tuple[_Include, ...]


@cache
def _parts(url: str) -> _Parts:
    found = value_set(url)
    compose = found.compose if found is not None else {}
    return _Parts(*(tuple(_include(each) for each in compose.get(kind, ())) for kind in ("include", "exclude")))


def _include(part: Mapping[str, Any]) -> _Include:
    codes = frozenset(str(each["code"]) for each in part["concept"]) if part.get("concept") else None
    return _Include(str(part.get("system", "")).partition("|")[0], codes, tuple(part.get("valueSet", ())))


def _inferred_system(url: str, code: str) -> str | None:
    """Returns the system that a plain code has in a value set: the only one there is, or the one that lists it."""
    includes = _parts(url).includes
    if len(includes) == 1:
        return includes[0].system or None
    return next((each.system for each in includes if each.codes is not None and code in each.codes), None)


def _in_value_set(url: str, system: str | None, code: str, infer: bool) -> Verdict:
    shown = f"{system}#{code}" if system else code
    try:
        found = any(_includes(url, system, code, infer))
    except _UnusableError as error:
        text = f"Failed to expand ValueSet '{url}' (in-memory). Could not validate code {system or 'null'}#{code}"
        return Verdict(False, f"{text}. Error was: HAPI-0702: {error}", (Problem("error", "not-found", str(error)),))
    if found:
        return _FINE
    text = f"Unknown code '{shown}' for in-memory expansion of ValueSet '{url}'"
    known = _system(system) if system and not infer else None
    if known is not None and known.is_fragment:
        text = text.replace("Unknown code ", "Unknown code in fragment CodeSystem ")
        return Verdict(True, text, (Problem("warning", "not-in-vs", text),))
    return Verdict(False, text, (Problem("error", "not-in-vs", text),))


def _includes(url: str, system: str | None, code: str, infer: bool) -> Iterator[bool]:
    """Yields True if an include of the value set has the code.

    Raises:
        _UnusableError: None has it, and one cannot be read.
    """
    unusable: _UnusableError | None = None
    for include in _parts(url).includes:
        try:
            if _include_has(include, system, code, infer):
                if not any(_include_has(exclude, system, code, infer) for exclude in _parts(url).excludes):
                    yield system is not None or infer
                return
        except _UnusableError as error:
            unusable = error
    if unusable is not None:
        raise unusable


def _include_has(include: _Include, system: str | None, code: str, infer: bool) -> bool:
    if include.system:
        if system is not None and system != include.system:
            return False
        if _in_include(include, system, code):
            return True
    return any(any(_includes(each.partition("|")[0], system, code, infer)) for each in include.sets)


def _in_include(include: _Include, system: str | None, code: str) -> bool:
    of, codes = include.system, include.codes
    known = _system(of)
    if known is not None:
        listed = codes is None or code in codes or (known.ignores_case and code.lower() in _lower(codes))
        return listed and known.has(code)
    if of in (UCUM, LANGUAGES):
        right = not unit_fault(code) if of == UCUM else True
        return right and (codes is None or code in codes)
    if codes is None:
        if of in (MEDIA_TYPES, _CURRENCIES, _COUNTRIES):
            return of == MEDIA_TYPES or _has_iso_code(of, code)
        content = "CodeSystem has CodeSystem.content=not-present but contents were not found: "
        missing = "CodeSystem could not be found: "
        named = content if code_system(of) is not None else missing
        raise _UnusableError(f"Unable to expand ValueSet because {named}{of}")
    return of == system and code in codes


@lru_cache(maxsize=64)
def _lower(codes: frozenset[str]) -> frozenset[str]:
    return frozenset(code.lower() for code in codes)


def _has_iso_code(of: str, code: str) -> bool:
    """True if a currency or a country is known: three capital letters, or two."""
    return code.isascii() and code.isalpha() and code.isupper() and len(code) in ((3,) if of == _CURRENCIES else (2, 3))
