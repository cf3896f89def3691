"""Documents that are due: judged by their sections, items and references, and never by their prose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mab_gym.casework.reading import (
    codes_of,
    concept_text,
    day_of,
    listed,
    member,
    number,
    references_in,
    references_of,
    text_of,
)

__all__ = ["DocumentDue", "ItemDue", "SectionDue"]

_MOST: Final = 100
"""Sections or items that are read."""
_DEEPEST: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionDue:
    """A section of a Composition.

    Attributes:
        name: The name of its checkpoint.
        codes: Codes of which its code must have one.
        words: Patterns of which its title may match one in place of the code.
        cites: Groups of addresses; it must refer to at least one of each.
        forbids: Addresses to which it must not refer: what is out of date, entered in error, or somebody else's.
        says: Patterns that its texts must match, for numbers, codes and names alone.
    """

    name: str
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    cites: tuple[tuple[str, ...], ...] = ()
    forbids: tuple[str, ...] = ()
    says: tuple[str, ...] = ()

    def is_this(self, section: Any) -> bool:
        """Tells if a section is this one, by code or title."""
        if codes_of(member(section, "code")) & set(self.codes):
            return True
        title = f"{text_of(member(section, 'title'))} {concept_text(member(section, 'code'))}"
        return any(re.search(pattern, title) for pattern in self.words)

    def problems(self, sections: list[Any]) -> list[str]:
        """Returns what is wrong with the sections that are this one; nothing if all is right."""
        if not sections:
            return [f"there is no section {self.name} ({', '.join(self.codes or self.words)})"]
        cited = {address for section in sections for address in references_in(section)}
        said = " ".join(text_of(section) for section in sections)
        found = [f"it does not refer to {' or '.join(group)}" for group in self.cites if not cited & set(group)]
        found += [
            f"it refers to {address}, which does not belong there" for address in self.forbids if address in cited
        ]
        found += [f"its text lacks what matches {pattern}" for pattern in self.says if not re.search(pattern, said)]
        if not self.cites and not self.says and not cited and not said.strip():
            found.append("it is empty")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDue:
    """An item of a QuestionnaireResponse.

    Attributes:
        link_id: Its ``linkId``.
        between: The least and the greatest number that is right.
        is_true: The boolean that is right.
        codes: Codes of which any is right.
        words: Patterns of which any must match its words, in lower case.
        days: The first and the last time that is right; a date alone counts as the end of its day.
        references: Addresses of which any is right.
        absent: True if it must have no answer.
    """

    link_id: str
    between: tuple[float, float] | None = None
    is_true: bool | None = None
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    days: tuple[datetime, datetime] | None = None
    references: tuple[str, ...] = ()
    absent: bool = False

    def problems(self, answers: list[Any], now: datetime) -> list[str]:
        """Returns what is wrong with an item's answers; nothing if one of them is right and none is there in vain."""
        if self.absent:
            return ["it has an answer, and there is none to give"] if answers else []
        if not answers:
            return ["it has no answer"]
        return [] if any(self._is_right(each, now) for each in answers) else ["its answer is not right"]

    def _is_right(self, answer: Any, now: datetime) -> bool:
        values = [value for name, value in answer.items() if name.startswith("value")] if _is_object(answer) else []
        return any(self._fits(value, now) for value in values)

    def _fits(self, value: Any, now: datetime) -> bool:
        if self.is_true is not None:
            return value is self.is_true or text_of(value).strip() == ("yes" if self.is_true else "no")
        if self.between is not None:
            found = number(member(value, "value")) if _is_object(value) else number(value)
            return found is not None and self.between[0] - 1e-9 <= found <= self.between[1] + 1e-9
        if self.days is not None:
            at = day_of(value, now)
            return at is not None and self.days[0] <= at <= self.days[1]
        if self.references:
            return bool(set(references_of(value)) & set(self.references))
        said = text_of(value)
        coded = {*codes_of(value), *([value] if isinstance(value, str) else [])}
        return bool(coded & set(self.codes)) or any(re.search(pattern, said) for pattern in self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDue:
    """A document that is to be written.

    Attributes:
        kind: ``Composition``, ``QuestionnaireResponse``, ``CarePlan`` or another type.
        statuses: Statuses that are right; empty where the type has none, as an AdverseEvent.
        codes: Codes of which its ``type`` or ``code`` or ``category`` must have one; empty for any.
        refers: By element, addresses of which that element must refer to one, as in ``encounter``, ``questionnaire``.
        values: By element, codes of which that element must be or have one, as in ``actuality``.
        days: By element, the first and the last time that is right; a date alone counts as the end of its day.
        sections: The sections of a Composition.
        items: The items of a QuestionnaireResponse.
        cites: Groups of addresses; the document must refer to at least one of each, anywhere.
        forbids: Addresses to which it must not refer.
    """

    kind: str = "Composition"
    statuses: tuple[str, ...] = ("final", "amended", "completed", "active")
    codes: tuple[str, ...] = ()
    refers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    days: tuple[tuple[str, tuple[datetime, datetime]], ...] = ()
    sections: tuple[SectionDue, ...] = ()
    items: tuple[ItemDue, ...] = ()
    cites: tuple[tuple[str, ...], ...] = ()
    forbids: tuple[str, ...] = ()

    def findings(self, document: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, list[str]]]:
        """Yields each part's name with what is wrong in it.

        Args:
            document: The resource, of any shape.
            now: The record system's clock.
        """
        yield "form", self._form(document, now)
        sections = _flat(document.get("section"), "section")
        for section in self.sections:
            yield section.name, section.problems([each for each in sections if section.is_this(each)])
        items = _flat(document.get("item"), "item")
        for item in self.items:
            these = [each for each in items if member(each, "linkId") == item.link_id]
            answers = [answer for each in these for answer in listed(member(each, "answer"))[:_MOST]]
            yield item.link_id, item.problems(answers, now)
        if self.cites or self.forbids:
            cited = set(references_in(document))
            wrong = [f"it does not refer to {' or '.join(group)}" for group in self.cites if not cited & set(group)]
            wrong += [
                f"it refers to {address}, which does not belong there" for address in self.forbids if address in cited
            ]
            yield "evidence", wrong

    def _form(self, document: Mapping[str, Any], now: datetime) -> list[str]:
        found: list[str] = []
        if self.statuses and document.get("status") not in self.statuses:
            found.append(f"its status is {str(document.get('status'))[:20]!r}, not {' or '.join(self.statuses)}")
        coded = {code for name in ("type", "code", "category") for code in codes_of(document.get(name))}
        if self.codes and not coded & set(self.codes):
            found.append(f"its type is not {' or '.join(self.codes)}")
        for name, allowed in self.refers:
            value = document.get(name)
            given = {*references_of(value), *([value] if isinstance(value, str) else [])}
            if not given & set(allowed):
                found.append(f"its {name} is not {' or '.join(allowed)}")
        for name, allowed in self.values:
            value = document.get(name)
            if not {*codes_of(value), *([value] if isinstance(value, str) else [])} & set(allowed):
                found.append(f"its {name} is not {' or '.join(allowed)}")
        for name, (first, last) in self.days:
            at = day_of(document.get(name), now)
            if at is None or not first <= at <= last:
                found.append(f"its {name} is not from {first.isoformat()} to {last.isoformat()}")
        return found


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _flat(value: Any, name: str, depth: int = 0) -> list[Any]:
    """Returns sections or items with those inside them."""
    found: list[Any] = []
    if depth < _DEEPEST:
        for each in listed(value)[:_MOST]:
            found += [each, *_flat(member(each, name), name, depth + 1)]
            for answer in listed(member(each, "answer"))[:_MOST] if name == "item" else ():
                found += _flat(member(answer, name), name, depth + 1)
    return found[: 4 * _MOST]
