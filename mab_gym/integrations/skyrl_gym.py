"""The environments for SkyRL: a text environment of SkyRL-Gym, and the rows of its data sets.

skyrl_gym.register(id="mab_gym", entry_point="mab_gym.integrations.skyrl_gym:MedicalRecordTextEnv")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.integrations._installed import needing
from mab_gym.integrations._rows import rows
from mab_gym.integrations._sessions import Session, make_to_read
from mab_gym.runs._driver import unwrapped

with needing("skyrl", "an environment for SkyRL needs"):
    from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput, ConversationType

__all__ = ["MedicalRecordTextEnv", "dataset"]

ENV_CLASS = "mab_gym"
"""The id under which rows ask for the environment."""


class MedicalRecordTextEnv(BaseTextEnv):
    """One episode; SkyRL makes an environment for each.

    Args:
        env_config: ``max_steps`` and ``reward``, or nothing for the environment's own.
        extras: A row's columns. ``extra_info`` says what is played. ``max_turns`` is SkyRL's own limit: an episode ends
            at the lower of the two, so that each has its verdict.

    Raises:
        UsageError: The row is none of `dataset`, or there is no such environment.
    """

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        row = dict(extras or {}).get("extra_info")
        if not isinstance(row, Mapping) or not {"env", "seed", "options"} <= set(row):
            raise UsageError(
                "extra_info has no env, seed and options; mab_gym.integrations.skyrl_gym.dataset makes rows"
            )
        config = dict(env_config or {})
        self._row = row
        env = make(str(row["env"]), max_steps=config.get("max_steps"), reward=config.get("reward"))
        self._session = Session(env)
        self.max_turns = min(self._session.max_steps, int((extras or {}).get("max_turns") or self._session.max_steps))

    def init(self, prompt: ConversationType) -> tuple[ConversationType, dict[str, Any]]:
        """Begins the episode; the prompt comes back as it is.

        Raises:
            UsageError: The prompt is another task's.
        """
        # A column of a data set has the same names in every row.
        options = {name: value for name, value in self._row["options"].items() if value is not None}
        info = self._session.begin(int(self._row["seed"]), options)
        self.turns = 0
        if not any(message["content"] == self._session.observation["text"] for message in prompt):
            raise UsageError(f"{info['case']} is another task than its row says: were they made with other settings?")
        return prompt, info

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Takes the model's reply as an action.

        Raises:
            InfrastructureError: The record system has failed; the episode says nothing of the model.
        """
        self.turns += 1
        step = self._session.act(action)
        if self.turns >= self.max_turns and self._session.result is None:
            step = self._session.stop("no turn is left") or step
        over = self._session.result is not None
        return BaseTextEnvStepOutput(
            observations=[] if over else [{"role": "user", "content": step.observation["text"]}],
            reward=step.reward,
            done=over,
            metadata=step.info,
            postprocessed_action=None,
        )

    def get_metrics(self) -> dict[str, Any]:
        """Whether it was solved, the credit, whether something unsafe was done, and how many actions were taken."""
        outcome = self._session.result
        if outcome is None or "verdict" not in outcome:
            return {}
        verdict = outcome["verdict"]
        judged = {"solved": verdict["success"], "credit": verdict.get("credit"), "unsafe": verdict.get("unsafe")}
        known = {name: float(value) for name, value in judged.items() if value is not None}
        return {**known, "steps": float(outcome["steps"])}

    def close(self) -> None:
        """Ends what is under way and gives the record system back."""
        self._session.leave()


def dataset(env: str = "MedAgentBench-Train-v0", **which: Any) -> Iterator[dict[str, Any]]:
    """The rows of a data set for SkyRL's trainer, to be written as JSON lines or Parquet. None tells an answer.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        which: ``family``, ``difficulty``, ``variant``, ``seed``, ``limit``; see `mab_gym.integrations._rows.rows`. And
            ``max_steps``, where the environment is given it, too, because the opening says it.

    Raises:
        UsageError: Something named does not exist.
    """
    opened = make_to_read(env, max_steps=which.pop("max_steps", None))
    source = unwrapped(opened).scenario.environment.id
    for row in rows(opened, **which):
        about = row.about()
        options = {name: about["options"].get(name) for name in ("case", "family", "difficulty", "variant")}
        yield {
            "data_source": source,
            "env_class": ENV_CLASS,
            "prompt": [{"role": "user", "content": row.opening}],
            "reward_spec": {"method": "rule", "ground_truth": ""},
            "extra_info": {**about, "id": row.id, "env": env, "options": options},
        }
