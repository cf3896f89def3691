"""The code systems of bound codes: ``Patient.gender`` says ``male`` and means it in ``administrative-gender``.

HAPI indexes a code with the system of the enumeration that it is bound to, so that
``gender=http://hl7.org/fhir/administrative-gender|male`` finds it. The data in ``mab_gym/fhir/r4/systems.json`` is what
``getSystem`` of each enumeration in HAPI's R4 model answers.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from mab_gym.fhir.model._definitions import elements
from mab_gym.fhir.model._paths import compile_paths


def code_system(binding: str | None, code: str) -> str:
    """Returns the system of a code, or an empty text for a code that is not bound.

    Args:
        binding: The enumeration, as in ``AdministrativeGender`` (`Element.binding`).
        code: The code itself; a few enumerations have codes of two systems.
    """
    if binding is None:
        return ""
    known = _systems().get(binding, "")
    return known if isinstance(known, str) else known.get(code, "")


@cache
def _systems() -> dict[str, str | dict[str, str]]:
    data = files(__package__).joinpath("r4", "systems.json").read_bytes()
    systems: dict[str, str | dict[str, str]] = json.loads(data)
    return systems


def bound_system(resource_type: str, expression: str, code: str) -> str:
    """Returns the system of a code of a search parameter, or an empty text if it is none of the bound codes."""
    for path in compile_paths(resource_type, expression):
        if path.binding is not None and not path.steps:
            element = elements(resource_type)[path.top]
            if code in element.codes:
                return code_system(path.binding, code)
    return ""
