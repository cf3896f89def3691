"""Penalties: for every step, and for actions that come to nothing."""

from __future__ import annotations

from gymnasium.utils import RecordConstructorArgs

from mab_gym.actions import Finish, Invalid, parse_action
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.episode import Step
from mab_gym.errors import UsageError
from mab_gym.wrappers._rewarding import Rewarding, TextEnv, amount, text_env


class StepPenalty(Rewarding, RecordConstructorArgs):
    """Takes a little off for every action, so that of two ways to the same end the shorter one is better.

    With a penalty ``p`` an unsolved case of 8 steps costs ``8 * p``: keep that well below 1, or giving up at once pays.

    Args:
        env: An environment of this package.
        penalty: What an action costs, from 0.

    Raises:
        UsageError: The penalty is no number from 0.
    """

    def __init__(self, env: TextEnv, penalty: float = 0.01) -> None:
        RecordConstructorArgs.__init__(self, penalty=penalty)
        super().__init__(env)
        self._penalty = amount("penalty", penalty)

    def pay(self, action: str | None, step: Step) -> float:
        """The reward less the penalty; an end without an action costs nothing."""
        return step.reward - (0.0 if action is None else self._penalty)


class InvalidActionPenalty(Rewarding, RecordConstructorArgs):
    """Takes something off for an action that comes to nothing.

    There are three kinds, and ``info["invalid_action"]`` names the kind where there is one: ``none``, text that is no
    action (it ends the episode); ``refused``, an address or a body that is never sent; ``client_error``, what the
    record system answers with an HTTP status from 400 to 499. A failure of the record system costs nothing.

    Args:
        env: An environment of this package, played by texts.
        penalty: What such an action costs, from 0.
        none: By how much a text that is no action weighs more or less than that.
        refused: Likewise what is never sent.
        client_error: Likewise what is answered with 4xx.

    Raises:
        UsageError: One of these is no number from 0, or the environment plays by the official rules, where a POST that
            is right is not sent either.
    """

    def __init__(
        self, env: TextEnv, penalty: float = 0.1, none: float = 1.0, refused: float = 1.0, client_error: float = 1.0
    ) -> None:
        RecordConstructorArgs.__init__(self, penalty=penalty, none=none, refused=refused, client_error=client_error)
        super().__init__(env)
        if text_env(env, "InvalidActionPenalty").scenario.environment.protocol == OFFICIAL:
            raise UsageError("InvalidActionPenalty is not for the official rules, by which no POST is ever sent")
        weights = {"none": none, "refused": refused, "client_error": client_error}
        self._penalty = amount("penalty", penalty)
        self._weights = {kind: amount(kind, weight) for kind, weight in weights.items()}

    def pay(self, action: str | None, step: Step) -> float:
        """The reward less the penalty."""
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
