"""Plays episodes of a language model as tokens, in a batch, with a mask for the tokens of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mab_gym.actions import OutOfContext
from mab_gym.integrations._sessions import TextEnv
from mab_gym.integrations.trl._tokens import ChatTokens
from mab_gym.runs._driver import Driver
from mab_gym.runs._records import EpisodeRecord

Sampled = tuple[list[list[int]], list[list[float]] | None]
Sample = Callable[[list[list[int]], int], Sampled]
"""Generates a turn for each prompt, with at most the given number of tokens; and log probabilities, if known."""


@dataclass(frozen=True, slots=True)
class Start:
    """The beginning of an episode.

    Attributes:
        seed: The seed for ``env.reset``.
        options: The options for ``env.reset``.
        messages: The messages before the case's opening message, such as a system message.
    """

    seed: int
    options: Mapping[str, str] = field(default_factory=dict)
    messages: Sequence[Mapping[str, Any]] = ()


class Track(Driver):
    """An episode as tokens.

    Args:
        env: The environment; nobody else may use it during the episode.
        start: The beginning of the episode.
        tokens: Tokenizes the chat.
        reading: The rule by which messages are read; None for the usual one.

    Attributes:
        start: The beginning of the episode.
        prompt_ids: The tokens of the opening messages.
        completion_ids: All further tokens.
        env_mask: 1 for each token of `completion_ids` that the model wrote, 0 for those of the environment.
        logprobs: The log probability of each token that the model wrote, 0.0 for the others; None if unknown.
    """

    def __init__(self, env: TextEnv, start: Start, tokens: ChatTokens, reading: str | None = None) -> None:
        super().__init__(env, reading)
        self.start = start
        self.begin(start.seed, start.options)
        self.messages[:0] = map(dict, start.messages)
        self.prompt_ids: list[int] = tokens.opening(self.messages)
        self.completion_ids: list[int] = []
        self.env_mask: list[int] = []
        self.logprobs: list[float] | None = None

    def add(self, ids: list[int], wrote: int, logprobs: list[float] | None) -> None:
        """Adds tokens.

        Args:
            ids: The tokens.
            wrote: 1 if the model wrote them, 0 if the environment did.
            logprobs: The log probability of each token; None if unknown.
        """
        self.completion_ids += ids
        self.env_mask += [wrote] * len(ids)
        if logprobs is not None:
            self.logprobs = (self.logprobs or []) + logprobs

    def record(self, agent: str, **more: Any) -> EpisodeRecord:
        """Returns the record of the episode, for a run folder, with its token counts.

        Args:
            agent: The name of the model that played.
            more: Further fields of `EpisodeRecord`.
        """
        wrote = sum(self.env_mask)
        read = len(self.prompt_ids) + len(self.env_mask) - wrote
        return super().record(agent, tokens_in=read, tokens_out=wrote, **more)


class Player:
    """Plays a batch of episodes in the official text form, turn by turn.

    An episode ends in the environment, or as ``context_limit`` (a failure of the model) if the next turn would not fit.
    A reply that does not fit is not among its tokens.

    Args:
        make: Makes an environment; each episode of a batch has one, and the next batch uses them again.
        tokens: Tokenizes chats.
        sample: Generates the turns of the model.
        budget: The greatest number of tokens of an episode after its opening, with those of the replies.
        turn: The greatest number of tokens of one turn.
        context: The greatest number of tokens of an episode with its opening; None for no limit.
        reading: The rule by which messages are read, ``lenient`` or ``strict``; None for the usual one.
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
        reading: str | None = None,
    ) -> None:
        self._make = make
        self._tokens = tokens
        self._sample = sample
        self._budget, self._turn, self._context = budget, turn or budget, context
        self._reading = reading
        self._spare: list[TextEnv] = []

    def play(self, starts: Sequence[Start]) -> list[Track]:
        """Plays a batch of episodes to their ends and returns them in order."""
        while len(self._spare) < len(starts):
            self._spare.append(self._make())
        tracks = [
            Track(env, start, self._tokens, self._reading) for env, start in zip(self._spare, starts, strict=False)
        ]
        for track in tracks:
            if self._room(track) < 1:
                track.act(OutOfContext("there is no room for a single token after the opening"))
        while active := [track for track in tracks if not track.over]:
            rooms = [min(self._room(track), self._turn) for track in active]
            prompts = [track.prompt_ids + track.completion_ids for track in active]
            turns, logprobs = self._sample(prompts, max(rooms))
            for place, (track, room) in enumerate(zip(active, rooms, strict=True)):
                self._take(track, turns[place][:room], None if logprobs is None else logprobs[place][:room])
        return tracks

    def _room(self, track: Track) -> int:
        """Returns the number of tokens that still fit."""
        written = len(track.completion_ids)
        left = self._budget - written
        return left if self._context is None else min(left, self._context - len(track.prompt_ids) - written)

    def _take(self, track: Track, turn: list[int], logprobs: list[float] | None) -> None:
        """Adds a turn of the model, takes its action, and adds the reply."""
        track.add(turn, 1, logprobs)
        whole = bool(turn) and turn[-1] in self._tokens.ends
        text = self._tokens.text(turn)
        if not whole and self._room(track) < 1:
            track.messages.append({"role": "assistant", "content": text})
            track.act(OutOfContext("its tokens were used up in the middle of a message"))
            return
        observation = track.hear(text, None if whole else "length").observation
        if track.over:
            return
        reply = self._tokens.reply(observation["text"], turn)
        if len(reply) >= self._room(track):
            track.act(OutOfContext(f"a reply of {len(reply)} tokens left no room for an answer"))
        else:
            track.add(reply, 0, None if logprobs is None else [0.0] * len(reply))
