"""The hospital's handbook: its policies and protocols, in versions, with their rules as data.

Each page is a file of ``tables/handbook``: title, owner and text, the rules that the text states, and its versions, the
newest first. An older version is the newest text with some passages swapped, and its own rules. The figures of a page
have their sources in its comments and in `HandbookPage.sources`. They are for learning, not for patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from mab_gym.cohort.hospital._history import Practitioner, Staff
from mab_gym.cohort.hospital._pages import keys, read_page
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.errors import ContentError

_SENIOR: Final = ("physician", "pharmacist", "nurse", "resident", "therapist", "clerk")
"""Roles that sign a page, the first that a service has."""


@dataclass(frozen=True, slots=True)
class HandbookPage:
    """One version of a policy or protocol.

    Attributes:
        key: The page's name, the same in all versions, as in ``potassium_replacement``.
        number: The hospital's own number, by which pages name each other, as in ``MED-101``.
        title: As the list of documents shows it.
        kind: ``policy``, ``protocol`` or ``pathway``.
        topic: A few words that name its matter, as in ``low potassium``.
        version: As in ``4.1``; numbers rise.
        status: ``current`` or ``superseded``.
        since: The day from which on it holds.
        until: The day on which a newer version took its place; None if it is current.
        author: Who signed it, in `Staff.practitioners`.
        service: The service that owns it: as in `Practitioner.service`.
        text: The whole text, in Markdown.
        rules: The figures and tables of the text as data: texts, numbers, lists and mappings.
        sources: Where the figures come from.
        definition: True if it is a set of rules, which is a PlanDefinition, too.
        change: In a superseded version, what was different, in words that the text doesn't say; else empty.
    """

    key: str
    number: str
    title: str
    kind: str
    topic: str
    version: str
    status: str
    since: date
    until: date | None
    author: int
    service: str
    text: str
    rules: Mapping[str, Any]
    sources: tuple[str, ...]
    definition: bool
    change: str = ""

    @property
    def name(self) -> str:
        """The page and its version in one, fit for an id: ``potassium-replacement-4-1``."""
        return f"{self.key}-{self.version}".replace("_", "-").replace(".", "-")


def handbook(spec: HospitalSpec, staff: Staff) -> list[HandbookPage]:
    """Returns all pages of the handbook, by key, each with its newest version first.

    Args:
        spec: The hospital. All hospitals have the same handbook, signed by their own people.
        staff: Who can sign.

    Raises:
        ContentError: A page's file is wrong.
    """
    del spec
    return [page for key in keys() for page in _pages(key, staff)]


def current(staff: Staff, key: str) -> HandbookPage:
    """Returns the version of a page that holds now.

    Args:
        staff: Who can sign.
        key: The page's key.

    Raises:
        ContentError: There is no such page.
    """
    if key not in keys():
        raise ContentError(f"the handbook has no page '{key}'; its pages are {', '.join(keys())}")
    return _pages(key, staff)[0]


def _pages(key: str, staff: Staff) -> list[HandbookPage]:
    page = read_page(key)
    pages: list[HandbookPage] = []
    for place, version in enumerate(page["versions"]):
        newer = page["versions"][place - 1] if place else None
        until = newer["since"] if newer else None
        if until is not None and version["since"] >= until:
            raise ContentError(
                f"{key}: version {version['version']} must be older than {until}, not of {version['since']}"
            )
        swaps = version.get("swap", [])
        if not place and swaps:
            raise ContentError(f"{key}: the first version holds the text as it stands and swaps nothing")
        pages.append(
            HandbookPage(
                key=key,
                number=page["number"],
                title=page["title"],
                kind=page["kind"],
                topic=page["topic"],
                version=version["version"],
                status="superseded" if newer else "current",
                since=version["since"],
                until=until,
                author=_signer(staff, page["owner"], place).number,
                service=page["owner"],
                text=_text(key, page, version, staff.name, newer),
                rules=_rules(page["rules"], version),
                sources=tuple(version["sources"]),
                definition=page["definition"],
                change=version.get("change", ""),
            )
        )
    return pages


def _text(key: str, page: Mapping[str, Any], version: Mapping[str, Any], hospital: str, newer: Any) -> str:
    text = str(page["text"]).strip()
    for old, new in version.get("swap", []):
        if text.count(old) != 1:
            raise ContentError(
                f"{key} {version['version']}: '{old}' stands {text.count(old)} times in the text, not once"
            )
        text = text.replace(old, new)
    state = f"superseded by {newer['version']} on {newer['since']}" if newer else "in force"
    head = f"{page['number']} {page['title']}\n{hospital}. {page['kind'].capitalize()}, version {version['version']}"
    end = "Sources: " + "; ".join(version["sources"]) + "."
    return f"{head}, from {version['since']}, {state}.\n\n{text}\n\n{end}\n"


def _rules(rules: Mapping[str, Any], version: Mapping[str, Any]) -> dict[str, Any]:
    """The newest rules without what a version does not have, and with what it has otherwise."""
    kept = {name: rule for name, rule in rules.items() if name not in version.get("drop", [])}
    for name, rule in version.get("rules", {}).items():
        old = kept.get(name)
        kept[name] = {**old, **rule} if isinstance(rule, dict) and isinstance(old, dict) else rule
    return kept


def _signer(staff: Staff, service: str, place: int) -> Practitioner:
    """The one of a service who signs: its eldest role, another one for each version where there are several."""
    for role in _SENIOR:
        if people := staff.of(service, role):
            return people[place % len(people)]
    return staff.practitioners[0]
