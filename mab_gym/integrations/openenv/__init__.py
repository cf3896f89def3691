"""An OpenEnv server for the environments, and its client.

    python -m mab_gym.integrations.openenv --env MedAgentBench-Train-v0

Each session of the server (``_server``) has an environment of its own, over one snapshot of the records, and drives it
with a `Driver`. ``_models`` holds the messages between server and client: an action is a text, or the reason why the
agent cannot read any more; an observation is everything that ``gymnasium.Env.step`` returns. ``_client`` is the client.

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
