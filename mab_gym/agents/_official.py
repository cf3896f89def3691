"""The gold agent of the official protocol, which knows nothing but the messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mab_gym.official._conversation import body_of_reply, read_opening
from mab_gym.official._solution import solve
from mab_gym.official._tasks import NOW
from mab_gym.tasking.solving import Desk, Reply, Solution


class OfficialGold:
    """Plays the gold solution from the text of the messages alone, as a model would have to."""

    name = "gold"

    def __init__(self) -> None:
        self._solution: Solution | None = None
        self._begun = False

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Reads the opening message.

        Raises:
            UsageError: The message is not an opening of the official protocol.
        """
        base_url, context, question = read_opening(str(observation["text"]))
        self._solution = solve(context, question, Desk(base_url, datetime.fromisoformat(NOW)))
        self._begun = False

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the next action; a FINISH without answer once the solution has ended."""
        if self._solution is None:
            raise RuntimeError("the agent has to be reset before it plays")
        try:
            if self._begun:
                body = body_of_reply(str(observation["text"]))
                return self._solution.send(Reply(200 if body else 0, body))
            self._begun = True
            return next(self._solution)
        except StopIteration:
            return "FINISH([])"
