"""The words by which endpoints refuse: a chat that is too long, a wrong setting, another form that they want."""

# ruff: noqa: E501  (their words stand as they send them)

from __future__ import annotations

import json

import pytest

from mab_gym.agents._refusals import (
    says_responses_only,
    says_stream_only,
    says_too_long,
    says_wrong_setting,
    words_in,
)

TOO_LONG = """\
This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens. Please reduce the length of the messages.
context_length_exceeded
Your input exceeds the context window of this model. Please adjust your input and try again.
Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens. Please reduce the length of the messages.
This model's maximum context length is 32768 tokens. However, you requested 33000 tokens (32000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.
You passed 40961 input tokens and requested 0 output tokens. However, the model's context length is only 40960 tokens, resulting in a maximum input length of 40960 tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=40961)
The decoder prompt (length 40000) is longer than the maximum model length of 32768. Make sure that `max_model_len` is no smaller than the number of text tokens.
This model's maximum context length is 16384 tokens. However, your request has 18225 input tokens. Please reduce the length of the input messages.
This model's maximum context length is 131072 tokens. However, you requested 102400 output tokens and your prompt contains at least 28673 input tokens, for a total of at least 131073 tokens. Please reduce the length of the input prompt or the number of requested output tokens.
prompt is too long: 213462 tokens > 200000 maximum
input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again
This model's maximum prompt length is 131072 but the request contains 537812 tokens.
too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000. Try using a shorter prompt
too many tokens: size limit exceeded by 1234 tokens. Try using shorter or fewer inputs.
The sum of prompt length (9351.0), query length (0) should not exceed max_num_tokens (8192)
Prompt length (5056) exceeds maximum sequence length (2048)
Encountered an error in forward function: prompt length 9000 is larger than max_seq_len 8192
The sum of prompt length (32769) and max_tokens (10) exceeds max_seq_len (32768)
Range of input length should be [1, 98304]
<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]
Your request exceeded model token limit: 131072
Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)
Prompt exceeds max length
输入长度超过最大长度限制
Prompt 超长，请缩短输入
the request exceeds the available context size, try increasing it
request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it
The number of tokens to keep from the initial prompt is greater than the context length
Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input
The input (61709 tokens) is longer than the model's context length (40960 tokens).
Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter input or enable --allow-auto-truncate.
Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 4500 tokens: 4000 tokens from the input messages and 500 tokens for the completion. Please reduce the number of tokens in the input messages or the completion to fit within the limit.
The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).
Please reduce the length of the messages or completion.
Input is too long for requested model.
Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length
Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 512 `max_new_tokens`
Input validation error: `inputs` must have less than 1024 tokens. Given: 4096
The prompt is too long: 136000, model maximum context length: 131071
prompt too long; exceeded max context length by 4 tokens
input length exceeds the context length
prompt token count of 200000 exceeds the limit of 128000
invalid params, context window exceeds limit (2013)
This endpoint's maximum context length is 131072 tokens. However, you requested about 132463 tokens (131463 of text input, 1000 in the output). Please reduce the length of either one.
Request too large: prompt is too long
The prompt size exceeds the context window size and cannot be processed.
message tokens exceed model's maximum context
max_prompt_tokens exceeded: input is too long
The engine prompt length 32769 exceeds the max_model_len 32768. Please reduce prompt.
Context size has been exceeded.
tokens in request more than max tokens allowed"""
"""What endpoints of many makes say of a chat that is longer than the model's context."""
WRONG_SETTINGS = """\
max_tokens is too large: 9000. This model supports at most 4096 completion tokens, whereas you provided 9000.
'max_tokens' or 'max_completion_tokens' is too large: 40000. This model's maximum context length is 32768 tokens and your request has 100 input tokens (40000 > 32768 - 100).
'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 4096 tokens and your request has 2104 input tokens (2000 > 4096 - 2104).
max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude
Range of max_tokens should be [1, 8192]
max_completion_tokens must be less than or equal to 8192
This model's maximum context length is 4097 tokens. However, you requested 5100 tokens (100 in the messages, 5000 in the completion). Please reduce the length of the messages or completion.
Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.
temperature is not supported
max_tokens must be at least 1, got 0
Invalid max_tokens value, the valid range of max_tokens is [1, 8192]
The model's max_tokens is 8192 but 10000 was requested"""
"""What they say of a setting: the first ones of more tokens for the answer than there can be."""
OTHERS = """\
Request too large for gpt-4o in organization x on tokens per min (TPM): Limit 30000, Requested 40000. The input or output tokens must be reduced
Rate limit reached
Internal server error"""
SETTINGS = ["max_tokens", "temperature"]


@pytest.mark.parametrize("words", TOO_LONG.splitlines())
def test_a_chat_that_is_too_long_is_seen(words: str) -> None:
    assert says_too_long(words)
    assert says_too_long(words_in(json.dumps({"error": {"message": words, "type": "invalid_request_error"}})))
    assert not says_stream_only(words)
    assert not says_responses_only(words)


@pytest.mark.parametrize("words", WRONG_SETTINGS.splitlines())
def test_a_wrong_setting_is_seen_and_is_no_chat_that_is_too_long(words: str) -> None:
    assert not says_too_long(words)
    assert says_wrong_setting(words, SETTINGS)


@pytest.mark.parametrize("words", OTHERS.splitlines())
def test_what_passes_is_neither(words: str) -> None:
    assert not says_too_long(words)
    assert not says_wrong_setting(words, SETTINGS)


@pytest.mark.parametrize(
    ("words", "stream", "responses"),
    [
        ("This model only supports streaming responses.", True, False),
        ("stream must be set to true for this model", True, False),
        ("Only stream=true is supported", True, False),
        ("This model is only supported in v1/responses and not in v1/chat/completions.", False, True),
        ("Please use the Responses API for this model.", False, True),
        ("The messages are wrong.", False, False),
    ],
)
def test_another_form_of_requests_is_seen(words: str, stream: bool, responses: bool) -> None:
    assert (says_stream_only(words), says_responses_only(words)) == (stream, responses)


def test_words_are_read_without_escapes_and_not_without_end() -> None:
    assert "输入" in words_in(json.dumps({"message": "输入长度超过最大长度限制"}))
    assert len(words_in("x" * 100_000)) == len(words_in(json.dumps("x" * 100_000))) == 20_000
