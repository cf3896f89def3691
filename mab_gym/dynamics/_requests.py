"""Requests for tests as the laboratory reads them: which tests, and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from mab_gym.dynamics._catalogues import Panel, panels, tests
from mab_gym.dynamics._timing import Clock, Plan, read_timing
from mab_gym.tasking.meaning._said import listed, member, words_of
from mab_gym.tasking.meaning.terms import LOINC

MOST_DRAWS: Final = 48
"""Specimens of one request, at most."""
SHORTEST: Final = 15
"""Minutes from one specimen of a request to the next, at least."""
_OF_URINE: Final = re.compile(r"\burin(?:e|ary)\b", re.IGNORECASE)
_OF_BLOOD: Final = re.compile(r"\b(?:serum|plasma|blood)\b", re.IGNORECASE)
_CONSULT: Final = re.compile(r"\b(?:consult(?:ation)?|referral|refer to|opinion)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for tests.

    Attributes:
        tests: Keys of the tests, in order.
        panel: The panel that it names; None for single tests.
        plan: The times of the specimens.
        urgent: ``stat``, ``urgent`` or ``routine``; ``asap`` counts as urgent.
    """

    tests: tuple[str, ...]
    panel: Panel | None
    plan: Plan
    urgent: str


def read_request(request: Mapping[str, Any], clock: Clock) -> Request | str:
    """Reads a ServiceRequest for tests.

    Args:
        request: The resource.
        clock: The stay's clock.

    Returns:
        The request, or why it cannot be carried out, in a sentence.
    """
    asked = asked_tests(request)
    if isinstance(asked, str):
        return asked
    keys, panel = asked
    plan = Plan(count=1)
    timing = request.get("occurrenceTiming")
    if timing is not None:
        read = read_timing(timing, clock)
        if isinstance(read, str):
            return read
        plan = read
    for name in ("occurrenceDateTime", "occurrencePeriod"):
        written = request.get(name)
        if written is None:
            continue
        moment = clock.moment(written if name == "occurrenceDateTime" else member(written, "start"))
        if moment is None:
            return f"{name} is a time with its time zone, not {str(written)[:60]!r}"
        plan = replace(plan, start=clock.minute(moment))
    if plan.interval is not None and plan.interval < SHORTEST:
        return f"blood cannot be drawn every {plan.interval} minutes; order at least {SHORTEST} minutes between"
    priority = request.get("priority")
    urgent = "stat" if priority == "stat" else "urgent" if priority in ("urgent", "asap") else "routine"
    return Request(keys, panel, plan, urgent)


def asked_tests(request: Mapping[str, Any]) -> tuple[tuple[str, ...], Panel | None] | str:
    """Returns the keys of the tests that a request names, and the panel; or why there are none."""
    code = request.get("code")
    found: dict[str, None] = {}
    panel: Panel | None = None
    for coding in [each for each in listed(member(code, "coding")) if isinstance(each, Mapping)][:8]:
        written = str(coding.get("code"))
        if coding.get("system") in (LOINC, None) and written in _by_loinc():
            key = _by_loinc()[written]
            panel = panels().get(key, panel)
            found.update(dict.fromkeys(panels()[key].tests if key in panels() else (key,)))
    texts = [text for text in words_of(code) if isinstance(text, str)]
    codes = [member(coding, "code") for coding in listed(member(code, "coding")) if member(coding, "system") != LOINC]
    if not found:
        for text in [*texts, *(each for each in codes if isinstance(each, str))][:8]:
            for key in _named(text[:300]):
                panel = panels().get(key, panel)
                found.update(dict.fromkeys(panels()[key].tests if key in panels() else (key,)))
            if found:
                break
    if not found:
        said = next((text for text in texts), "nothing")[:80]
        return f"{said!r} is no test that this laboratory does; order it by its LOINC code or its usual name"
    return tuple(found), panel if panel is not None and set(found) == set(panel.tests) else None


def is_consult(request: Mapping[str, Any]) -> bool:
    """Tells if a ServiceRequest asks for somebody's opinion."""
    words = [*words_of(request.get("code"))]
    for category in listed(request.get("category")):
        words += words_of(category)
        words += [str(member(coding, "code")) for coding in listed(member(category, "coding"))]
    return any(_CONSULT.search(str(word)[:300]) or str(word) in ("11429006", "3457005") for word in words)


@cache
def _by_loinc() -> Mapping[str, str]:
    codes = {test.analyte.loinc: test.key for test in tests().values()}
    codes.update({panel.loinc: panel.key for panel in panels().values()})
    # Other codes for what the laboratory does under one of its own.
    codes.update({"6298-4": "potassium", "2947-0": "sodium", "2339-0": "glucose", "1963-8": "bicarbonate"})
    codes.update({"51990-0": "basic_metabolic", "24320-4": "basic_metabolic", "24322-0": "comprehensive_metabolic"})
    codes.update({"20578-1": "vancomycin", "53060-9": "ketones"})
    codes.update({"2106-3": "hcg", "2118-8": "hcg", "21198-7": "hcg", "48058-2": "d_dimer", "71427-9": "d_dimer"})
    codes.update({"24338-6": "blood_gas", "24339-4": "blood_gas", "32693-4": "lactate", "14118-4": "lactate"})
    return codes


@cache
def _by_name() -> Mapping[str, str]:
    names = {name: test.key for test in tests().values() for name in test.names}
    names.update({name: panel.key for panel in panels().values() for name in panel.names})
    return names


@cache
def _names() -> re.Pattern[str]:
    longest = sorted((name for name in _by_name() if len(name) > 2), key=len, reverse=True)
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, longest))})(?![a-z0-9])")


def _named(text: str) -> list[str]:
    """Returns the keys of tests and panels that a text names; short names such as K only where all words are names."""
    words = [word for word in re.split(r"\s*(?:,|;|/|\band\b|&)\s*|\s+", text.lower().strip()) if word]
    if words and all(word in _by_name() for word in words):
        return [_by_name()[word] for word in words]
    found = [_by_name()[found.group(0)] for found in _names().finditer(" ".join(text.lower().split()))]
    if _OF_URINE.search(text) and not _OF_BLOOD.search(text):
        return [key for key in found if key in panels() or tests()[key].analyte.specimen == "urine"]
    return found
