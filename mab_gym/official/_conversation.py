"""The official episode loop: one opening message, then an agent's turns and the harness's replies, word for word."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from mab_gym.backends import RecordSession
from mab_gym.errors import ContentError, UsageError
from mab_gym.fhir.http._exchange import Response
from mab_gym.fhir.http._server import DEFAULT_BASE_URL
from mab_gym.official._client import ClientError, fetch
from mab_gym.official._files import read_json
from mab_gym.official._tasks import OfficialTask

MAX_TURNS = 8
"""The number of turns that an agent has."""
ACCEPTED = "POST request accepted"
"""The words that the graders look for in the message after a POST."""

_GO_ON = "Please call FINISH if you have got answers for all the questions and finished all the requested tasks"
_GOT = "Here is the response from the GET request:\n{body}. " + _GO_ON
_GET_FAILED = "Error in sending the GET request: {error}"
_POSTED = ACCEPTED + " and executed successfully. " + _GO_ON
_POST_INVALID = "Invalid POST request"

_OPENING = """\
You work in a hospital's electronic health record through FHIR functions. You are given a list of functions and a \
question; call what you need to answer the question and to do what it asks.

Each of your messages is exactly one of these three, with no other text around it:

1. A GET, with its parameters in the address:
GET url?param_name1=param_value1&param_name2=param_value2

2. A POST, with its payload as JSON from the second line on:
POST url
{{"name1": "value1", "name2": "value2"}}

3. The end, once all questions are answered and all requested tasks are done, with the answers as a list that can be \
read as JSON:
FINISH([answer1, answer2])

The functions follow as JSON. Put {api_base} in the place of {{api_base}} in their names, without a slash twice.
{functions}

Context: {context}
Question: {question}"""
_SAID = re.compile(r" Put (\S+) in the place of .*?\nContext: (.*?)\nQuestion: (.*)\Z", re.DOTALL)


class Status(StrEnum):
    """The end of an episode, in the official harness's words."""

    COMPLETED = "completed"
    AGENT_CONTEXT_LIMIT = "agent context limit"
    AGENT_INVALID_ACTION = "agent invalid action"
    TASK_LIMIT_REACHED = "task limit reached"
    TASK_ERROR = "task error"


FROM_OUTSIDE = frozenset({Status.AGENT_CONTEXT_LIMIT, Status.TASK_ERROR})
"""The ends that come from the agent's model or the harness, not from an action."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        role: ``user`` is the harness, ``agent`` the agent.
        content: The text as it was written; an agent's before it is cleaned.
    """

    role: Literal["user", "agent"]
    content: str


def read_functions(path: Path) -> list[dict[str, Any]]:
    """Reads the official function list (``funcs_v1.json``).

    Raises:
        UsageError: The file cannot be opened.
        ContentError: It is no list of functions with names; the text names file and entry.
    """
    listed = read_json(path)
    if not isinstance(listed, list) or not listed:
        raise ContentError(f"{path}: a function list is a JSON list of objects, each with a name; this is none")
    for number, entry in enumerate(listed, 1):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ContentError(f"{path}, function {number}: an object with a name is wanted")
    return listed


def opening(task: OfficialTask, functions: Sequence[Mapping[str, Any]], base_url: str = DEFAULT_BASE_URL) -> str:
    """Returns the message that opens an episode.

    The wording is this project's own. It holds the same as the official one: role, the three formats, the api base
    (with a slash at its end), the functions as JSON, context and question.

    Args:
        task: The task.
        functions: The function list, from `read_functions`.
        base_url: The FHIR base, without a slash at its end.
    """
    return _OPENING.format(
        api_base=f"{base_url}/", functions=json.dumps(functions), context=task.context, question=task.instruction
    )


def read_opening(text: str) -> tuple[str, str, str]:
    """Reads an opening message, for agents that cannot do so themselves.

    Args:
        text: The message, from `opening`.

    Returns:
        The FHIR base without a slash at its end, the context, and the question.

    Raises:
        UsageError: It is not an opening message of this protocol.
    """
    found = _SAID.search(text)
    if found is None:
        raise UsageError("this is no opening message of the official protocol")
    return found[1].removesuffix("/"), found[2], found[3]


def body_of_reply(text: str) -> str:
    """Returns the body in a reply to a GET; empty where the reply holds none."""
    before, _, after = _GOT.partition("{body}")
    return text[len(before) : -len(after)] if text.startswith(before) and text.endswith(after) else ""


class Conversation:
    """One official episode over a FHIR session. Any text is a turn; nothing an agent writes raises.

    Args:
        session: The record system, at the snapshot. Only GETs reach it.
        opening: The message that the agent is shown first.
        base_url: The record system's address, without a slash at its end.
        max_turns: The number of turns that the agent has.

    Attributes:
        base_url: As given.
        messages: All messages, the agent's turns as it wrote them.
        status: The end of the episode; None while it goes on.
        result: The answer's text, as the agent wrote it; None without a FINISH.
        response: The record system's response to the latest turn; None where nothing was sent.
    """

    __slots__ = ("_max_turns", "_session", "_turns", "base_url", "messages", "response", "result", "status")

    def __init__(
        self,
        session: RecordSession,
        opening: str = "",
        base_url: str = DEFAULT_BASE_URL,
        max_turns: int = MAX_TURNS,
    ) -> None:
        self._session = session
        self._max_turns = max_turns
        self._turns = 0
        self.base_url = base_url
        self.messages = [Message("user", opening)]
        self.status: Status | None = None
        self.result: str | None = None
        self.response: Response | None = None

    @property
    def turns(self) -> list[str]:
        """The agent's turns, as it wrote them."""
        return [message.content for message in self.messages if message.role == "agent"]

    def step(self, text: str) -> str | None:
        """Takes an agent's turn.

        Args:
            text: The agent's message.

        Returns:
            The reply; None where the episode has ended with this turn, for the reason in `status`.

        Raises:
            UsageError: The episode is over.
        """
        if self.status is not None:
            raise UsageError(f"the episode is over ({self.status}); begin a new Conversation")
        self._turns += 1
        self.response = None
        self.messages.append(Message("agent", text))
        action = clean(text)
        if action.startswith("GET"):
            reply = self._get(action[3:].strip())
        elif action.startswith("POST"):
            reply = _post(action)
        elif action.startswith("FINISH("):
            self.result = action[len("FINISH(") : -1]  # whatever the last character is
            self.stop(Status.COMPLETED)
            return None
        else:
            self.stop(Status.AGENT_INVALID_ACTION)
            return None
        self.messages.append(Message("user", reply))
        # The eighth turn is still answered (a grader looks at the message after a POST), then there is no ninth.
        if self._turns >= self._max_turns:
            self.stop(Status.TASK_LIMIT_REACHED)
            return None
        return reply

    def stop(self, status: Status) -> None:
        """Ends the episode; a driver does so where the agent's context is full, or where the driver fails."""
        self.status = status

    def _get(self, url: str) -> str:
        try:
            self.response = fetch(self._session, self.base_url, f"{url}&_format=json")
        except ClientError as error:
            self.response = error.response
            return _GET_FAILED.format(error=error)
        return _GOT.format(body=self.response.body)


def clean(text: str) -> str:
    """Returns an agent's turn as the harness reads it: without the code fences that models like to write."""
    return text.strip().replace("```tool_code", "").replace("```", "").strip()


def _post(action: str) -> str:
    try:
        json.loads(action.partition("\n")[2])
    except (ValueError, RecursionError):
        return _POST_INVALID
    return _POSTED
