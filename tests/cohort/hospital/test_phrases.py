"""The grammar of notes: choices, words that are filled in, rules that name rules; what is wrong is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from numpy.random import RandomState

from mab_gym.cohort.hospital.notes import _phrases
from mab_gym.cohort.hospital.notes._phrases import Draw, phrases, texts
from mab_gym.errors import ContentError


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of rules of our own; ``common`` has one."""
    (tmp_path / "common.toml").write_text('kin = "[a friend|a cousin]"\n', encoding="utf-8")
    monkeypatch.setattr(_phrases, "FOLDER", tmp_path)
    forget()
    yield tmp_path / "mine.toml"
    forget()


def forget() -> None:
    phrases.cache_clear()
    _phrases._texts.cache_clear()


def ways(path: Path, rule: str, text: str, **words: str) -> set[str]:
    path.write_text(text, encoding="utf-8")
    forget()
    draw = Draw(RandomState(1))
    return {phrases("mine").write(rule, words, draw) for _ in range(300)}


def test_each_way_of_a_choice_is_written(written: Path) -> None:
    text = 'rule = "he [walks|sits][ again|] with {whom}[, [two|three] times|]"\n'
    assert ways(written, "rule", text, whom="her") == {
        f"he {verb}{again} with her{times}"
        for verb in ("walks", "sits")
        for again in (" again", "")
        for times in ("", ", two times", ", three times")
    }


def test_a_rule_names_another_of_its_file_or_of_the_common_one(written: Path) -> None:
    text = 'rule = ["with <kin>", "<part.here>"]\n[part]\nhere = "alone"\n'
    assert ways(written, "rule", text) == {"with a friend", "with a cousin", "alone"}


def test_a_table_gives_its_name_to_its_rules(written: Path) -> None:
    assert ways(written, "fever.came", '[fever]\ncame = ["hot", "cold"]\n') == {"hot", "cold"}
    assert texts("mine", "fever.came") == ("hot", "cold")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('rule = "a [b|c"', "open bracket"),
        ('rule = "a {b"', "open bracket"),
        ('rule = "a b]"', "bracket too many"),
        ('rule = "<none>"', "there is not"),
        ('rule = "<other>"\nother = "<rule>"', "names itself"),
    ],
)
def test_a_rule_that_is_wrong_is_told(written: Path, text: str, complaint: str) -> None:
    with pytest.raises(ContentError, match=complaint):
        ways(written, "rule", text + "\n")


def test_draws_come_from_the_stream_and_are_even() -> None:
    first, second = Draw(RandomState(7)), Draw(RandomState(7))
    assert [first.number() for _ in range(20)] == [second.number() for _ in range(20)]
    draw = Draw(RandomState(3))
    assert 2_800 < sum(draw.chance(0.3) for _ in range(10_000)) < 3_200
    assert {draw.between(2, 4) for _ in range(100)} == {2, 3, 4}
    assert sorted(draw.some("abc", 5)) == ["a", "b", "c"]
