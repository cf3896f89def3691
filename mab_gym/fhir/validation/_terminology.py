"""Tests codes against code systems and value sets, as far as the specification lists them.

HAPI asks its "in memory" terminology: it knows the code systems of the specification, UCUM, languages, currencies,
countries and media types. It ignores filters of value sets, and does not look at displays.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mab_gym.fhir.validation._rules import code_systems, value_sets
from mab_gym.fhir.validation._ucum import unit_fault

UCUM = "http://unitsofmeasure.org"
LANGUAGES = "urn:ietf:bcp:47"
_MEDIA_TYPES = "urn:ietf:bcp:13"
_CURRENCIES = "urn:iso:std:iso:4217"
_COUNTRIES = "urn:iso:std:iso:3166"
_UNSUITABLE = frozenset(("http://snomed.info/sct", _MEDIA_TYPES))
"""Code systems that are known by name alone."""


class Problem(NamedTuple):
    """What the terminology says against a code.

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
    row = code_systems().get(url)
    if row is None or "n" in row[0]:
        return None
    codes = frozenset(row[1].split("\n")) if len(row) > 1 else frozenset[str]()
    ignores_case = "i" in row[0]
    lower = frozenset(code.lower() for code in codes) if ignores_case else codes
    return _System(codes, lower, ignores_case, "f" in row[0])


def is_supported(system: str | None) -> bool:
    """True if HAPI can say whether a code belongs to a code system."""
    known = (UCUM, LANGUAGES, _CURRENCIES, _COUNTRIES)
    return bool(system) and (system in known or _system(system or "") is not None)


def is_code_system(system: str) -> bool:
    """True if HAPI knows a code system, at least by name."""
    return system in code_systems() or system in (_MEDIA_TYPES, _CURRENCIES, _COUNTRIES)


def is_value_set(url: str) -> bool:
    """True if a URL is that of a value set of the specification."""
    return url.partition("|")[0] in value_sets()


def describe(url: str) -> str:
    """Returns the title and the address of a value set, as HAPI names it."""
    title, version = value_sets()[url.partition("|")[0]][:2]
    return f"'{title}' ({url.partition('|')[0]}|{version})"


def is_known_value_set(url: str) -> bool:
    """True if the contents of a value set are known."""
    return bool(value_sets().get(url.partition("|")[0]))


def test_in_system(system: str | None, code: str | None) -> Verdict:
    """Tests a code against its code system."""
    if not system:
        return _FAILED
    if code is None:
        return _invalid(f"Unknown code '{system}#null'") if _system(system) is not None else _FAILED
    if system == UCUM:
        fault = unit_fault(code)
        return _invalid(f"{fault} (for '{system}#{code}')") if fault else _FINE
    if system in (LANGUAGES, _MEDIA_TYPES):
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


def _inferred_system(url: str, code: str) -> str | None:
    """Returns the system that a plain code has in a value set: the only one there is, or the one that lists it."""
    row = value_sets().get(url) or []
    includes = row[2] if len(row) > 2 else []
    if len(includes) == 1:
        return str(includes[0][0]) or None if includes[0] else None
    listing = (each[0] for each in includes if len(each) > 1 and each[1] and code in each[1].split("\n"))
    return next(listing, None)


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
    row = value_sets().get(url) or []
    includes, excludes = (row[2] if len(row) > 2 else []), (row[3] if len(row) > 3 else [])
    unusable: _UnusableError | None = None
    for include in includes:
        try:
            if _include_has(include, system, code, infer):
                if not any(_include_has(exclude, system, code, infer) for exclude in excludes):
                    yield system is not None or infer
                return
        except _UnusableError as error:
            unusable = error
    if unusable is not None:
        raise unusable


def _include_has(include: list[object], system: str | None, code: str, infer: bool) -> bool:
    of, listed, *others = include if len(include) > 1 else [*include, None]
    of = str(of or "")
    if of:
        if system is not None and system != of:
            return False
        codes = None if listed is None else str(listed).split("\n")
        if _in_include(of, codes, system, code):
            return True
    nested = others[0] if others and isinstance(others[0], list) else []
    return any(any(_includes(str(each), system, code, infer)) for each in nested)


def _in_include(of: str, codes: list[str] | None, system: str | None, code: str) -> bool:
    known = _system(of)
    if known is not None:
        if codes is not None and code not in codes and not (known.ignores_case and code.lower() in _lower(codes)):
            return False
        return known.has(code)
    if of in (UCUM, LANGUAGES):
        right = not unit_fault(code) if of == UCUM else True
        return right and (codes is None or code in codes)
    if codes is None:
        if of in (_MEDIA_TYPES, _CURRENCIES, _COUNTRIES):
            return of == _MEDIA_TYPES or _has_iso_code(of, code)
        content = "CodeSystem has CodeSystem.content=not-present but contents were not found: "
        missing = "CodeSystem could not be found: "
        raise _UnusableError(f"Unable to expand ValueSet because {content if of in _UNSUITABLE else missing}{of}")
    return of == system and code in codes


def _lower(codes: list[str]) -> list[str]:
    return [code.lower() for code in codes]


def _has_iso_code(of: str, code: str) -> bool:
    """True if a currency or a country is known: three capital letters, or two."""
    return code.isascii() and code.isalpha() and code.isupper() and len(code) in ((3,) if of == _CURRENCIES else (2, 3))
