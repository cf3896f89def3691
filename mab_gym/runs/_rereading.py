"""Reads the messages of a stored episode again: its actions, its cause and its tokens follow from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mab_gym.agents._answers import Answer, calls_of, chat_answer, responses_answer
from mab_gym.agents._chat_model import rule_for
from mab_gym.agents._model import FORMS, Chat, total, verbs_of
from mab_gym.agents._reading import STRICT, Reading, read_call, read_message
from mab_gym.agents._thoughts import said_in
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.runs._records import EpisodeRecord

_UNKNOWN = (None, "length", "content_filter", "refusal")
"""The reasons for which a model may have stopped where the record does not say: one of each kind that is told apart."""

Readings = Sequence[Reading]
"""The readings of one action that are possible: more than one where the reason for its message's end is not known."""


@dataclass(frozen=True, slots=True)
class Rereading:
    """The way in which the messages of a run are read again.

    Attributes:
        rule: The rule by which a model's messages were read; None if the agent is no model.
        usual: The rule that is usual for the run's protocol.
        form: The model's form, ``text`` or ``tools``.
        asked: True for a model behind an endpoint, each of whose messages answers a call.
        is_own: True for an agent of the user's own. It may have made its messages itself, so nothing follows from them.
    """

    rule: str | None
    usual: str
    form: str
    asked: bool
    is_own: bool

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Rereading:
        """Returns the way that follows from a run's ``run.json``.

        Raises:
            UsageError: Its rule does not exist, or is not that of its protocol.
        """
        official = about.get("protocol") == OFFICIAL
        rule, has_object = about.get("reading"), "object" in about
        return cls(
            None if rule is None else rule_for(rule, official),
            rule_for(None, official),
            about.get("form", FORMS[0]),
            asked=rule is not None and not has_object,
            is_own=rule is None and has_object,
        )

    def apart(self, record: EpisodeRecord) -> Iterator[str]:
        """Yields what does not follow from the messages; nothing for an agent of the user's own."""
        if self.is_own:
            return
        verbs = verbs_of(record.messages[:2])
        said = [message for message in record.messages if message["role"] == "assistant"]
        answers = list(_answers(record.calls))
        told = answers if self.asked else [None] * len(said)
        # As texts, since NaN is not equal to itself.
        if self.asked and json.dumps(said, sort_keys=True) != json.dumps(self._kept(answers, verbs), sort_keys=True):
            yield "its messages are not those of its calls"
        taken = [self._read(message, answer, verbs) for message, answer in zip(said, told, strict=False)]
        readings = [each for message in taken for each in message]
        actions = list(record.actions)
        # Calls of the last message may be left when the episode ends; those of earlier ones were all carried out.
        fit = len(readings) - len(taken[-1]) < len(actions) <= len(readings) if taken else not actions
        possible = [
            [each for each in alike if str(each.action) == action]
            for alike, action in zip(readings, actions, strict=False)
        ]
        if not fit or not all(possible):
            yield "its actions are not those of its messages"
        elif record.cause not in {each.cause if record.terminated else None for each in (possible or [[_NOTHING]])[-1]}:
            yield f"its cause is not {record.cause!r} by its messages"
        for name, count in _tokens(answers).items():
            said_count = getattr(record, name)
            # Tries in which the record system failed were paid for, too, and their calls are not kept.
            known = count is not None and said_count is not None
            if said_count != count and not (record.retries and (said_count is None or (known and said_count > count))):
                yield f"{name} is {count!r} by its calls, not {said_count!r}"

    def _read(self, message: Mapping[str, Any], answer: Answer | None, verbs: Sequence[str]) -> Sequence[Readings]:
        """Returns the readings of each action in a message."""
        reasons = _UNKNOWN if answer is None else (answer.finish_reason,)
        if self.rule is None:
            if "action" in message:
                return [[read_message(message, self.usual, reason, verbs) for reason in reasons]]
            return [[Reading(said_in(message))]]
        calls = calls_of(message, 0) if self.form != FORMS[0] or self.rule != STRICT else []
        if calls:
            asked = [call["function"] for call in calls]
            return [[read_call(each["name"], each["arguments"], self.rule, verbs)] for each in asked]
        return [[read_message(message, self.rule, reason, verbs) for reason in reasons]]

    def _kept(self, answers: Sequence[Answer], verbs: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Returns the model's messages as an agent keeps them that has got these answers."""
        chat = Chat(self.form, self.rule or self.usual, verbs=verbs)
        for answer in answers:
            chat.take(answer)
        return chat.kept


_NOTHING = Reading("")


def _answers(calls: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
    """Yields the model's answers out of the requests to its endpoint."""
    for call in calls:
        usage, message = call.get("usage"), call.get("message")
        if call["status"] == 200 and message is not None:
            choice = {"message": message, "finish_reason": call.get("finish_reason")}
            answer = chat_answer({"choices": [choice], "usage": usage})
            counted = responses_answer({"output": [], "usage": usage}) if _is_of_responses(call) else answer
            if answer is None or counted is None:
                raise TypeError("the message of a call is no object")
            yield replace(answer, tokens_in=counted.tokens_in, tokens_out=counted.tokens_out)


def _is_of_responses(call: Mapping[str, Any]) -> bool:
    return str(call.get("api")).startswith("responses")


def _tokens(answers: Sequence[Answer]) -> Mapping[str, int | None]:
    """Returns the sums of tokens; None where an answer does not say its own."""
    return {name: total([getattr(answer, name) for answer in answers]) for name in ("tokens_in", "tokens_out")}
