"""Messages that are not requests to the record system: answers, other addresses, chatter."""

from __future__ import annotations

import json
import random

from _grammar_actions import FINISH, GET, POST, WORDS, Action

ADDRESSES = (
    "http://example.org/fhir/Patient", "https://localhost:8080/fhir/Patient", "http://127.0.0.1:8080/fhir/Patient",
    "http://localhost:8080.example.org/fhir/Patient", "http://localhost:8080@example.org/fhir", "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data", "http://[::1]:8080/fhir/Patient", "ftp://localhost/fhir",
    "http://localhost:8080/fhirx/Patient", "http://localhost:8080/fhir/../metadata",
    "http://localhost:8080/fhir/%2e%2e/%2e%2e/etc", "http://localhost:8080/fhir/..%252f..", "gopher://localhost:70",
    "http://localhost:8080/fhir\\..\\..", "HTTP://LOCALHOST:8080/fhir/Patient", "http://localhost:8080/fhir#/../x",
    "http://user:secret@localhost:8080/fhir/Patient", "http://localhost:8080//fhir/Patient", "unix:///var/run/x.sock",
    "http://localhost:8080/fhir/Patient?_x=http://example.org", "jdbc://localhost", "http://0x7f000001:8080/fhir",
)  # fmt: skip
ANSWERS: tuple[object, ...] = (
    [], [-1], [1.9], ["S2016972"], [None], [True], [[1]], [{"a": 1}], {"a": 1}, "x", 5, None, [1e308], ["x" * 100_000],
    [10**400], ["\ud800"], [[[[[[]]]]]], list(range(1000)),
)  # fmt: skip
RAW_ANSWERS = (
    "",
    "[",
    "[NaN]",
    "[Infinity]",
    "[1e999]",
    "[" * 100_000,
    "[1,]",
    "'x'",
    "[1])(",
    "\n[1]\n",
    "[1] x",
    "0x1",
)
CHATTER = (
    "", " ", "\n", "hello", "get Patient", "GET", "POST", "GET ", "POST \n{}", "FINISH", "FINISH(", "FINISH[1]",
    "finish([1])", "DELETE Patient/1", "PUT Patient/1\n{}", "GET http://a\nGET http://b", "```\nGET x\n```", "``````",
    "```json\n{}\n```", "\x00", "\ud800", "GET\u00a0x", "GET\tx", "Thought: I should\nGET x",
    "GET " + "x" * 70_000, "POST x\n" + "y" * 1_100_000,
    "<tool_call>{}</tool_call>", "😀" * 1000, "GET \ud800", "GET x\u2028y", "POST\n\n\n", "FINISH)(", "F" * 100_000,
)  # fmt: skip


def finish(rng: random.Random) -> Action:
    """Makes an answer, valid or not."""
    if rng.random() < 0.3:
        return Action("finish", FINISH, body=rng.choice(RAW_ANSWERS))
    if rng.random() < 0.3:
        return Action("finish", FINISH, body=json.dumps([round(rng.uniform(0, 12), 1)]))
    return Action("finish", FINISH, body=json.dumps(rng.choice(ANSWERS)))


def chatter(rng: random.Random) -> Action:
    """Makes a text that is not an action, or almost one."""
    return Action("words", WORDS, body=rng.choice(CHATTER))


def elsewhere(rng: random.Random) -> Action:
    """Makes a request that tries to leave the record system."""
    verb = rng.choice((GET, GET, POST))
    return Action("elsewhere", verb, rng.choice(ADDRESSES), body={"resourceType": "Patient"} if verb == POST else None)
