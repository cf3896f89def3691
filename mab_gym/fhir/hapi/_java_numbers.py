"""The numbers that Java's ``BigDecimal`` reads, and its words for what it does not read."""

from __future__ import annotations

_SHORT = 18
"""The most characters that Java reads one by one; it describes faults in longer texts in other words."""
_LONGEST_EXPONENT = 10
_MOST_DIGITS = 100_000
"""The most digits that HAPI's database compares with."""
_SHOWN = 80


def why_no_number(text: str) -> str | None:
    """Returns Java's words for why a text is no number, which may be none; None if it is one."""
    body = text[1:] if text[:1] in ("-", "+") else text
    digits, dot = 0, False
    for place, character in enumerate(body):
        if character.isdecimal():
            digits += 1
        elif character == ".":
            if dot:
                return "Character array contains more than one decimal point."
            dot = True
        elif character in "eE":
            fault = _why_no_exponent(body[place + 1 :])
            return fault if fault is not None or digits else "No digits found."
        elif len(body) > _SHORT:
            return 'Character array is missing "e" notation exponential mark.'
        else:
            return (
                f"Character {character} is neither a decimal digit number, decimal point, nor "
                '"e" notation exponential mark.'
            )
    return None if digits else "No digits found."


def _why_no_exponent(text: str) -> str | None:
    body = text[1:] if text[:1] in ("-", "+") else text
    if not body:
        return "" if not text else "No exponent digits."
    body = body[:-_LONGEST_EXPONENT].lstrip("0") + body[-_LONGEST_EXPONENT:]
    if len(body) > _LONGEST_EXPONENT:
        return "Too many nonzero exponent digits."
    return None if body.isdecimal() else "Not a digit."


def why_too_long(text: str) -> str | None:
    """Returns the words of HAPI's database for a number with more digits than it compares; None for others."""
    mantissa, _, exponent = text.lower().lstrip("+-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    size = len(digits) + int(exponent or 0) - len(fraction)
    if not digits or size <= _MOST_DIGITS:
        return None
    shown = digits.ljust(_SHOWN, "0")[:_SHOWN]
    return f'Value too long for column "NUMERIC": "{shown}... ({size})" [22001-224]'
