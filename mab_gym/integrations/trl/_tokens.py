"""A chat as tokens, piece by piece: the model's own tokens stay as they are; the rest is tokenized once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.errors import UsageError

_MARK = "\u2402MODEL\u2403"
"""A placeholder for a model's turn in a rendered template; no text contains it."""


class ChatTokens:
    """Turns a chat into tokens by a tokenizer's chat template.

    A chat is an opening, then turns of the model and replies by turns. The template renders each reply once, after a
    placeholder for the model's turn. So it does not matter if a template drops or changes earlier turns.

    Args:
        tokenizer: A tokenizer of transformers with a chat template.
        ends: Tokens that end a model's turn, besides the tokenizer's own; a trainer has them as ``eos_token_ids``.
        settings: Further arguments of the chat template, as in ``{"enable_thinking": False}``.

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
        """Returns the tokens before the model's first turn."""
        return self._ids(self._render([_plain(each) for each in messages], begin=True))

    def reply(self, text: str, turn: Sequence[int] = ()) -> list[int]:
        """Returns the tokens between two turns of the model: the end of one, the reply, the beginning of the next.

        Args:
            text: The reply.
            turn: The tokens of the turn before; if they hold its end already, that is not repeated.
        """
        ids = self._ids(self._after_turn([{"role": "user", "content": text}], begin=True))
        return ids[1:] if turn and ids and turn[-1] == ids[0] else ids

    def text(self, turn: Sequence[int]) -> str:
        """Returns the text of a model's turn."""
        return str(self.tokenizer.decode(list(turn), skip_special_tokens=True))

    def chat(self, messages: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[int]]:
        """Returns a whole chat for supervised training, with the same tokens as in a rollout with these turns.

        Args:
            messages: The opening, then by turns messages of ``assistant`` and replies of ``user``.

        Returns:
            The tokens, and a mask: 1 for each token of the model, with the end of its turn, else 0.

        Raises:
            UsageError: The messages are not such a chat.
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
        """Returns the text that the template puts after a turn of the model."""
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
