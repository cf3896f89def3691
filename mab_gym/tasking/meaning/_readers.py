"""Readers of elements: each notes the statements of an element, or refuses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from mab_gym.fhir.model._dates import stored_period
from mab_gym.tasking.meaning._said import Facet, FreeText, Order, listed, member, words_of
from mab_gym.tasking.meaning._schedules import read_bounds
from mab_gym.tasking.meaning._words import without_markup
from mab_gym.tasking.meaning.routes import route_of_code, route_of_words
from mab_gym.tasking.meaning.units import UCUM, Amount, number, read_unit

Reader = Callable[[Order, Any, str], None]
REVERSED: Final = "it turns the order into something else"
DEPENDS: Final = "it makes the order depend on something"


def remarks(order: Order, value: Any, where: str) -> None:
    """Notes the words of a harmless element."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            remarks(order, item, f"{where}[{place}]")
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if isinstance(part, Mapping | list):
                remarks(order, part, f"{where}.{name}")
            elif isinstance(part, str) and name in ("text", "display"):
                order.texts.append(FreeText(part, f"{where}.{name}"))


# --- readers of an element -------------------------------------------------------------------------------------------


def plain(facet: Facet) -> Reader:
    """Returns a reader that notes the value as it is."""
    return lambda order, value, where: order.say(facet, value, where)


def each(reader: Reader) -> Reader:
    """Returns a reader of each item of a list."""

    def read_each(order: Order, value: Any, where: str) -> None:
        for place, item in enumerate(listed(value)):
            reader(order, item, f"{where}[{place}]")

    return read_each


def words(order: Order, value: Any, where: str) -> None:
    """Reads a text."""
    if isinstance(value, str):
        order.texts.append(FreeText(value, where))
    else:
        order.refuse(where, value, "it is no text")


def annotation(order: Order, value: Any, where: str) -> None:
    """Reads the text of an Annotation."""
    words(order, member(value, "text"), f"{where}.text")


def narrative(order: Order, value: Any, where: str) -> None:
    """Reads the text of a Narrative."""
    markup = member(value, "div")
    if isinstance(markup, str):
        order.texts.append(FreeText(without_markup(markup), f"{where}.div"))


def contained(order: Order, value: Any, where: str) -> None:
    """Refuses contained resources, except people, organizations, places, devices and coverage."""
    for place, resource in enumerate(listed(value)):
        kind = member(resource, "resourceType")
        if kind not in ("Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Coverage"):
            order.refuse(f"{where}[{place}]", kind, "it can change the meaning, and cannot be understood here")


def concept_words(*, coded: bool) -> Reader:
    """Returns a reader of a concept's words; if ``coded``, codes without words are harmless too."""

    def read_words_of(order: Order, value: Any, where: str) -> None:
        text = member(value, "text")
        if isinstance(text, str):
            order.texts.append(FreeText(text, f"{where}.text"))
        for place, coding in enumerate(listed(member(value, "coding"))):
            display = member(coding, "display")
            if isinstance(display, str):
                order.texts.append(FreeText(display, f"{where}.coding[{place}].display"))
            elif not coded and not isinstance(text, str):
                order.refuse(f"{where}.coding[{place}]", coding, "a code without words is not known here")

    return read_words_of


def concept(facet: Facet, *, names: bool = True) -> Reader:
    """Returns a reader of a concept: notes each coding and the text, and reads their words."""

    def read_concept(order: Order, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            order.refuse(where, value)
            return
        if member(value, "modifierExtension"):
            order.refuse(where, value, REVERSED, critical=True)
        for place, coding in enumerate(listed(member(value, "coding"))):
            here = f"{where}.coding[{place}]"
            if isinstance(coding, Mapping):
                order.say(facet, coding, here)
                if isinstance(coding.get("display"), str):
                    order.texts.append(FreeText(coding["display"], f"{here}.display", names))
            else:
                order.refuse(here, coding)
        text = member(value, "text")
        if text is not None:
            order.say(facet, {"text": text}, f"{where}.text")
            if isinstance(text, str):
                order.texts.append(FreeText(text, f"{where}.text", names))

    return read_concept


def reference(facet: Facet) -> Reader:
    """Returns a reader that notes a Reference and reads its display."""

    def read_reference(order: Order, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            order.refuse(where, value)
            return
        order.say(facet, value, where)
        if facet is not Facet.PATIENT and isinstance(value.get("display"), str):
            order.texts.append(FreeText(value["display"], f"{where}.display"))

    return read_reference


def component(order: Order, value: Any, where: str) -> None:
    """Notes a component of a measurement as it is, and reads its words."""
    order.say(Facet.COMPONENT, value, where)
    remarks(order, value, where)


def not_true(why: str) -> Reader:
    """Returns a reader that refuses a boolean that is not false."""

    def read_flag(order: Order, value: Any, where: str) -> None:
        if value is not False:
            order.refuse(where, value, why, critical=True)

    return read_flag


def read_quantity(order: Order, value: Any, where: str) -> Amount | None:
    """Reads a Quantity; refuses it and returns None if it is not understood or its unit and code differ."""
    if not isinstance(value, Mapping):
        order.refuse(where, value)
        return None
    size = number(value.get("value"))
    if size is None:
        order.refuse(f"{where}.value", value.get("value"), "it is no number")
        return None
    if value.get("comparator") is not None:
        order.refuse(f"{where}.comparator", value.get("comparator"), "it leaves the amount open")
        return None
    found = []
    for name in ("code", "unit"):
        written = value.get(name)
        if written is None:
            continue
        unit = read_unit(written) if isinstance(written, str) else None
        if unit is None:
            order.refuse(f"{where}.{name}", written, "it is no unit that is known here; write it as UCUM does")
            return None
        found.append(unit)
    if not found:
        order.refuse(where, dict(value), "it has no unit")
        return None
    if value.get("system") not in (None, UCUM) and value.get("code") is not None:
        order.refuse(f"{where}.system", value.get("system"), f"units are coded by {UCUM}")
        return None
    amounts = [Amount(size * unit.factor, unit.dimension) for unit in found]
    if not amounts[0].same(amounts[-1]):
        order.refuse(where, dict(value), "its unit and its code differ")
        return None
    return amounts[0]


def an_amount(facet: Facet) -> Reader:
    """Returns a reader that notes the amount of a Quantity."""

    def read_amount(order: Order, value: Any, where: str) -> None:
        given = read_quantity(order, value, where)
        if given is not None:
            order.say(facet, given, where)

    return read_amount


def an_amount_range(facet: Facet) -> Reader:
    """Returns a reader that notes both ends of a Range as amounts, so that both must be right."""

    def read_range(order: Order, value: Any, where: str) -> None:
        low, high = (read_quantity(order, member(value, name), f"{where}.{name}") for name in ("low", "high"))
        if low is not None and high is not None:
            order.say(facet, low, f"{where}.low")
            order.say(facet, high, f"{where}.high")

    return read_range


def an_amount_in_time(facet: Facet) -> Reader:
    """Returns a reader that notes a Ratio as an amount and the time it is for."""

    def read_ratio(order: Order, value: Any, where: str) -> None:
        above, below = (read_quantity(order, member(value, n), f"{where}.{n}") for n in ("numerator", "denominator"))
        if above is None or below is None:
            return
        if below.size <= 0:
            order.refuse(where, value, "its denominator is not above 0")
            return
        order.say(facet, (above, below), where)

    return read_ratio


def a_date(facet: Facet) -> Reader:
    """Returns a reader that notes a date, both as written and as the period that it covers."""

    def read_a_date(order: Order, value: Any, where: str) -> None:
        period = stored_period(value) if isinstance(value, str) else None
        if period is None:
            order.refuse(where, value, "it is no date")
        else:
            order.say(facet, (value, period), where)

    return read_a_date


def past(order: Order, value: Any, where: str) -> None:
    """Notes a date that must be in the past, as the period that it covers."""
    period = stored_period(value)
    if period is None:
        order.refuse(where, value, "it is no date")
    else:
        order.say(Facet.PAST, period, where)


# --- dosage ----------------------------------------------------------------------------------------------------------


def route(order: Order, value: Any, where: str) -> None:
    """Notes the route that each coding and the text name."""
    for place, coding in enumerate(listed(member(value, "coding"))):
        here = f"{where}.coding[{place}]"
        code, display = member(coding, "code"), member(coding, "display")
        by_code = route_of_code(member(coding, "system"), code)
        if by_code is None and code is not None:
            by_code = (
                route_of_words(str(code)) if member(coding, "system") is None or isinstance(display, str) else None
            )
        by_words = route_of_words(display) if isinstance(display, str) else None
        if by_code is None and by_words is None:
            order.refuse(here, coding, "it is no route that is known here")
        for said in (by_code, by_words):
            if said is not None:
                order.say(Facet.ROUTE, said, here)
        if isinstance(display, str) and by_words is None:
            order.refuse(f"{here}.display", display, "it is no route that is known here")
    text = member(value, "text")
    if text is not None:
        said = route_of_words(text) if isinstance(text, str) else None
        if said is None:
            order.refuse(f"{where}.text", text, "it is no route that is known here")
        else:
            order.say(Facet.ROUTE, said, f"{where}.text")
    if not listed(member(value, "coding")) and text is None:
        order.refuse(where, value, "it is no route that is known here")


_METHODS: Final = {
    "swallow": "oral", "swallow - dosing instruction imperative": "oral", "take": "oral", "738995006": "oral",
    "infuse": "intravenous", "infusion": "intravenous", "infuse - dosing instruction imperative": "intravenous",
    "738999000": "intravenous", "inject": "intravenous",
}  # fmt: skip
"""Routes by method of administration, as SNOMED CT code or word."""


def method(order: Order, value: Any, where: str) -> None:
    """Notes the route that a method of administration implies."""
    texts = [
        member(value, "text"),
        *(member(c, k) for c in listed(member(value, "coding")) for k in ("display", "code")),
    ]
    order.texts += [FreeText(text, where) for text in texts if isinstance(text, str)]
    said = {_METHODS.get(str(text).strip().lower()) for text in texts if text is not None}
    if said == {None}:
        said = {route_of_words(str(text)) for text in texts if text is not None}
    if len(said) != 1 or None in said:
        order.refuse(where, value, "it is no method that is known here")
    else:
        order.say(Facet.ROUTE, said.pop(), where)


def dose_type(order: Order, value: Any, where: str) -> None:
    """Refuses a type of dose that is neither ordered nor calculated."""
    words = {str(member(c, "code")) for c in listed(member(value, "coding"))}
    words |= {str(text).lower() for text in words_of(value)}
    if words - {"None", "none", "ordered", "calculated"}:
        order.refuse(where, value)


def repeats(order: Order, value: Any, where: str) -> None:
    """Notes if a prescription may be filled again."""
    if value != 0:
        order.say(Facet.OFTEN, None, where)


def validity(order: Order, value: Any, where: str) -> None:
    """Notes the period in which a prescription is valid; its end is not the end of the course."""
    inner = Order(order.resource_type)
    read_bounds(inner, value, where)
    order.refused += inner.refused
    for facet, kept in ((Facet.START, Facet.START), (Facet.END, Facet.VALID)):
        for said, element in inner.of(facet):
            order.say(kept, said, element)


def supply(order: Order, value: Any, where: str) -> None:
    """Notes the supplied amount if it is measured like a dose."""
    given = read_quantity(order, value, where)
    if given is not None and not given.dimension.startswith("{") and given.dimension != "[length] ** 3":
        order.say(Facet.LIMIT, given, where)


def course(order: Order, value: Any, where: str) -> None:
    """Notes the kind of a course of therapy."""
    codes = [member(coding, "code") for coding in listed(member(value, "coding"))]
    words = {str(text).lower() for text in (*codes, *words_of(value)) if text}
    if any("continuous" in word or "long" in word for word in words):
        order.say(Facet.KIND, "continuous", where)
    elif not words <= {"acute", "short course (acute) therapy", "short course", "short term", "acute therapy"}:
        order.refuse(where, value)
    else:
        order.say(Facet.KIND, "acute", where)


_SAME_DRUG: Final = {
    "E": "equivalent", "EC": "equivalent composition", "BC": "brand composition", "G": "generic composition",
    "N": "none",
}  # fmt: skip
"""Codes and displays of HL7 v3 substanceAdminSubstitution that keep the same active drug."""


def substitution(order: Order, value: Any, where: str) -> None:
    """Refuses a substitution by another drug."""
    codes = {str(member(c, "code")) for c in listed(member(value, "coding"))}
    words = {str(text).lower() for text in words_of(value) if text}
    same = codes <= _SAME_DRUG.keys() and words <= set(_SAME_DRUG.values())
    if not codes or not same:
        order.refuse(where, value, "another drug might be given")


# --- when ------------------------------------------------------------------------------------------------------------


def repetitions(order: Order, value: Any, where: str) -> None:
    """Refuses more than one repetition."""
    if value != 1:
        order.refuse(where, value, "it is done once")


_EARLIER: Final = re.compile(
    r"^(?!.*\b(?:blood|serum|plasma|venous|vein)\b)|\d|last|old|previous|stored", re.IGNORECASE
)
"""Words of a specimen that is not blood, or that was taken before."""


def specimen(order: Order, value: Any, where: str) -> None:
    """Refuses a specimen that already exists; blood that is still to be drawn changes nothing."""
    display = member(value, "display")
    if member(value, "reference") is not None or not isinstance(display, str) or _EARLIER.search(display):
        order.refuse(where, value, "the test would be of that specimen")


def supply_days(order: Order, value: Any, where: str) -> None:
    """Notes if the supply is for more than a day."""
    given = read_quantity(order, value, where)
    if given is not None and (given.dimension != "[time]" or given.size > 86_400):
        order.say(Facet.KIND, "continuous", where)


RELATED: Final = each(reference(Facet.RELATED))
OF_ANY_RESOURCE: Final[dict[str, Reader]] = {"text": narrative, "contained": contained}
NOT_NEGATED: Final = not_true(REVERSED)
