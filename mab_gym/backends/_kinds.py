"""The kinds of backend at hand: those of this package, of installed packages, and registered by a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from mab_gym.errors import ContentError, UsageError

if TYPE_CHECKING:
    from mab_gym.backends._backend import Backend

_S = TypeVar("_S")

ENTRY_POINTS: Final = "mab_gym.backends"
"""The entry point group under which installed packages offer kinds of backend: ``name = "module:KIND"``."""
EMBEDDED: Final = "embedded"
"""The name of the backend that environments have where they name none."""
_OWN: Final = {
    name: EntryPoint(name, f"mab_gym.backends.{name}._kind:KIND", ENTRY_POINTS)
    for name in (EMBEDDED, "container", "remote")
}  # as in pyproject.toml: a checkout that was never installed has no entry points


def _no_limit(settings: object) -> int | None:
    return None


@dataclass(frozen=True)
class BackendKind(Generic[_S]):
    """A kind of backend: its name, its settings, and the function that opens one.

    Attributes:
        name: As environment files name it; their table of this name holds its settings.
        settings: The type of its settings, a frozen dataclass in which every field has a default.
        open: Opens a backend. It is given the settings and, where ``needs_archive``, the embedded backend over the
            environment's archive, else None. It is called for every environment that is made, one call at a time: what
            environments shall share, it has to keep. What it raises for wrong settings is a `UsageError`.
        needs_archive: True if it plays on the environment's archive. Verifiers then read the archive in memory; without
            one they read through the backend itself.
        deterministic: True if equal requests from the snapshot on give equal answers, byte for byte. A real server's
            clock goes on, and it draws ids by lot.
        portable: True if other machines can open it as well, from the same settings and archive.
        capacity: Tells from the settings how many episodes can be under way at once, None for no limit.
    """

    name: str
    settings: type[_S]
    open: Callable[[_S, Any], Backend]
    needs_archive: bool = True
    deterministic: bool = False
    portable: bool = True
    capacity: Callable[[_S], int | None] = _no_limit


_KINDS: dict[str, BackendKind[Any]] = {}


def register_backend(kind: BackendKind[Any]) -> None:
    """Makes a kind of backend known in this process; an entry point does so in every process.

    Raises:
        UsageError: There is another one of this name.
    """
    if find_kind(kind.name) not in (None, kind):
        raise UsageError(f"there is a backend {kind.name!r} already; give yours another name")
    _KINDS[kind.name] = kind


def find_kind(name: str) -> BackendKind[Any] | None:
    """Returns the kind of this name, or None where there is none.

    Raises:
        ContentError: An installed package offers it, and it cannot be loaded.
    """
    if name not in _KINDS:
        point = _OWN.get(name) or next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
        if point is None:
            return None
        _KINDS[name] = _loaded(point)
    return _KINDS[name]


def backend_kind(name: str) -> BackendKind[Any]:
    """Returns the kind of this name.

    Raises:
        UsageError: There is none; the text lists those there are.
        ContentError: An installed package offers it, and it cannot be loaded.
    """
    kind = find_kind(name)
    if kind is None:
        raise UsageError(f"there is no backend {name!r}; there are: {', '.join(backend_names())}")
    return kind


def backend_names() -> list[str]:
    """Returns the names of all kinds at hand, those of this package first."""
    return list(dict.fromkeys([*_OWN, *_KINDS, *(point.name for point in entry_points(group=ENTRY_POINTS))]))


def _loaded(point: EntryPoint) -> BackendKind[Any]:
    try:
        kind = point.load()
    except Exception as error:
        raise ContentError(f"the backend {point.name!r} ({point.value}) cannot be loaded: {error}") from error
    if not isinstance(kind, BackendKind) or kind.name != point.name:
        raise ContentError(
            f"the entry point of the backend {point.name!r} ({point.value}) is no BackendKind of its name"
        )
    return kind
