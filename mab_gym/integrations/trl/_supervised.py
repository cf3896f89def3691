"""Chats as rows for TRL's SFTTrainer: tokens as a rollout would have them, and a loss on the model's own alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

from datasets import Dataset

from mab_gym.errors import UsageError
from mab_gym.integrations.trl._tokens import ChatTokens

IGNORED = -100
"""The label of a token that is not to be learnt, as in PyTorch's cross entropy."""


def supervised_rows(
    chats: Iterable[Mapping[str, Any]], tokens: ChatTokens, longest: int | None = None, told: float = 0.0, seed: int = 0
) -> Dataset:
    """Rows of ``input_ids`` and ``labels``, with the chat's ``case`` where it says.

    Args:
        chats: As `mab_gym.runs._fine_tuning.chat` gives them and ``mab-gym export`` writes them, in the text form.
        tokens: How a chat becomes tokens.
        longest: Chats of more tokens are left out: cut off, they would teach to read no further.
        told: The share of the tokens that the model is told, drawn by chance, which are to be learnt, too: 0 but for
            one that knows nothing yet.
        seed: For that chance.

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
