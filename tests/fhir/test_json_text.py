import copy
import pickle

import pytest

from mab_gym.fhir.model._json_text import DecimalNumber, JsonSyntaxError, compact, pretty, read_json


def refusal(text: str) -> str:
    with pytest.raises(JsonSyntaxError) as caught:
        read_json(text)
    return str(caught.value).removeprefix("HAPI-1861: Failed to parse JSON encoded FHIR content: ")


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("4.0", "4.0"),
        ("4.00", "4.00"),
        ("1e-7", "0.0000001"),
        ("1E5", "100000"),
        ("1.50E1", "15.0"),
        ("-0.0", "0.0"),
        ("-2.5", "-2.5"),
        (".5", "0.5"),
    ],
)
def test_a_decimal_keeps_its_digits_and_loses_its_exponent(literal: str, text: str) -> None:
    number = DecimalNumber(literal)

    assert number.text == text
    assert number == float(literal)
    assert copy.deepcopy(number).text == text
    assert pickle.loads(pickle.dumps(number)).text == text


@pytest.mark.parametrize("literal", ["", "abc", "nan", "1_0", " 1", "1e999999999"])
def test_what_is_no_decimal(literal: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        DecimalNumber(literal)


def test_pretty_writes_lists_of_objects_as_hapi_does() -> None:
    value = {"coding": [{"code": "a"}, {"code": "b"}], "given": ["x", "y"], "value": DecimalNumber("4.00"), "on": True}

    assert pretty(value) == (
        "{\n"
        '  "coding": [ {\n'
        '    "code": "a"\n'
        "  }, {\n"
        '    "code": "b"\n'
        "  } ],\n"
        '  "given": [ "x", "y" ],\n'
        '  "value": 4.00,\n'
        '  "on": true\n'
        "}"
    )


def test_pretty_of_an_element_inside_a_resource() -> None:
    assert pretty([{"code": "a"}], 1) == '[ {\n    "code": "a"\n  } ]'


def test_compact_has_no_white_space() -> None:
    assert compact({"a": [1, {"b": None}], "c": "x y"}) == '{"a":[1,{"b":null}],"c":"x y"}'


def test_only_what_must_be_escaped_is() -> None:
    assert compact('é<>&/\u007f "\\\n\u001f') == '"é<>&/\u007f \\"\\\\\\n\\u001F"'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'it\\'s'}", {"a": "it's"}),
        ('{"a": "it\\\'s"}', {"a": "it's"}),
        ('{"a": +5, "b": +2.50}', {"a": 5, "b": 2.5}),
        ('{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
        ('\n\u2003 {"a": "\\ud83d\\ude00"} \n', {"a": "😀"}),
        ("{'a': '\\ud83d\\ude00'}", {"a": "😀"}),
        ('{"a": "\\ud83d"}', {"a": "?"}),
    ],
)
def test_leniencies(text: str, value: object) -> None:
    assert read_json(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "HAPI-1857: Did not find any content to parse"),
        ("[]", "first non-whitespace character was: '[' (must be '{')"),
        ("// c\n{}", "first non-whitespace character was: '/' (must be '{')"),
        ('\ufeff{"a": 1}', "first non-whitespace character was: '\ufeff' (must be '{')"),
        (
            '{"a": 1',
            "Unexpected end-of-input: expected close marker for Object (start marker at [line: 1, column: 1])\n"
            " at [line: 1, column: 8]",
        ),
        (
            '{"a": 1}}',
            "Unexpected close marker '}': expected ']' (for root starting at [line: 1])\n at [line: 1, column: 9]",
        ),
        (
            '{"a": 1,}',
            "Unexpected character ('}' (code 125)): was expecting double-quote to start field name\n"
            " at [line: 1, column: 9]",
        ),
        ('{"a": 1} trailing', "Unrecognized token 'trailing': was expecting (JSON String, Number"),
        ('{"a": 1} {}', "Trailing token (of type START_OBJECT) found after value"),
        ('{"a":\n x}', " at [line: 2, column: 3]"),
        ('{"a": NaN}', "Non-standard token 'NaN'"),
        ('{"a": 01}', "Invalid numeric value: Leading zeroes not allowed"),
        ('{"a": 1.}', "Decimal point not followed by a digit"),
        ('{"a": .5}', "Unexpected character ('.' (code 46)): expected a valid value"),
        ('{"a": "x\ny"}', "Illegal unquoted character ((CTRL-CHAR, code 10))"),
        ('{"a": "\\x"}', "Unrecognized character escape 'x' (code 120)"),
        ('{"a": 1 /* c */}', "maybe a (non-standard) comment?"),
        ('{"a": ' + "1" * 1001 + "}", "Number value length (1001) exceeds the maximum allowed (1000"),
    ],
)
def test_refusals_in_the_words_of_hapi(text: str, message: str) -> None:
    assert message in refusal(text)


@pytest.mark.parametrize("text", ['{"a":' * 100_000, '{"a":' + "[" * 100_000, '{"a":' + "[" * 1000 + "]" * 1000 + "}"])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "Document nesting depth (1001) exceeds the maximum allowed (1000" in refusal(text)


def test_a_large_body_is_read_in_reasonable_time() -> None:
    text = '{"a": [' + ",".join(['{"b": "0123456789"}'] * 100_000) + "]}"

    assert len(read_json(text)["a"]) == 100_000
    assert len(read_json(text.replace('"', "'"))["a"]) == 100_000
