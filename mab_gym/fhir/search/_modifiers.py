"""The modifiers of search parameters that HAPI knows, and its refusals of the others.

Source: FHIR R4 section 3.1.1.4.5, HAPI FHIR 7.6's ``TokenPredicateBuilder`` and ``ResourceLinkPredicateBuilder``.
"""

from __future__ import annotations

from collections.abc import Iterable

from mab_gym.fhir.hapi._messages import unknown_type
from mab_gym.fhir.model._code_systems import bound_system
from mab_gym.fhir.model._definitions import SearchParameter, is_resource_type, value_set
from mab_gym.fhir.model._filter import read_token, split_alternatives
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import encode
from mab_gym.fhir.search._matching import LABEL_PARAMETERS

_LISTED = ("contains", "exact", "in", "iterate", "missing", "not-in", "of-type", "recurse", "text")
_CORE_VALUE_SETS = ("http://hl7.org/fhir/ValueSet/", "http://terminology.hl7.org/ValueSet/")
_CORE_SYSTEMS = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
_NOWHERE = "urn:mab_gym:unknown code system"
_MEANT = {
    "token": ("not", "text"),
    "string": ("exact", "contains"),
    "uri": ("above", "below"),
}


def blame_modifiers(resource_type: str, modifiers: Iterable[str]) -> str:
    """Returns HAPI's error for a search with an unknown resource type and modifiers that may be the reason.

    It names all modifiers that are not in a certain list; the result is empty if there is none to name.

    Args:
        resource_type: The type searched.
        modifiers: The modifiers of all parameters, in the order in which HAPI keeps the parameters.
    """
    unknown = dict.fromkeys(modifier for modifier in modifiers if modifier and modifier not in _LISTED)
    if not unknown:
        return ""
    named = ", ".join(":" + modifier for modifier in unknown)
    return (
        f'HAPI-2498: Unsupported search modifier(s): "[{named}]" for resource type "{resource_type}". '
        f"Valid search modifiers are: [{', '.join(':' + modifier for modifier in _LISTED)}]"
    )


def check_modifier(resource_type: str, parameter: SearchParameter, modifier: str, text: str) -> tuple[str, str]:
    """Returns the modifier that counts and the value; HAPI ignores most modifiers that a parameter does not have.

    Raises:
        FhirError: HAPI refuses the modifier, or this server does not answer it.
    """
    if modifier in ("", "missing"):
        return modifier, text
    if parameter.type == "reference":
        if is_resource_type(modifier):
            return modifier, text
        raise unknown_type(modifier)
    if parameter.type == "token" and parameter.name not in LABEL_PARAMETERS:
        return _check_token_modifier(resource_type, parameter, modifier, text)
    if parameter.name in (*LABEL_PARAMETERS, "_source"):
        return modifier, text
    if (parameter.type, modifier) == ("string", "nickname"):
        raise FhirError(501, f"This server does not answer searches with :{modifier} yet")
    if (parameter.name, modifier) == ("_profile", "above"):
        return "", text
    return (modifier if modifier in _MEANT.get(parameter.type, ()) else ""), text


def _check_token_modifier(resource_type: str, parameter: SearchParameter, modifier: str, text: str) -> tuple[str, str]:
    match modifier:
        case "of-type":
            raise FhirError(405, "HAPI-2012: The :of-type modifier is not enabled on this server")
        case "in" | "not-in":
            listed = [_codes(part, modifier) for part in split_alternatives(text) if part.strip()]
            return ("not-in" if modifier == "not-in" else ""), ",".join(codes for codes in listed if codes)
        case "above" | "below":
            return "", _of_flat_system(resource_type, parameter, text)
    return (modifier if modifier in _MEANT["token"] else ""), text


def _codes(text: str, modifier: str) -> str:
    """Returns a value set's codes in the form of a token's value; a text before a bar does not count."""
    url = read_token(text)[1]
    if not url:
        raise FhirError(500, "theValueSetUrlToExpand must not be null or blank")
    codes = value_set(url)
    if codes is None:
        if url.startswith(_CORE_VALUE_SETS):
            raise FhirError(501, f"This server does not expand value sets for :{modifier} yet")
        raise FhirError(404, f"HAPI-2024: Unknown ValueSet: {encode(url)}")
    listed = ((system, code) for system, of_system in codes.items() for code in of_system)
    return ",".join(f"{_escaped(system)}|{_escaped(code)}" for system, code in listed)


def _escaped(text: str) -> str:
    """Escapes a text for a token's value."""
    for character in "\\,|$":
        text = text.replace(character, "\\" + character)
    return text


def _of_flat_system(resource_type: str, parameter: SearchParameter, text: str) -> str:
    """Returns a value with the systems of bound codes: FHIR's own code systems are flat, no code is below another.

    Raises:
        FhirError: The code has no system, or one of the specification's systems, which are not known here.
    """
    values = []
    start = f"Invalid token specified for parameter {parameter.name} -"
    for part in split_alternatives(text):
        system, code = read_token(part, trimmed=False)
        if not part.strip() or (system == "" and not code):
            continue
        if not system:
            known = None if system == "" else bound_system(resource_type, parameter.expression, code.strip())
            if not known:
                raise FhirError(400, f"HAPI-1240: {start} No code specified: (missing)|{code}")
            values.append(f"{known}|{code}")
        elif not code:
            raise FhirError(400, f"HAPI-1239: {start} No system specified: {system}|(missing)")
        else:
            if system.startswith(_CORE_SYSTEMS):
                raise FhirError(501, f"This server does not know what stands below codes of {system} yet")
            # HAPI does not know the code system and finds nothing, not even the code itself
            values.append(f"{_NOWHERE}|{code}")
    return ",".join(values)
