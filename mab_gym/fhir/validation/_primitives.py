"""Tests the values of primitive elements."""

from __future__ import annotations

import re
from collections.abc import Callable

from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._rules import BASE, Rule, is_resource

Add = Callable[..., None]
"""Adds a finding about an element: severity, text, message id."""

_URIS = frozenset(("uri", "oid", "uuid", "url", "canonical"))
_INTEGERS = frozenset(("integer", "unsignedInt", "positiveInt"))
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)", re.ASCII)
_INSTANT = re.compile(
    r"-?[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[1-2][0-9]|3[0-1])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
    r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))",
    re.ASCII,
)
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_DAY = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3[0-1])"
_DATE = re.compile(f"{_DAY})?)?", re.ASCII)
_DATE_TIME = re.compile(
    _DAY
    + r"(T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))?)?)?)?",
    re.ASCII,
)
_TAG = re.compile(r"(?<!\\)<(?=/?[A-Za-z][A-Za-z0-9-]*[\s>]|[!?])", re.ASCII)
_HTML = re.compile(r"[a-zA-Z]\w*(\s.*)?", re.DOTALL)
_SPACE = " \t\r\n"
_LAST_YEAR = 2106
"""HAPI warns of years more than eighty years ahead; a clock would make answers differ from year to year."""
_PLAIN = re.compile(r"[A-Za-z0-9.,:;/()'\[\]%\-+=!?]+(?: [A-Za-z0-9.,:;/()'\[\]%\-+=!?]+)*", re.ASCII)


def is_absolute(url: str) -> bool:
    """True if HAPI takes a text for an absolute URL."""
    scheme, colon, rest = url.partition(":")
    known = scheme in ("http", "https", "urn") or (_TOKEN.fullmatch(scheme) is not None and scheme == scheme.lower())
    return bool(colon) and known and bool(rest) and " " not in rest


def has_scheme(uri: str) -> bool:
    """True if a text begins with a scheme."""
    scheme, colon, rest = uri.partition(":")
    if not colon or _TOKEN.fullmatch(scheme) is None:
        return False
    return scheme != "file" or rest.startswith("/") or ":" in rest


def is_id(text: str) -> bool:
    """True if a text may be the id of a resource."""
    return _ID.fullmatch(text) is not None


def check_value(element: Element, rule: Rule, type_name: str, path: str, found: list[Finding]) -> bool:
    """Tests a primitive value, without its codes.

    Returns:
        False if there is no value that could be tested further.
    """

    def add(severity: str, text: str, message_id: str) -> None:
        found.append(Finding(severity, path, text, message_id, element.start, element.end))

    value = element.value
    if value is None or not value.strip():
        _check_missing(value, element, rule, add)
        return False
    if type_name == "string" and _PLAIN.fullmatch(value):
        return True
    _check_text(value, type_name, add)
    if type_name in _URIS:
        _check_uri(value, type_name, rule, add)
    elif type_name in _INTEGERS:
        _check_integer(value, type_name, add)
    else:
        check = _CHECKS.get(type_name)
        if check is not None:
            check(value, add)
    return True


def _check_missing(value: str | None, element: Element, rule: Rule, add: Add) -> None:
    if not element.children:
        if value is None:
            text = "Primitive types must have a value or must have child extensions"
            add("error", text, "Type_Specific_Checks_DT_Primitive_ValueExt")
        elif not value:
            add("error", "value cannot be empty", "Type_Specific_Checks_DT_Primitive_NotEmpty")
        else:
            text = "Primitive types should not only be whitespace"
            add("warning", text, "Type_Specific_Checks_DT_Primitive_WS")
    if rule.strength == "r":
        text = "No code provided, and a code is required from the value set"
        add("error", text, "Terminology_TX_Code_ValueSet_MISSING")


def _check_text(value: str, type_name: str, add: Add) -> None:
    bad = {f"{ord(c):x}" for c in value if c < " " and c not in "\r\n\t"} if not value.isprintable() else set()
    if bad:
        add("warning", _bad_characters(bad), "UNICODE_XML_BAD_CHARS")
    if "<" in value and type_name not in ("xhtml", "markdown") and _contains_tags(value):
        text = (
            "The string value contains text that looks like embedded HTML tags. If this content is rendered to HTML "
            "without appropriate post-processing, it may be a security risk"
        )
        add("information", text, "SECURITY_STRING_CONTENT_WARNING")


def _bad_characters(bad: set[str]) -> str:
    shown = f"[{', '.join(sorted(bad))}]"
    if len(bad) == 1:
        return f"This content includes the character {shown} (hex value). This character is illegal in the XML version of FHIR, and there is generally no valid use for such characters"  # noqa: E501
    return f"This content includes the characters {shown} (hex values). These characters are illegal in the XML version of FHIR, and there is generally no valid use for such characters"  # noqa: E501


def _contains_tags(value: str) -> bool:
    """True if a ``<…>`` stands before a further ``<``."""
    pieces = value.split("<")[1:]
    return any(">" in piece and _HTML.fullmatch(piece.partition(">")[0]) for piece in pieces[:-1])


def _check_uri(value: str, type_name: str, rule: Rule, add: Add) -> None:
    if value.startswith("oid:"):
        add("error", "URI values cannot start with oid:", "Type_Specific_Checks_DT_URI_OID")
    if value.startswith("uuid:"):
        add("error", "URI values cannot start with uuid:", "Type_Specific_Checks_DT_URI_UUID")
    if value != value.strip(_SPACE).replace(" ", ""):
        add("error", f"URI values cannot have whitespace('{value}')", "Type_Specific_Checks_DT_URI_WS")
    if type_name == "oid" and not value.startswith("urn:oid:"):
        add("error", "OIDs must start with urn:oid:", "Type_Specific_Checks_DT_OID_Start")
    if type_name == "uuid" and not value.startswith("urn:uuid:"):
        add("error", "UUIDs must start with urn:uuid:", "Type_Specific_Checks_DT_UUID_Strat")
    text = f"Canonical URLs must be absolute URLs if they are not fragment references ({value})"
    if type_name == "canonical" and not value.startswith("#") and not is_absolute(value):
        add("error", text, "TYPE_SPECIFIC_CHECKS_CANONICAL_ABSOLUTE")
    if value.startswith("urn:uuid:"):
        uuid = value[9:].partition("#")[0]
        if _UUID.fullmatch(uuid) is None:
            add("error", f"UUIDs must be valid and lowercase ({uuid})", "Type_Specific_Checks_DT_UUID_Valid")
    if value.startswith("urn:oid:"):
        oid = value[8:]
        if _OID.fullmatch(oid) is None or not (oid.rfind(".") >= 4 or oid.startswith("1.3")):
            add("error", f"OIDs must be valid ({oid})", "Type_Specific_Checks_DT_OID_Valid")
    owner, _, name = rule.path.rpartition(".")
    if name == "url" and "." not in owner and is_resource(owner) and owner != "Attachment" and not is_absolute(value):
        add("error", text, "TYPE_SPECIFIC_CHECKS_CANONICAL_ABSOLUTE")


def _check_integer(value: str, type_name: str, add: Add) -> None:
    try:
        number = int(value) if len(value) < 20 else None
    except ValueError:
        number = None
    if number is None or not -(2**31) <= number < 2**31:
        add("error", f"The value '{value}' is not a valid integer", "Type_Specific_Checks_DT_Integer_Valid")
    elif type_name == "unsignedInt" and number < 0:
        add("error", "value is less than permitted minimum value of 0", "Type_Specific_Checks_DT_Integer_LT0")
    elif type_name == "positiveInt" and number < 1:
        add("error", "value is less than permitted minimum value of 1", "Type_Specific_Checks_DT_Integer_LT1")


def _check_string(value: str, add: Add) -> None:
    if value != value.strip(_SPACE):
        text = f"value should not start or finish with whitespace '{_escaped(value)}'"
        add("warning", text, "Type_Specific_Checks_DT_String_WS")


def _escaped(value: str) -> str:
    marks = {"\r": "\\r", "\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
    return "".join(marks.get(c) or (c if c >= " " else f"\\u{ord(c):04x}") for c in value)


def _check_code(value: str, add: Add) -> None:
    if value != value.strip(_SPACE) or "  " in value or any(c in value for c in "\t\r\n"):
        add("error", f"The code '{value}' is not valid (whitespace rules)", "Type_Specific_Checks_DT_Code_WS")


def _check_id(value: str, add: Add) -> None:
    if not is_id(value):
        add("error", f"id value '{value}' is not valid", "Type_Specific_Checks_DT_ID_Valid")


def _check_date(value: str, add: Add) -> None:
    if _DATE.fullmatch(value) is None:
        text = f"Not a valid date ('{value}' doesn't meet format requirements for date)"
        add("error", text, "Type_Specific_Checks_DT_Date_Valid")
    else:
        _check_year(value, add)


def _check_date_time(value: str, add: Add) -> None:
    fine = _DATE_TIME.fullmatch(value) is not None
    if not fine:
        text = f"Not a valid date/time ('{value}' doesn't meet format requirements for dateTime)"
        add("error", text, "Type_Specific_Checks_DT_DateTime_Valid")
    if "T" in value and not any(mark in value[10:] for mark in "-+Z"):
        add("error", "If a date has a time, it must have a timezone", "Type_Specific_Checks_DT_DateTime_TZ")
        return
    if fine:
        _check_year(value, add)


def _check_year(value: str, add: Add) -> None:
    if not (value[:4].isascii() and value[:4].isdigit() and 1800 <= int(value[:4]) <= _LAST_YEAR):
        text = f"The value '{value}' is outside the range of reasonable years - check for data entry error"
        add("warning", text, "Type_Specific_Checks_DT_DateTime_Reasonable")


def _check_instant(value: str, add: Add) -> None:
    if _INSTANT.fullmatch(value) is None:
        text = f"The instant ''{value}' doesn't meet format requirements for instant)' is not valid (by regex)"
        add("error", text, "Type_Specific_Checks_DT_DateTime_Regex")
    else:
        _check_year(value, add)


def _check_time(value: str, add: Add) -> None:
    if _TIME.fullmatch(value) is None:
        add("error", "Not a valid time (null)", "Type_Specific_Checks_DT_Time_Valid")


def _check_boolean(value: str, add: Add) -> None:
    if value not in ("true", "false"):
        add("error", "Boolean values must be 'true' or 'false'", "Type_Specific_Checks_DT_Boolean_Value")


def _check_decimal(value: str, add: Add) -> None:
    if _DECIMAL.fullmatch(value) is None:
        add("error", f"The value '{value}' is not a valid decimal", "Type_Specific_Checks_DT_Decimal_Valid")


def _check_markdown(value: str, add: Add) -> None:
    if _TAG.search(value) is None:
        return
    # HAPI means to show the tag, and compares each character of the escaped text with the second one of the text
    escaped = _TAG.sub(r"\\<", value)
    same = len(escaped) - len(escaped.lstrip(value[1]))
    shown = value[same : same + 2] if same < len(value) - 1 else value
    text = (
        f"The markdown contains content that appears to be an embedded HTML tag starting at '{shown}'. This will (or "
        "SHOULD) be escaped by the presentation layer. The content should be checked to confirm that this is the "
        "desired behaviour"
    )
    add("warning", text, "TYPE_SPECIFIC_CHECKS_DT_MARKDOWN_HTML")


def _check_base64(value: str, add: Add) -> None:
    if any(c in value for c in _SPACE):
        text = (
            "Base64 encoded values SHOULD not contain any whitespace (per RFC 4648). Note that non-validating readers "
            "are encouraged to accept whitespace anyway"
        )
        add("warning", text, "TYPE_SPECIFIC_CHECKS_DT_BASE64_NO_WS_WARNING")


_CHECKS: dict[str, Callable[[str, Add], None]] = {
    "string": _check_string,
    "code": _check_code,
    "id": _check_id,
    "dateTime": _check_date_time,
    "date": _check_date,
    "instant": _check_instant,
    "time": _check_time,
    "boolean": _check_boolean,
    "decimal": _check_decimal,
    "base64Binary": _check_base64,
    "markdown": _check_markdown,
}

__all__ = ["BASE", "check_value", "has_scheme", "is_absolute", "is_id"]
