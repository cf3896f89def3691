"""The OpenEnv client: one session with a server."""

from __future__ import annotations

from typing import Any

from openenv.core import EnvClient
from openenv.core.client_types import StepResult

from mab_gym.integrations.openenv._models import MedicalRecordAction, MedicalRecordObservation, MedicalRecordState


class MedicalRecordClient(EnvClient[MedicalRecordAction | str, MedicalRecordObservation, MedicalRecordState]):
    """A client with one session; an action may be a plain text.

    Use it as in ``async with MedicalRecordClient(base_url="http://127.0.0.1:8000") as env``, or by ``.sync()`` in code
    without ``await``. ``reset`` takes ``seed``, ``case``, ``family``, ``difficulty`` and ``variant``.
    """

    def _step_payload(self, action: MedicalRecordAction | str) -> dict[str, Any]:
        if isinstance(action, str):
            return {"text": action}
        return {"text": action.text, "context_limit": action.context_limit}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[MedicalRecordObservation]:
        reward, over = payload.get("reward"), bool(payload.get("done", False))
        observation = MedicalRecordObservation(**payload["observation"], reward=reward, done=over)
        return StepResult(observation=observation, reward=reward, done=over)

    def _parse_state(self, payload: dict[str, Any]) -> MedicalRecordState:
        return MedicalRecordState(**payload)
