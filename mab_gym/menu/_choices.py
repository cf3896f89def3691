"""The choices of the menu, the same in all episodes, and the text that each writes.

A choice is possible if the prompt or a response has told all that it needs. A possible choice may still be wrong: all
doses that a prompt names are on the menu, due or not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from mab_gym.actions import Finish, Get, Post, render
from mab_gym.menu._notes import FoundResult, Notes
from mab_gym.menu._orders import Dose, OrderForm
from mab_gym.menu._prompt import Prompt

CODES, RESULTS, PEOPLE, FORMS, DOSES, TIMES, MULTIPLES = 2, 4, 6, 2, 4, 3, 16
"""The number of choices of each kind: result codes, results, people, orders, doses, times, multiples."""
PAGE = 20
PEOPLE_SEARCH = "people"

Text = Callable[[], str]
Write = Callable[[Prompt, Notes], Text | None]
"""Returns a function that writes the action's text, or None if the choice is not possible.

A function, because most possible texts are never written.
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the menu.

    Attributes:
        name: The choice in words.
        write: Writes its text; see `Write`.
        search: The search that it makes, as in `Notes.search`; empty for other choices.
        further: True if it asks for a further page.
        form: The index of the order that it writes or opens, or None.
        fills: True if it fills in an open form; while one is open, no other choice is possible.
    """

    name: str
    write: Write
    search: str = ""
    further: bool = False
    form: int | None = None
    fills: bool = False


def _choices() -> Iterator[Choice]:
    for place in range(CODES):
        yield Choice(f"search: results of code {place + 1}, newest first", _search_results(place), search=str(place))
    for words, which in (("MRN", ("_id",)), ("name", ("family", "given")), ("name and birth", ("family", "birthdate"))):
        yield Choice(f"search: patients by {words}", _search_people(which), search=PEOPLE_SEARCH)
    yield Choice("search: next page", _next_page, further=True)
    yield Choice("answer: nothing", lambda prompt, notes: _finish())
    yield Choice("answer: -1", lambda prompt, notes: _finish(-1))
    for place in range(RESULTS):
        yield Choice(f"answer: result {place + 1}", _answer_result(place))
        yield Choice(f"answer: -1 and result {place + 1}", _answer_result(place, -1))
    yield Choice("answer: mean and count within the window", lambda p, n: _mean(n.recent(p)))
    yield Choice("answer: mean and count of all", lambda p, n: _mean(n.valid))
    for place in range(PEOPLE):
        yield Choice(f"answer: age of patient {place + 1}", _answer_age(place))
        yield Choice(f"answer: MRN of patient {place + 1}", _answer_person(place))
        yield Choice(f"answer: the prompt's phrase and the birth date of patient {place + 1}", _answer_phrase(place))
    yield Choice("answer: the prompt's phrase", lambda p, n: _finish(p.phrase) if p.phrase else None)
    for place in range(FORMS):
        yield Choice(f"order {place + 1}", _order(place), form=place)
    for place in range(TIMES):
        yield Choice(f"fill in: time {place + 1}", _fill_time(place), fills=True)
    for place in range(DOSES):
        yield Choice(f"fill in: dose {place + 1}", _fill_dose(place), fills=True)
    for times in range(1, MULTIPLES + 1):
        yield Choice(f"fill in: {times} times the dose of a step", _fill_multiple(times), fills=True)


def _search_results(place: int) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        if not prompt.mrn or place >= len(prompt.codes):
            return None
        parameters = {"patient": prompt.mrn, "code": prompt.codes[place], "_sort": "-date", "_count": str(PAGE)}
        return _get(prompt, "Observation", parameters)

    return write


def _search_people(which: Sequence[str]) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        given, _, family = prompt.name.partition(" ")
        told = {"_id": prompt.mrn, "family": family, "given": given, "birthdate": prompt.birth_date}
        if not all(told[name] for name in which):
            return None
        parameters = {**{name: told[name] for name in which}, "_count": str(PAGE)}
        return _get(prompt, "Patient", parameters)

    return write


def _next_page(prompt: Prompt, notes: Notes) -> Text | None:
    return partial(render, Get(notes.following)) if notes.following else None


def _get(prompt: Prompt, resource_type: str, parameters: Mapping[str, str]) -> Text:
    return lambda: render(Get(f"{prompt.base_url}/{resource_type}?{urlencode(parameters)}"))


def _finish(*items: Any) -> Text:
    return lambda: render(Finish(json.dumps(items)))


def _answer_result(place: int, *before: Any) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        if place >= len(notes.results):
            return None
        result = notes.results[place]
        return _finish(*before, result.value, result.written)

    return write


def _mean(results: Sequence[FoundResult]) -> Text | None:
    if not results:
        return None
    return _finish(round(sum(result.value for result in results) / len(results), 1), len(results))


def _answer_age(place: int) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        age = prompt.age(notes.people[place].birth_date) if place < len(notes.people) else None
        return None if age is None else _finish(age)

    return write


def _answer_person(place: int) -> Write:
    return lambda prompt, notes: _finish(notes.people[place].mrn) if place < len(notes.people) else None


def _answer_phrase(place: int) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        if not prompt.phrase or place >= len(notes.people):
            return None
        return _finish(prompt.phrase, notes.people[place].birth_date)

    return write


def _order(place: int) -> Write:
    """Writes an order without blanks, or opens the form of one whose blanks the prompt has values for."""

    def write(prompt: Prompt, notes: Notes) -> Text | None:
        if place >= len(prompt.forms):
            return None
        form = prompt.forms[place]
        if not form.blanks:
            return _post(prompt, form)
        return _open if form.times or form.doses or prompt.per_step else None

    return write


def _open() -> str:
    """Returns no text: opening a form sends nothing."""
    return ""


def _fill_time(place: int) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        form = _opened(prompt, notes)
        return None if form is None or place >= len(form.times) else _post(prompt, form, at=form.times[place])

    return write


def _fill_dose(place: int) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        form = _opened(prompt, notes)
        return None if form is None or place >= len(form.doses) else _post(prompt, form, form.doses[place])

    return write


def _fill_multiple(times: int) -> Write:
    def write(prompt: Prompt, notes: Notes) -> Text | None:
        form, per = _opened(prompt, notes), prompt.per_step
        if form is None or per is None or not form.dose_unit:
            return None
        return _post(prompt, form, (times * per.dose, None))

    return write


def _opened(prompt: Prompt, notes: Notes) -> OrderForm | None:
    return None if notes.opened is None else prompt.forms[notes.opened]


def _post(prompt: Prompt, form: OrderForm, dose: Dose | None = None, at: str | None = None) -> Text:
    url = f"{prompt.base_url}/{form.resource_type}"
    return lambda: render(Post(url, json.dumps(form.filled(dose, at))))


CHOICES: tuple[Choice, ...] = tuple(_choices())
"""All choices; an action is an index into them."""
