"""Chats as rows for TRL's SFTTrainer: the tokens of a rollout, with a loss on the model's own tokens alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

from datasets import Dataset

from mab_gym.errors import UsageError
from mab_gym.integrations.trl._tokens import ChatTokens

IGNORED = -100
"""The label of a token without loss, as in PyTorch's cross entropy."""


def supervised_rows(
    chats: Iterable[Mapping[str, Any]], tokens: ChatTokens, longest: int | None = None, told: float = 0.0, seed: int = 0
) -> Dataset:
    """Returns rows of ``input_ids`` and ``labels``, with the chat's ``case`` if it names one.

    Args:
        chats: Chats in the text form, as ``mab-gym export`` writes them.
        tokens: Tokenizes the chats.
        longest: The greatest number of tokens of a chat; longer chats are left out, because a cut one would teach the
            model to stop reading.
        told: The share of the environment's tokens that also have a loss, drawn at random; 0 except for a model that
            knows nothing yet.
        seed: The seed of that draw.

    Raises:
        UsageError: No chat is left, or one was played by tool calls.
    """
    rows, chance = [], random.Random(seed)
    for each in chats:
        if "tools" in each:
            raise UsageError("these chats are tool calls; export them from a run in the text form")
        ids, mask = tokens.chat(each["messages"])
        if longest is None or len(ids) <= longest:
            labels = [
                token if wrote or chance.random() < told else IGNORED for token, wrote in zip(ids, mask, strict=True)
            ]
            rows.append({"input_ids": ids, "labels": labels, "case": each.get("metadata", {}).get("case", "")})
    if not rows:
        raise UsageError(
            "no chat is left to learn from" + ("" if longest is None else f" of {longest} tokens or fewer")
        )
    return Dataset.from_list(rows)
