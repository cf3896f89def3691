"""The words by which endpoints refuse a request: a chat that is too long, a wrong setting, another form that they want.

There is no standard for them. The patterns cover OpenAI, Azure, Anthropic, Gemini, Bedrock, Mistral, Groq, Together,
Fireworks, DeepSeek, OpenRouter, xAI, Cohere, Qwen, Kimi, GLM, MiniMax, vLLM, SGLang, llama.cpp, LM Studio, Ollama,
TensorRT-LLM and TGI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress

_TOO_LONG = re.compile(
    r"context_length_exceeded|context_window_exceeded|prompt_too_long|input_too_long"
    r"|(?:maximum|max|available|total|model'?s?)[ _]context[ _](?:length|size|window|limit)"
    r"|context[ _]window|context (?:length|size|limit) (?:is|of|exceeded|has been)|(?:exceed\w*|over) (?:the )?context"
    r"|context the overflows|(?:longer|greater|larger|more) than (?:the )?(?:model'?s? )?(?:maximum )?context"
    r"|(?:prompt|input|messages?|conversation|chat|request)s?(?: \w+){0,2} too (?:long|large|many tokens)"
    r"|too large for model|too many (?:input |prompt )?tokens"
    r"|(?:prompt|input|sequence|message)s?[ _](?:token )?(?:length|count|tokens)[^.]{0,80}"
    r"(?:exceed|longer than|greater than|larger than|limit is)|sum of prompt length.{0,80}exceed"
    r"|(?:prompt|decoder prompt) [^.]{0,60}longer than|(?:prompt|inputs?|messages) exceeds?\b"
    r"|range of input length"
    r"|(?:number of tokens|tokens) in (?:the )?(?:prompt|request|input|messages)[^.]{0,60}(?:exceed|cannot|more than)"
    r"|maximum (?:prompt|input|sequence) (?:length|tokens)|(?:larger|longer|greater) than (?:the )?max(?:imum)?[ _]"
    r"|exceed\w* (?:the )?(?:model(?:'s)? )?(?:token|input|prompt) limit|exceed\w* model token limit"
    r"|reduce (?:the )?(?:length|size|number of tokens) (?:of|in) (?:the |your )?(?:input|prompt|message|request|chat)"
    r"|reduce (?:the |your )(?:prompt|input|messages)"
    r"|`inputs` (?:tokens|must have less)"
    r"|(?:输入|提示|上下文|prompt).{0,20}(?:超|过长)|超.{0,12}(?:上下文|最大.{0,4}长度)",
    re.IGNORECASE,
)
_NOT_TOO_LONG = re.compile(r"per (?:min|day|hour|sec)|\b[TR]P[MD]\b|rate.?limit|quota", re.IGNORECASE)
_OUTPUT = r"max_(?:completion_|output_)?tokens"
_TOO_MUCH_WANTED = re.compile(
    rf"{_OUTPUT}[\"'`]?(?: or [\"'`]?{_OUTPUT}[\"'`]?)?:?(?: \w+)? (?:is|are) too (?:large|big|high)"
    rf"|(?<!and ){_OUTPUT}[\"'`]?[^.+]{{0,40}}"
    rf"\b(?:must be|should be|exceeds|cannot exceed|larger than|greater than the max)"
    rf"|{_OUTPUT}[\"'`]?: \d+ >|range of {_OUTPUT}|supports at most \d[\d,]{{0,15}} (?:completion|output) tokens",
    re.IGNORECASE,
)
"""More tokens are wanted for the answer than the model can write: a wrong setting, and no chat that is too long."""
_WINDOW = re.compile(r"(?:context (?:length|size|window|limit)\D{0,20}|window of )(\d[\d,]{0,15})", re.IGNORECASE)
_WANTED = re.compile(
    r"(?<![\d,])(\d[\d,]{0,15}) (?:tokens )?(?:output tokens|(?:in|for) the (?:completion|output))", re.IGNORECASE
)
_WRONG_SETTING = re.compile(
    r"(?:unsupported|unknown|unrecognized|unexpected|invalid|extra)[ _](?:request )?"
    r"(?:parameter|argument|field|key|value|keyword|input|property)s?"
    r"|(?:is|are) not (?:supported|permitted|allowed)|does not support|not supported (?:with|by|for)"
    r"|unsupported_(?:parameter|value)|tool choice requires",
    re.IGNORECASE,
)
_STREAM_ONLY = re.compile(
    r"\bstream\w*\b[^.]{0,60}\b(?:only|must|required?|true|enable)|(?:only|must|requires?|set)\b[^.]{0,60}\bstream",
    re.IGNORECASE,
)
_RESPONSES_ONLY = re.compile(r"/responses\b|responses (?:api|endpoint)", re.IGNORECASE)


def says_too_long(text: str) -> bool:
    """Tells if an endpoint refuses a chat because it is longer than the model's context."""
    return bool(_TOO_LONG.search(text)) and not _NOT_TOO_LONG.search(text) and not says_wants_too_much(text)


def says_wants_too_much(text: str) -> bool:
    """Tells if an endpoint refuses the number of tokens that an answer may have: they alone fill the context."""
    if _TOO_MUCH_WANTED.search(text):
        return True
    window, wanted = _WINDOW.search(text), _WANTED.search(text)
    return window is not None and wanted is not None and _number(wanted[1]) >= _number(window[1])


def says_wrong_setting(text: str, settings: Iterable[str]) -> bool:
    """Tells if an endpoint refuses a field of the request that the user has set.

    Args:
        text: The endpoint's words.
        settings: The names of these fields.
    """
    if says_wants_too_much(text):
        return True
    named = any(re.search(rf"\b{re.escape(name)}\b", text) for name in settings)
    return named or bool(_WRONG_SETTING.search(text))


def says_stream_only(text: str) -> bool:
    """Tells if an endpoint refuses a request because it only streams."""
    return bool(_STREAM_ONLY.search(text))


def says_responses_only(text: str) -> bool:
    """Tells if an endpoint refuses chat completions and names the Responses API instead."""
    return bool(_RESPONSES_ONLY.search(text))


def words_in(body: str) -> str:
    """Returns the beginning of an error's body, in which no character is written as an escape."""
    with suppress(ValueError, RecursionError):
        body = json.dumps(json.loads(body), ensure_ascii=False)
    return body[:20_000]


def _number(text: str) -> int:
    return int(text.replace(",", ""))
