"""Agent Lightning: one process plays one episode at the trainer's gateway, and posts its reward.

Agent Lightning 1.0 starts a process or a Kubernetes job for each rollout. The trainer's configuration for processes::

    agentlightning:
      local:
        agent_class: mab_gym.integrations.agent_lightning:Rollout
        env_map: {MAB_GYM_ROW: input}

The template of a job has ``python -m mab_gym.integrations.agent_lightning`` as its command, and the variable
``MAB_GYM_ROW`` with ``{{ input | tojson | yaml_escape }}``. This module needs the extra ``llm`` alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from mab_gym.agents import ChatModel
from mab_gym.errors import MabGymError, UsageError
from mab_gym.integrations._installed import needing
from mab_gym.runs import EpisodeRecord, play

with needing("llm", "a rollout of Agent Lightning needs"):
    import httpx

__all__ = ["Rollout"]

_TRIES = 60
"""Tries of one request: the gateway answers 429 while the trainer changes the model's weights."""


class Rollout:
    """One rollout, as environment variables tell it.

    Agent Lightning sets ``AGL_OPENAI_BASE_URL``, ``AGL_EVENT_URL`` and ``AGL_KEY``. ``MAB_GYM_ROW`` is a row of
    `mab_gym.task_rows` as JSON. ``MAB_GYM_FORM`` is ``text`` (without it) or ``tools``; ``MAB_GYM_SETTINGS`` holds
    further fields of each request as JSON, as in ``{"max_tokens": 2000}``.

    Args:
        variables: The variables; None for those of this process.

    Raises:
        UsageError: One of them is missing or wrong.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        told = os.environ if variables is None else variables
        missing = {"AGL_OPENAI_BASE_URL", "AGL_EVENT_URL", "MAB_GYM_ROW"} - told.keys()
        if missing:
            raise UsageError(f"Agent Lightning's agent has no {', '.join(sorted(missing))} in its environment")
        self._row = _object(told, "MAB_GYM_ROW")
        self._events = told["AGL_EVENT_URL"]
        key = told.get("AGL_KEY") or "none"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._model = ChatModel(
            "policy",  # the gateway puts in the name of the model that is trained
            told["AGL_OPENAI_BASE_URL"],
            api_key=key,
            form=told.get("MAB_GYM_FORM") or "text",
            settings=_object(told, "MAB_GYM_SETTINGS") if told.get("MAB_GYM_SETTINGS") else {},
            attempts=_TRIES,
        )

    def run(self) -> EpisodeRecord:
        """Plays the episode and posts its reward.

        An episode that does not count has no reward: what the model wrote in it is withdrawn, because the trainer would
        train on it with the reward ``reward_fillna_value``.

        Raises:
            MabGymError: The episode does not count; Agent Lightning sees a rollout that failed.
        """
        with httpx.Client(headers=self._headers, transport=httpx.HTTPTransport(retries=3), timeout=60) as client:
            try:
                record = play(case=self._row, agent=self._model)
                record.check_counts()
                told = "solved" if record.verdict["success"] else str(record.verdict["failure"])
                self._post(client, "reward", {"value": record.reward, "source": "mab_gym", "message": told})
            except BaseException:
                self._withdraw(client)
                raise
        return record

    def _withdraw(self, client: httpx.Client) -> None:
        """Says of each request that it failed: of those with the same prompt the trainer takes the last."""
        rollout, _, _ = self._events.rpartition("/attempt/")
        asked = client.get(f"{rollout}/events", params={"event_type": "model_request", "format": "triplet"})
        asked.raise_for_status()
        for event in asked.json():
            prompt = {"prompt_token_ids": event["data"]["prompt_token_ids"], "choices": []}
            self._post(client, "model_request", {"status": "error", "http_status": 500, "response": prompt})

    def _post(self, client: httpx.Client, kind: str, data: Mapping[str, Any]) -> None:
        client.post(self._events, json={"event_type": kind, "data": data}).raise_for_status()


def _object(told: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        found = json.loads(told[name])
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{name} is not a JSON object: {told[name][:80]!r}")
    return found


def main() -> int:
    """Plays the rollout of this process; the exit code is 1 if it does not count."""
    try:
        Rollout().run()
    except (MabGymError, httpx.HTTPError) as error:
        print(f"mab_gym: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
