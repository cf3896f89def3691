"""Hostile texts are read in a time that grows as their length does."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mab_gym.agents import read_message
from mab_gym.agents._refusals import says_responses_only, says_stream_only, says_too_long, says_wrong_setting
from tests.replies import BASE

GET, POST = f"GET {BASE}/x", f"POST {BASE}/x"
TEXTS: dict[str, Callable[[int], str]] = {
    "answers": lambda n: "FINISH(\n" * n,
    "answers in sentences": lambda n: "so FINISH([ " * n,
    "searches": lambda n: f"{GET}\n" * n,
    "searches in sentences": lambda n: f"a {GET} " * n,
    "orders": lambda n: f"{POST}\n" * n,
    "orders without a body": lambda n: f"{POST}\n" + "word: \n" * n,
    "an order with marks behind it": lambda n: POST + "`" * n + "x",
    "marks behind an address": lambda n: GET + "` *>" * n + "x",
    "versions": lambda n: GET + " HTTP/1.1" * n + "x",
    "tokens": lambda n: GET + "<" * n,
    "deep JSON": lambda n: f"{POST}\n" + "[" * n,
    "a deep answer": lambda n: "FINISH(" + "[" * n,
    "digits": lambda n: "FINISH([" + "1" * n,
    "braces": lambda n: "{" * n,
    "options": lambda n: f"curl -X {POST}" + " -d '" * n,
    "dashes": lambda n: "-" * n,
    "spaces": lambda n: " " * n,
    "lines": lambda n: "\n" * n,
    "backticks": lambda n: "`*" * n,
    "fences": lambda n: "```\n" * n,
    "labels": lambda n: "answer " * n,
    "steps": lambda n: "step 1" * n,
    "numbers": lambda n: "1. " * n,
    "angles": lambda n: "<" * n,
    "tags": lambda n: "</a>" * n,
    "opening tags": lambda n: "<think>" * n,
    "opening tags with more": lambda n: "<think " * n,
    "closing tags": lambda n: "a </think> " * n,
    "closing tags in quotes": lambda n: '"</think>' * n,
    "backslashes": lambda n: '\\"' * n + "</think>",
    "channels": lambda n: "<|channel|>a<|message|>" * n,
    "channels that call": lambda n: "<|channel|>a" + "to=functions.a" * n + "<|message|>",
    "roles that call": lambda n: "to=functions.get" * n + "<|message|>",
    "channels without tokens": lambda n: "analysis" + "assistant " * n,
    "headings": lambda n: "Here is my thought process:" * n,
    "calls": lambda n: "<tool_call>{" * n,
    "calls with names": lambda n: '{"name": ' * n,
    "named calls": lambda n: "get<|a|>{" * n,
    "calls far from their JSON": lambda n: "get" + " " * n,
    "calls that call": lambda n: "get " * n,
    "arguments": lambda n: "<function=get>" + "<parameter=url>" * n,
    "keys": lambda n: "<tool_call>get" + "<arg_key>url</arg_key><arg_value>" * n,
}
REFUSALS: dict[str, Callable[[int], str]] = {
    "words": lambda n: "prompt a reduce the max_tokens input tokens context sum of prompt length stream only " * n,
    "digits": lambda n: "1" * 10 * n,
    "digits and commas": lambda n: "1," * 5 * n,
    "braces": lambda n: "{" * 10 * n,
    "spaces": lambda n: " " * 10 * n,
    "numbers of tokens": lambda n: "max_tokens: 1 " * n,
}
READERS: dict[str, Callable[[str], object]] = {
    "says_too_long": says_too_long,
    "says_stream_only": says_stream_only,
    "says_responses_only": says_responses_only,
    "says_wrong_setting": lambda text: says_wrong_setting(text, ["temperature"]),
}


def grows_as_the_text(read: Callable[[str], object], text: Callable[[int], str], short: int) -> bool:
    """Tells if ten times the text takes at most thirty times the processor's time, or next to none."""

    def least(count: int, tries: int) -> float:
        times = []
        for _ in range(tries):
            begun = time.process_time()
            read(text(count))
            times.append(time.process_time() - begun)
        return min(times)

    return least(10 * short, 3) <= 30 * max(least(short, 9), 2e-4)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", TEXTS)
def test_what_models_write_is_read_in_a_time_that_grows_as_the_text(name: str) -> None:
    assert grows_as_the_text(read_message, TEXTS[name], 2_000)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("reader", READERS)
def test_what_endpoints_refuse_is_read_in_a_time_that_grows_as_the_text(reader: str, name: str) -> None:
    assert grows_as_the_text(READERS[reader], REFUSALS[name], 200)
