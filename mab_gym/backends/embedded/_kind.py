"""The embedded server as a kind of backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mab_gym.backends._kinds import EMBEDDED, BackendKind

if TYPE_CHECKING:
    from mab_gym.backends._backend import Backend


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """The settings of the embedded server: none."""


def _open(settings: EmbeddedSettings, archive: Backend) -> Backend:
    return archive


KIND = BackendKind(EMBEDDED, EmbeddedSettings, _open, deterministic=True)
