"""Plays episodes of a language model side by side, as tokens: what it wrote, what it was told, and which is which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mab_gym.agents._agent import reply_message
from mab_gym.episode import Step
from mab_gym.integrations.trl._prompts import TextEnv
from mab_gym.integrations.trl._tokens import ChatTokens
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import recorded

Sampled = tuple[list[list[int]], list[list[float]] | None]
Sample = Callable[[list[list[int]], int], Sampled]
"""Writes a turn for each prompt, of so many tokens at most; its log probabilities, too, where it knows them."""


@dataclass(frozen=True, slots=True)
class Start:
    """What to play.

    Attributes:
        seed: For ``env.reset``.
        options: Likewise.
        messages: What stands before the case's opening message, such as one of the system.
    """

    seed: int
    options: Mapping[str, str] = field(default_factory=dict)
    messages: Sequence[Mapping[str, Any]] = ()


@dataclass
class Track:
    """An episode as tokens.

    Attributes:
        start: What was played.
        env: Where; nobody else's until the episode has ended.
        observation: The latest.
        info: Likewise; at the end with the verdict.
        prompt_ids: The tokens of the opening.
        completion_ids: All further ones.
        env_mask: For each of these 1 where the model wrote it, 0 where it was told.
        logprobs: The log probability of each that the model wrote, 0.0 for the others; None where nobody knows.
        messages: The chat.
        actions: What the model did.
        reward: The sum of the rewards.
        terminated: As in Gymnasium.
        truncated: Likewise.
        context_limit: Why the model could not go on, or None.
    """

    start: Start
    env: TextEnv
    observation: Mapping[str, Any]
    info: Mapping[str, Any]
    prompt_ids: list[int]
    completion_ids: list[int] = field(default_factory=list)
    env_mask: list[int] = field(default_factory=list)
    logprobs: list[float] | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    context_limit: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the episode has."""
        return self.terminated or self.truncated

    @property
    def outcome(self) -> dict[str, Any]:
        """What it came to, for reward functions: reward, verdict, cost, steps, infrastructure_error."""
        return outcome_of(self.reward, self.info)

    def record(self, agent: str) -> EpisodeRecord:
        """The record of the episode, for a `mab_gym.runs._records.RunFolder`.

        Args:
            agent: Who played.
        """
        return recorded(
            self.env,
            self.info,
            agent=agent,
            branch=str(self.info.get("branch", "")),
            seed=self.start.seed,
            reward=self.reward,
            terminated=self.terminated,
            truncated=self.truncated,
            context_limit=self.context_limit,
            actions=self.actions,
            messages=self.messages,
            tokens_in=len(self.prompt_ids) + len(self.env_mask) - sum(self.env_mask),
            tokens_out=sum(self.env_mask),
        )


def outcome_of(reward: float, info: Mapping[str, Any]) -> dict[str, Any]:
    """What an episode came to, for reward functions; see `Track.outcome`."""
    return {
        "reward": reward,
        "verdict": info["verdict"],
        "cost": float(info.get("episode_cost", 0.0)),
        "steps": info["step"],
        "infrastructure_error": info.get("infrastructure_error"),
    }


class Player:
    """Plays episodes in the official text form, all together turn by turn.

    An episode ends as the environment says, or as ``context_limit``, the model's failure, where the next turn would
    not fit any more. What was left unread is not among its tokens.

    Args:
        make: Makes an environment; each episode that is under way has one, and they are used again.
        tokens: How a chat becomes tokens.
        sample: Who writes.
        budget: Most tokens of an episode after its opening, those of the replies included.
        turn: Most tokens of one turn.
        context: Most tokens of an episode with its opening; None for no limit.
        thoughts_end: Text up to which a turn is the model's thinking and no part of its action, as in ``</think>``.
    """

    def __init__(
        self,
        make: Callable[[], TextEnv],
        tokens: ChatTokens,
        sample: Sample,
        *,
        budget: int,
        turn: int | None = None,
        context: int | None = None,
        thoughts_end: str | None = None,
    ) -> None:
        self._make = make
        self._tokens = tokens
        self._sample = sample
        self._budget, self._turn, self._context = budget, turn or budget, context
        self._thoughts_end = thoughts_end
        self._spare: list[TextEnv] = []

    def play(self, starts: Sequence[Start]) -> list[Track]:
        """Plays all of them to their ends, in order."""
        while len(self._spare) < len(starts):
            self._spare.append(self._make())
        tracks = [self._begin(env, start) for env, start in zip(self._spare, starts, strict=False)]
        for track in tracks:
            if self._room(track) < 1:
                self._stop(track, "there is no room for a single token after the opening")
        while active := [track for track in tracks if not track.ended]:
            rooms = [min(self._room(track), self._turn) for track in active]
            prompts = [track.prompt_ids + track.completion_ids for track in active]
            turns, logprobs = self._sample(prompts, max(rooms))
            for place, (track, room) in enumerate(zip(active, rooms, strict=True)):
                self._take(track, turns[place][:room], None if logprobs is None else logprobs[place][:room])
        return tracks

    def _begin(self, env: TextEnv, start: Start) -> Track:
        observation, info = env.reset(seed=start.seed, options=dict(start.options))
        messages = [*map(dict, start.messages), {"role": "user", "content": observation["text"]}]
        return Track(start, env, observation, info, self._tokens.opening(messages), messages=messages)

    def _room(self, track: Track) -> int:
        """How many tokens may still come."""
        written = len(track.completion_ids)
        left = self._budget - written
        return left if self._context is None else min(left, self._context - len(track.prompt_ids) - written)

    def _take(self, track: Track, turn: list[int], logprobs: list[float] | None) -> None:
        """Adds a turn of the model, and what it leads to."""
        self._add(track, turn, 1, logprobs)
        whole = bool(turn) and turn[-1] in self._tokens.ends
        text = self._tokens.text(turn)
        track.messages.append({"role": "assistant", "content": text})
        if not whole and self._room(track) < 1:
            return self._stop(track, "its tokens were used up in the middle of a message")
        if self._thoughts_end is not None:
            text = text.rpartition(self._thoughts_end)[2]
        track.actions.append(text)
        observation, reward, track.terminated, track.truncated, track.info = track.env.step(text)
        track.observation = observation
        track.reward += float(reward)
        if observation["text"]:
            track.messages.append(reply_message("user", observation))
        if track.ended:
            return None
        told = self._tokens.reply(observation["text"], turn)
        if len(told) >= self._room(track):
            return self._stop(track, f"a reply of {len(told)} tokens left no room for an answer")
        return self._add(track, told, 0, None if logprobs is None else [0.0] * len(told))

    @staticmethod
    def _add(track: Track, ids: list[int], wrote: int, logprobs: list[float] | None) -> None:
        track.completion_ids += ids
        track.env_mask += [wrote] * len(ids)
        if logprobs is not None:
            track.logprobs = (track.logprobs or []) + logprobs

    @staticmethod
    def _stop(track: Track, why: str) -> None:
        step: Step = track.env.get_wrapper_attr("stop_for_context")(why)
        track.terminated, track.truncated, track.info = step.terminated, step.truncated, step.info
        track.reward += step.reward
        track.context_limit = why
