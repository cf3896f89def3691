"""A user's own search parameters: SearchParameter resources in files, beside those of the specification.

They are found in the files and folders that `VARIABLE` names, and in those that installed packages offer. A resource
has ``code``, ``base``, ``type`` and ``expression`` (https://hl7.org/fhir/R4/searchparameter.html), and works as the
standard ones do: in searches, sorts, chains, includes and ``metadata``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

from mab_gym._content import named_places, offered_places
from mab_gym.errors import ContentError

VARIABLE: Final = "MAB_GYM_SEARCH_PARAMETERS"
"""The environment variable with files and folders of SearchParameter resources, separated as in PATH."""
ENTRY_POINTS: Final = "mab_gym.search_parameters"
"""The entry point group under which installed packages offer files or folders: ``name = "module:PATH"``."""

_TYPES = ("number", "date", "string", "token", "reference", "quantity", "uri", "composite")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_PART = "|".join(
    (
        r"[A-Za-z]\w*(?:\[\d+\])?",
        r"(?:as|ofType)\(\w+\)",
        r"where\(\w+\s*=\s*'[^']*'\)",
        r"where\(resolve\(\)\s+is\s+\w+\)",
        r"extension\('[^']*'\)",
    )
)
_EXTENSION = re.compile(r"extension\('([^']*)'\)")
_EXPRESSION = re.compile(rf"\(?(?:[A-Z]\w*)(?:\.(?:{_PART}))+(?:\s+as\s+\w+)?\)?")


class OwnParameter(NamedTuple):
    """A search parameter of a user's.

    Attributes:
        url: The canonical URL of its SearchParameter resource; empty where it has none.
        name: The code, as in a request.
        bases: The resource types that have it.
        type: The kind of search, as in ``token``.
        expression: The FHIRPath that finds its values.
        targets: The resource types that a reference may point to; empty for all.
        components: For a composite, the URL of each component's own search parameter, and its FHIRPath below
            ``expression``.
        description: The sentence that ``metadata`` shows.
        file: The file that holds it.
    """

    url: str
    name: str
    bases: tuple[str, ...]
    type: str
    expression: str
    targets: tuple[str, ...]
    components: tuple[tuple[str, str], ...]
    description: str
    file: Path


_F = TypeVar("_F", bound=Callable[..., Any])
_CACHES: list[Any] = []
_REGISTERED: list[Path] = []


def follows_parameters(function: _F, most: int | None = None) -> _F:
    """Caches a function whose results follow from the search parameters, until further ones are registered.

    Args:
        function: The function.
        most: The most results that are kept; None for all.
    """
    cached = lru_cache(most)(function)
    _CACHES.append(cached)
    return cast("_F", cached)


def forget_parameters() -> None:
    """Empties all caches that follow from the search parameters."""
    for cached in _CACHES:
        cached.cache_clear()


@follows_parameters
def own_parameters() -> tuple[OwnParameter, ...]:
    """Gives all own search parameters, read once in a process.

    Raises:
        ContentError: A file is not as it should be; the text names the file and what would be right.
    """
    found: dict[tuple[str, str], OwnParameter] = {}
    for place in (*named_places(VARIABLE), *offered_places(ENTRY_POINTS), *_REGISTERED):
        for file in sorted(place.glob("*.json")) if place.is_dir() else (place,):
            for parameter in _read(file):
                for base in parameter.bases:
                    first = found.setdefault((base, parameter.name), parameter)
                    if first is not parameter:
                        raise ContentError(f"{file}: {first.file} defines {parameter.name} of {base}, too")
    return tuple(dict.fromkeys(found.values()))


def _read(file: Path) -> Iterator[OwnParameter]:
    """Reads the SearchParameter resources of a file: one, or the entries of a Bundle."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ContentError(f"{file}: no file of SearchParameter resources: {error}") from None
    entries = data.get("entry", ()) if isinstance(data, dict) and data.get("resourceType") == "Bundle" else None
    resources = [data] if entries is None else [entry.get("resource") for entry in entries if isinstance(entry, dict)]
    for resource in resources:
        if not isinstance(resource, dict) or resource.get("resourceType") != "SearchParameter":
            raise ContentError(f"{file}: it holds a SearchParameter resource, or a Bundle of them, and nothing else")
        yield _checked(file, resource)


def _checked(file: Path, resource: dict[str, Any]) -> OwnParameter:
    name, bases, kind = resource.get("code"), resource.get("base"), resource.get("type")
    if not isinstance(name, str) or not _CODE.fullmatch(name):
        raise ContentError(f"{file}: code is the parameter's name, of letters, digits and hyphens, not {name!r}")
    if not isinstance(bases, list) or not bases or not all(isinstance(base, str) for base in bases):
        raise ContentError(f'{file}: the base of {name} is a list of resource types, as in ["Observation"]')
    if kind not in _TYPES:
        raise ContentError(f"{file}: the type of {name} is one of {', '.join(_TYPES)}, not {kind!r}")
    expression = resource.get("expression")
    parts = expression.split("|") if isinstance(expression, str) else [""]
    components = _components(file, name, resource.get("component")) if kind == "composite" else ()
    for part in parts:
        if not (_EXPRESSION.fullmatch(part.strip()) or (components and part.strip() in bases)):
            raise ContentError(
                f"{file}: the expression of {name} is FHIRPath of element steps, as(), ofType(), extension('url'), "
                f"where(element='text') and where(resolve() is Type), joined by |, not {part.strip()!r}"
            )
    targets = resource.get("target") or []
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise ContentError(f"{file}: the target of {name} is a list of resource types")
    told = resource.get("description") or resource.get("name") or name
    url, written = str(resource.get("url") or ""), _EXTENSION.sub(r"extension.where(url='\1')", str(expression))
    return OwnParameter(url, name, tuple(bases), kind, written, tuple(targets), components, str(told), file)


def _components(file: Path, name: str, given: Any) -> tuple[tuple[str, str], ...]:
    listed = given if isinstance(given, list) else []
    pairs = tuple(
        (str(each.get("definition")), str(each.get("expression"))) for each in listed if isinstance(each, dict)
    )
    if len(pairs) != 2 or "None" in (*pairs[0], *pairs[1]):
        raise ContentError(
            f"{file}: the composite {name} has two components, each with a definition (the URL of another search "
            "parameter) and an expression"
        )
    return pairs
