"""Penalties for every step, and for actions that have no effect."""

from __future__ import annotations

from gymnasium.utils import RecordConstructorArgs

from mab_gym.actions import Finish, Invalid, parse_action
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.episode import Step
from mab_gym.errors import UsageError
from mab_gym.wrappers._rewarding import Rewarding, TextEnv, amount, text_env


class StepPenalty(Rewarding, RecordConstructorArgs):
    """Subtracts a penalty for every action, so that the shorter of two solutions earns more.

    With a penalty ``p`` an unsolved case of 8 steps costs ``8 * p``: keep that well below 1, or giving up at once pays.

    Args:
        env: An environment of this package.
        penalty: The cost of an action, from 0.

    Raises:
        UsageError: The penalty is not a number from 0.
    """

    def __init__(self, env: TextEnv, penalty: float = 0.01) -> None:
        RecordConstructorArgs.__init__(self, penalty=penalty)
        super().__init__(env)
        self._penalty = amount("penalty", penalty)

    def pay(self, action: str | None, step: Step) -> float:
        """Returns the reward less the penalty; an end without an action costs nothing."""
        return step.reward - (0.0 if action is None else self._penalty)


class InvalidActionPenalty(Rewarding, RecordConstructorArgs):
    """Subtracts a penalty for an action that has no effect.

    There are three kinds, and ``info["invalid_action"]`` names the kind of such a step: ``none``, a text that is not an
    action (it ends the episode); ``refused``, a URL or body that is never sent; ``client_error``, a request that the
    record system answers with an HTTP status from 400 to 499. A failure of the record system costs nothing.

    Args:
        env: An environment of this package with text actions.
        penalty: The cost of such an action, from 0.
        none: The factor of the penalty for a text that is not an action, from 0.
        refused: The factor of the penalty for an action that is never sent, from 0.
        client_error: The factor of the penalty for an answer 4xx, from 0.

    Raises:
        UsageError: One of these is not a number from 0, or the environment plays by the official rules, which never
            send a POST, even a right one.
    """

    def __init__(
        self, env: TextEnv, penalty: float = 0.1, none: float = 1.0, refused: float = 1.0, client_error: float = 1.0
    ) -> None:
        RecordConstructorArgs.__init__(self, penalty=penalty, none=none, refused=refused, client_error=client_error)
        super().__init__(env)
        if text_env(env, "InvalidActionPenalty").scenario.environment.protocol == OFFICIAL:
            raise UsageError("InvalidActionPenalty does not fit the official rules, which never send a POST")
        weights = {"none": none, "refused": refused, "client_error": client_error}
        self._penalty = amount("penalty", penalty)
        self._weights = {kind: amount(kind, weight) for kind, weight in weights.items()}

    def pay(self, action: str | None, step: Step) -> float:
        """Returns the reward less the penalty."""
        kind = None if action is None or "infrastructure_error" in step.info else _kind(action, step)
        if kind is None:
            return step.reward
        step.info["invalid_action"] = kind
        return step.reward - self._penalty * self._weights[kind]


def _kind(action: str, step: Step) -> str | None:
    match parse_action(action):
        case Invalid():
            return "none"
        case Finish():
            return None
    status = int(step.observation["status"])
    return "refused" if status == 0 else "client_error" if 400 <= status < 500 else None
