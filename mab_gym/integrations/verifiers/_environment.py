"""The environment for verifiers: one agent, which plays in this process."""

from __future__ import annotations

from typing import Any

import verifiers.v1 as vf
from pydantic import ValidationError

from mab_gym.errors import UsageError
from mab_gym.integrations.verifiers._taskset import TASKSET
from mab_gym.runs._rollout import RETRIES


class MedicalRecordEnvConfig(vf.EnvConfig):
    """The configuration: one agent without a sandbox. If the record system fails, the episode is played again."""

    agent: vf.AgentConfig = vf.AgentConfig(
        runtime=vf.SubprocessConfig(),
        retries=vf.RetryConfig(rules=[vf.RetryRule(message="InfrastructureError", max_retries=RETRIES)]),
    )


class MedicalRecordVerifiersEnv(vf.Env[MedicalRecordEnvConfig]):
    """An environment in which one agent plays one task."""

    async def run(self, task: vf.Task, agents: vf.Agents) -> None:
        """Plays an episode."""
        await agents.agent.run(task)


def load_environment(**fields: Any) -> vf.Env:
    """Returns the environment for verifiers' trainers: the taskset, and one agent in the in-process harness.

    Args:
        fields: Fields of the taskset's configuration, as in ``split="train", form="tools"``.

    Raises:
        UsageError: There is no such field, or its value names something that does not exist.
    """
    try:
        config = vf.resolve_env_config({"taskset": {"id": TASKSET, **fields}})
    except ValidationError as error:
        raise UsageError("; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())) from None
    return vf.load_environment(config)
