"""A chat as tokens, piece by piece: what a model wrote stays the tokens that it wrote; the rest is tokenised once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.errors import UsageError

_MARK = "\u2402MODEL\u2403"
"""Stands for a model's turn in a rendered template; nobody writes it."""


class ChatTokens:
    """Turns a chat into tokens by a tokenizer's chat template.

    A chat is its opening, and then turns of the model and replies in turn. The template renders each reply once, behind
    a stand-in for the model's turn, so that templates which drop or change earlier turns change nothing here.

    Args:
        tokenizer: A tokenizer of transformers with a chat template.
        ends: Tokens that end a model's turn, besides the tokenizer's own; a trainer knows them as ``eos_token_ids``.
        settings: Further arguments for the chat template, as in ``{"enable_thinking": False}``.

    Attributes:
        ends: All tokens that end a model's turn.

    Raises:
        UsageError: The tokenizer has no chat template, or its template does not show what a model writes.
    """

    def __init__(self, tokenizer: Any, ends: Sequence[int] = (), settings: Mapping[str, Any] | None = None) -> None:
        self.tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # a processor holds its tokenizer
        self._settings = dict(settings or {})
        if not getattr(self.tokenizer, "chat_template", None):
            raise UsageError(
                "the tokenizer has no chat template: set tokenizer.chat_template, or take an instruct model"
            )
        closing = self._ids(self._after_turn([]))
        if not closing:
            raise UsageError("the chat template puts nothing behind a model's turn, so that its end cannot be learnt")
        self._closing = closing[0]
        self.ends = frozenset({*ends, self._closing, self.tokenizer.eos_token_id} - {None})

    def opening(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """The tokens up to where the model begins to write."""
        return self._ids(self._render([_plain(each) for each in messages], begin=True))

    def reply(self, text: str, turn: Sequence[int] = ()) -> list[int]:
        """The tokens between two turns of the model: the end of one, what it is told, the beginning of the next.

        Args:
            text: What the model is told.
            turn: The tokens of its turn before; where they hold its end already, that does not come twice.
        """
        ids = self._ids(self._after_turn([{"role": "user", "content": text}], begin=True))
        return ids[1:] if turn and ids and turn[-1] == ids[0] else ids

    def text(self, turn: Sequence[int]) -> str:
        """What a model's turn says."""
        return str(self.tokenizer.decode(list(turn), skip_special_tokens=True))

    def chat(self, messages: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[int]]:
        """A whole chat, for supervised training: token by token as in a rollout in which the model writes the same.

        Args:
            messages: Up to the first of the ``assistant`` the opening; then its turns and replies by ``user``.

        Returns:
            The tokens, and 1 for each that the model has to write (the end of its turn included), else 0.

        Raises:
            UsageError: The messages are no such chat.
        """
        roles = [each["role"] for each in messages]
        first = roles.index("assistant") if "assistant" in roles else 0
        turns = messages[first:]
        if not first or any(each["role"] != ("assistant", "user")[i % 2] for i, each in enumerate(turns)):
            raise UsageError(f"a chat is an opening, and then turns of assistant and user, not {', '.join(roles)}")
        ids = self.opening(messages[:first])
        mask = [0] * len(ids)
        for message in turns:
            wrote = message["role"] == "assistant"
            piece = (
                [*self._ids(message["content"]), self._closing]
                if wrote
                else self.reply(message["content"], turn=[self._closing])
            )
            ids, mask = ids + piece, mask + [int(wrote)] * len(piece)
        return ids, mask

    def _after_turn(self, messages: list[dict[str, Any]], begin: bool = False) -> str:
        """What the template puts behind a turn of the model."""
        chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}, *messages]
        _, mark, behind = self._render(chat, begin=begin).partition(_MARK)
        if not mark:
            raise UsageError("the chat template does not show what a model writes; take another one")
        return behind

    def _render(self, messages: list[dict[str, Any]], begin: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=begin, **self._settings)
        )

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": message["role"], "content": message["content"]}
