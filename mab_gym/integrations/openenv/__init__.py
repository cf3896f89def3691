"""An OpenEnv server for the environments, and its client.

    python -m mab_gym.integrations.openenv --env MedAgentBench-Train-v0

OpenEnv takes seconds to import, so it is imported when a name of this package is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mab_gym.integrations._installed import needing

if TYPE_CHECKING:
    from mab_gym.integrations.openenv._client import MedicalRecordClient
    from mab_gym.integrations.openenv._models import MedicalRecordAction, MedicalRecordObservation, MedicalRecordState
    from mab_gym.integrations.openenv._server import create_app

__all__ = [
    "MedicalRecordAction",
    "MedicalRecordClient",
    "MedicalRecordObservation",
    "MedicalRecordState",
    "create_app",
]
_MODULES = {"MedicalRecordClient": "_client", "create_app": "_server"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needing("openenv", "an OpenEnv server or client needs"):
        module = import_module(f"{__name__}.{_MODULES.get(name, '_models')}")
    return getattr(module, name)
