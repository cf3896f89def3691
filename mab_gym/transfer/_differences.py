"""Finds the parts of a resource that an import changed: elements unknown to FHIR R4, values of other types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mab_gym.fhir.model._json_text import compact

_SHOWN: Final = 60
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


def differences(raw: Mapping[str, Any], taken: Mapping[str, Any]) -> Iterator[str]:
    """Yields a sentence for each difference, with its path.

    Empty values, a single value in place of a list of one (or the reverse), and the spelling of a narrative's XHTML do
    not count.

    Args:
        raw: The resource as it was received.
        taken: The resource as `mab_gym.fhir.model._parse.parse_resource` returned it.
    """
    if raw != taken:
        yield from _of_objects(raw, taken, str(taken["resourceType"]))


def _of_objects(raw: Mapping[str, Any], taken: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in raw.items():
        if name in taken:
            yield from _of_values(value, taken[name], f"{path}.{name}")
        elif value not in _EMPTY:
            yield f"{path}.{name} is left out"


def _of_values(raw: Any, taken: Any, path: str) -> Iterator[str]:
    if isinstance(raw, list) or isinstance(taken, list):
        before = [each for each in raw if each not in _EMPTY] if isinstance(raw, list) else [raw]
        after = [each for each in taken if each not in _EMPTY] if isinstance(taken, list) else [taken]
        if len(before) != len(after):
            yield f"{path} has {len(after)} of {len(before)} values"
            return
        for one, other in zip(before, after, strict=True):
            yield from _of_values(one, other, path)
    elif isinstance(raw, Mapping) and isinstance(taken, Mapping):
        yield from _of_objects(raw, taken, path)
    elif (raw != taken or isinstance(raw, bool) != isinstance(taken, bool)) and not path.endswith("text.div"):
        yield f"{path} is {_short(taken)} now, not {_short(raw)}"


def _short(value: Any) -> str:
    text = compact(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
