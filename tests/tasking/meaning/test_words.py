"""Words by value: how much, how long, and what takes an order back."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning._said import FreeText
from mab_gym.tasking.meaning._words import COUNTS, LONGEST, Words, read_words, says_nothing, without_markup
from tests.tasking.meaning.tabled import rows, shown


def told(words: Words) -> list[str]:
    """All that was read of a text, one thing a line."""
    lines = []
    for kind, found in words._asdict().items():
        for each in found:
            match each:
                case str():
                    lines.append(f"{kind}: {each}")
                case (str() as said, after):
                    lines.append(f"{kind}: {said} |{after}|")
                case (value, said):
                    lines.append(f"{kind}: {shown(value)} <- {said}")
    return lines


@pytest.mark.parametrize(("text", "meaning"), rows("words"))
def test_what_is_read_of_a_text(text: str, meaning: list[str]) -> None:
    assert told(read_words(text)) == meaning


RETRACTING = """
do not give|don't give|do not|don’t take|does not|doesn't|did not|should not|shouldn't|must not|shall not|can not|
cannot|don't crush, don't give|will not|may not|is not|are not|was not|isn't|DO NOT GIVE|never|never again|
no longer|no longer needed|not to be given|not give|not carried|not done|not performed|not administered|not needed|
not required|not necessary|not indicated|not valid|not authorised|not authorized|not approved|not intended|not for|
not about|not active|not actionable|not real|not now|not yet|not today|not wanted|not ordered|not taken|
not transfused|not collected|not drawn|not referred|not this|not so|not true|not correct|not right|
no administration|no need|no order|no dose|no action|no referral|no transfusion|no test|no draw|no blood draw|
no further|no more|no treatment|disregard|disregarded|ignore|ignored|cancel|cancelled|canceled|void|voided|nullify|
nullified|retract|rescind|rescinded|revoke|revoked|annul|annulled|invalid|invalidated|withdraw|withdrawn|wrong|
wrong patient|error|errors|mistake|mistaken|mistakenly|erroneous|erroneously|entered in error|entered-in-error|oops|
apologies|test order|test only|test entry|test patient|for test|for testing|only a test|this is a test|just a test|
for demonstration|for training|for practice|dummy|draft|rejected|refused|refuses|decline|declined|contraindicated|
duplicate of|superseded|abort|aborted|abandoned|already given|already done|already performed|already administered|
already taken|already ordered|already seen|already drawn|without giving|avoid|omit|omitted|skip|obsolete|expired|
terminated|delete|deleted|deletes|scrap|scrapped|scratch|strike|stricken|undo|undone|override|overridden|forget|
replaced by|changed to|instead|rather than|someone else|somebody else|nevermind|never mind|nothing to do|
another patient|an other patient|different patient|another person|different side|other patient|other person|
paper chart|double dose|double the dose|half the dose|half dose|halve the dose|twice the amount|triple the rate|
treble this dose|quarter of the usual dose|third of the ordered amount|two times the stated dose|
three times that order|four times the dose|five times the dose|ten times the dose|hundred times the dose|
10 times the dose|50% of the dose|50 % of the dose|urine only|urine sample only|stool specimen only|
saliva test only|sputum only|csf only|capillary only|arterial only
"""
DEPENDING = """
prn|PRN|p.r.n.|as needed|when needed|if required|as necessary|where needed|whenever necessary|when asked|
if requested|whenever indicated|only if|only when|only after|only before|only with|only once|if and only if|unless|
after lunch only|before meals only|during the night only|with food only|give if K is low|administer when seen|
take once the rash is gone|infuse once he sleeps|start once she sleeps|begin once they agree|
order provided it is low|perform until seen|draw after approval|collect after confirmation|transfuse after review|
proceed after discussion|dose if low|do if low|done if low|given if low|use if low|refer if seen|repeat if low|
pending|subject to|conditional|conditionally|provided that|in case|at the patient's request|at patient’s request|
at nurse's discretion|at the nurses request|is optional|are optional|it's optional|after approval|
after confirmation|after consultation|after discussion|after checking with|to be confirmed|tbc|tbd|TBD|if k|
if potassium|if mg|if magnesium|if inr|if hgb|if hb|if haemoglobin|if hemoglobin|if bp|if sbp|if the|if symptoms|
if pain|if he|if she|if patient|if level|if tolerated|if not|if drowsy
"""
KEEPING = """
please give promptly|do not crush|do not chew|do not split|do not break|do not exceed 80|do not delay|do not mix|
do not refrigerate|do not drive|do not infuse faster|do not give faster|do not take with milk|do not take on Monday|
do not hesitate|don't crush|Don’t chew|dont exceed 80|don't give faster than that|no more than 80 mEq a day|
is not allergic|is not bleeding|is not pregnant|is not actively bleeding|is not known|is not taking any|
is not on warfarin|is not on dialysis|does not have any|was not fasting|never recorded|never measured|never had|
never taken before|never mind the time|no longer active|result withdrawn|results withdrawn|was withdrawn|
been withdrawn|wrong side of|avoid delay|instead of heparin|the patient|the person|the side|for hypokalemia|
discussed with the patient|K 3.1 mEq/L, no bleeding|Thank you.|as ordered|ordered as requested|testing|donot|
cannothing|terror|prnx
"""


def test_times_ahead_in_words() -> None:
    assert COUNTS == {
        "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
        "twelve": 12, "fourteen": 14,
    }  # fmt: skip
    assert all(read_words(f"in {word} days").later == (f"in {word} days",) for word in COUNTS)


def each(phrases: str) -> list[str]:
    """The phrases of a list."""
    return [" ".join(phrase.split()) for phrase in phrases.split("|")]


@pytest.mark.parametrize("text", each(RETRACTING))
def test_what_takes_an_order_back(text: str) -> None:
    assert read_words(text).taken_back
    assert read_words(f"So: {text.upper()}, please.").taken_back


@pytest.mark.parametrize("text", each(DEPENDING))
def test_what_makes_an_order_depend_on_something(text: str) -> None:
    assert read_words(text).taken_back
    assert read_words(f"So: {text.upper()}, please.").taken_back


@pytest.mark.parametrize("text", each(KEEPING))
def test_what_takes_nothing_back(text: str) -> None:
    assert read_words(text).taken_back == (("never mind",) if text.startswith("never mind") else ())


PAUSING = """
hold|held|holding|withhold|withheld|stop|stopped|stopping|discontinue|discontinued|d/c|suspend|suspended|pause|
paused|postpone|postponed|defer|deferred|delay|delayed|delaying|wait|await|awaiting|halt|halted|on hold|cease
"""


@pytest.mark.parametrize("text", each(PAUSING))
def test_what_pauses_an_order(text: str) -> None:
    assert read_words(f"please {text} until noon.").paused == ((f"{text} until noon", " until noon"),)
    assert read_words(f"not {text.removeprefix('on ')}").paused == ()
    assert read_words(f"don't {text.removeprefix('on ')}").paused == ()


LATER = """
next week|next month|next year|next day|next morning|next visit|next admission|tomorrow|yesterday|the day after|
later|tonight|in 2 hours|in a week|in an hour|in one day|in two days|in three weeks|in four months|in several years|
in a few hours|in five days|in six weeks|in seven days|in eight hours|in nine days|in ten days|in twelve hours|
in fourteen days|after discharge|before surgery|from tomorrow|after 5|before next|not before|by one day|
by two weeks|by a month|by 3 days|start on|starting at|start from|start in|until further|until tomorrow|till next|
until notified|until told|until called|until review|2024-01-01|2024-01|in 2024|on 2024|by May 2024|
for the year 2024|of 2024|until 2024|due 1999
"""


@pytest.mark.parametrize("text", each(LATER))
def test_what_puts_an_order_off(text: str) -> None:
    assert read_words(f"So, {text}.").later
    assert read_words(f"So, {text.upper()}.").later[0] == read_words(f"So, {text}.").later[0].upper()
    assert read_words(f"x{text}x").later == ()


AGAIN = """
recheck|re-check|check|repeat|control|inr|level|lab|labs|follow up|follow-up|followup|review|reviewed|reassess|
redraw|monitor|monitoring
"""


@pytest.mark.parametrize("text", each(AGAIN))
def test_a_later_look_puts_nothing_off(text: str) -> None:
    assert read_words(f"{text} of it tomorrow").later == ()
    assert read_words(f"{text}. Give tomorrow").later == ("tomorrow",)
    assert read_words(f"{text} {'x' * 31} tomorrow").later == ("tomorrow",)


FAST = "push|bolus|wide open|rapid|rapidly|as fast as|quickly|undiluted"
GOING_ON = """
continue|resume|restart|reactivate|keep|maintain|carry on|go on|stop all|abort every|suspend any|hold both|
cancel the other|discontinue other|end all|double the dose|increase this dose|reduce dose|change the dose|
halve the dose|half the dose
"""


@pytest.mark.parametrize("text", each(FAST))
def test_what_is_wanted_in_moments(text: str) -> None:
    assert read_words(f"as {text.title()} now").fast == (text.title(),)


@pytest.mark.parametrize("text", each(GOING_ON))
def test_what_lets_something_go_on(text: str) -> None:
    assert read_words(f"so {text.title()} now").goes_on == (text.title(),)


@pytest.mark.parametrize(
    "text", ["continue the other", "resume newer", "keep later", "maintain the remaining", "go on new"]
)
def test_something_else_may_go_on(text: str) -> None:
    assert read_words(text).goes_on == ()


NUMBERS = {
    "half": 0.5, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
}  # fmt: skip


@pytest.mark.parametrize(("word", "number"), NUMBERS.items())
def test_numbers_in_words(word: str, number: float) -> None:
    for written in (word, word.title(), str(number)):
        ((given, _),) = read_words(f"give {written} kg").amounts
        assert given == (number, "[mass]")


ASKING = """
give|draw|substitute|use|order|refer to|switch to|change to|administer|collect|transfuse|take|start|perform|do|send|
add|with
"""


@pytest.mark.parametrize("text", each(ASKING))
def test_what_asks_for_something(text: str) -> None:
    assert f"{text.upper()} the heparin" in read_words(f"please {text.upper()} the heparin, now").asked


def test_white_space_does_not_matter() -> None:
    assert read_words("do\n not\tgive") == read_words("do not give")
    assert read_words("x" * 119 + "\n prn").taken_back == ("prn",)
    assert LONGEST == 2000


def test_a_text_in_which_nothing_is_read_is_empty() -> None:
    assert read_words("Thank you.").empty
    assert read_words("Give thanks.").empty
    assert not any(read_words(text).empty for text in ("5 mg", "IV", "S1234567", "do not", "tomorrow", "go on", "push"))


@pytest.mark.parametrize(
    ("text", "names", "nothing"),
    [("Thank you.", False, True), ("Thank you.", True, False), (" ", False, False), ("", False, False),
     ("5 mg", False, False), ("give thanks", False, True), ("S1234567", False, False)],
)  # fmt: skip
def test_remarks_that_say_nothing(text: str, names: bool, nothing: bool) -> None:
    assert says_nothing(FreeText(text, "note[0].text", names)) is nothing


def test_narratives_are_read_without_markup() -> None:
    assert without_markup("<div><b>do</b> not &amp; never</div>").split() == ["do", "not", "&", "never"]
    assert without_markup("do<br/>not") == "do not"
