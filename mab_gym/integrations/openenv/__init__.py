"""The environments behind an OpenEnv server, and the client to it.

python -m mab_gym.integrations.openenv --env MedAgentBench-Train-v0
"""

from __future__ import annotations

from mab_gym.errors import NotInstalledError

try:
    from mab_gym.integrations.openenv.client import MedicalRecordClient
    from mab_gym.integrations.openenv.models import MedicalRecordAction, MedicalRecordObservation, MedicalRecordState
    from mab_gym.integrations.openenv.server import create_app
except ModuleNotFoundError as error:
    if (error.name or "").startswith("mab_gym"):
        raise
    raise NotInstalledError(
        f"an OpenEnv server or client needs what is missing here ({error.name}): pip install 'mab-gym[openenv]'"
    ) from None

__all__ = [
    "MedicalRecordAction",
    "MedicalRecordClient",
    "MedicalRecordObservation",
    "MedicalRecordState",
    "create_app",
]
