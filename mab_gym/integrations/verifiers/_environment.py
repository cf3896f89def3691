"""The environment: one agent, played in this process; nothing is started for it."""

from __future__ import annotations

from typing import Any

import verifiers.v1 as vf
from pydantic import ValidationError

from mab_gym.errors import UsageError
from mab_gym.integrations.verifiers._taskset import TASKSET
from mab_gym.runs._rollout import RETRIES


class MedicalRecordEnvConfig(vf.EnvConfig):
    """One seat, ``agent``. It needs no sandbox; what the record system spoils is played again, as in `mab-gym eval`."""

    agent: vf.AgentConfig = vf.AgentConfig(
        runtime=vf.SubprocessConfig(),
        retries=vf.RetryConfig(rules=[vf.RetryRule(message="InfrastructureError", max_retries=RETRIES)]),
    )


class MedicalRecordVerifiersEnv(vf.Env[MedicalRecordEnvConfig]):
    """One agent plays one task."""

    async def run(self, task: vf.Task, agents: vf.Agents) -> None:
        """Plays an episode."""
        await agents.agent.run(task)


def load_environment(**fields: Any) -> vf.Env:
    """The environment as verifiers' trainers take it: the taskset, and one agent that the in-process harness plays.

    Args:
        fields: Fields of the taskset's config, as in ``split="train", form="tools"``.

    Raises:
        UsageError: There is no such field, or it names what does not exist.
    """
    try:
        config = vf.resolve_env_config({"taskset": {"id": TASKSET, **fields}})
    except ValidationError as error:
        raise UsageError("; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())) from None
    return vf.load_environment(config)
