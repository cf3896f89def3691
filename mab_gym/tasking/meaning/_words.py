"""A small grammar of free text: amounts, routes, frequencies, and phrases that take an order back.

Phrases that it does not know are ignored; the verdict then says that the text was not read.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from mab_gym.tasking.meaning._said import FreeText
from mab_gym.tasking.meaning.often import Often, often_in
from mab_gym.tasking.meaning.routes import routes_in
from mab_gym.tasking.meaning.units import Amount, read_unit

LONGEST: Final = 2_000
"""Characters of a text that are read; a longer text counts as not understood."""

_SHORT: Final = 120
_DIGITS: Final = r"\d+,\d{1,2}(?!\d)|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_SPELLED: Final = {
    "half": 0.5, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
}  # fmt: skip
_NUMBER: Final = rf"(?:{_DIGITS}|\b(?:{'|'.join(_SPELLED)})\b)"
_UNIT: Final = r"(?:[A-Za-zµμ]{1,20}\.?|%)(?:\s?/\s?[A-Za-z]{1,10}|\s+per\s+[A-Za-z]{1,10})?"
_AMOUNT: Final = re.compile(
    rf"(?<![\w.])({_NUMBER})(?:\s*(?:-|–|to)\s*({_NUMBER}))?\s*-?\s*({_UNIT})(?![\w])", re.IGNORECASE
)
_BEFORE: Final = re.compile(
    r"(?:from|previous(?:ly)?|prior|old|was|were|current(?:ly)?|present(?:ly)?|instead of|home dose|taking|has been on|"
    r"had|weigh(?:t|s|ing)|level|result|value)\b[^.;\d]{0,25}$",
    re.IGNORECASE,
)
"""Words before an amount that does not belong to the order."""
_LIMIT: Final = re.compile(r"(?:exceed|max(?:imum)?|limit|more than|up to|at most)\b[^.;]{0,20}$", re.IGNORECASE)
_PIECES: Final = r"(?:tablets?|tabs?|capsules?|caps?|packets?|vials?|ampo?ules?|bags?|pills?|premix|syringes?)"
_PRODUCT: Final = re.compile(
    rf"^\s*(?:of\s+)?(?:\w+\s+){{0,3}}?{_PIECES}\b"
    r"|^\s*(?:/|per\b|(?:extended|oral|er\b|sr\b))",
    re.IGNORECASE,
)
"""Words after an amount that is the strength of a product."""
_PIECES_OF: Final = re.compile(rf"(?:({_NUMBER})\s+)?\b{_PIECES} (?:of|at|with)\s*(?:about\s+)?$", re.IGNORECASE)
"""Words before an amount that each of several pieces holds, with the number of pieces."""
_OVER: Final = re.compile(
    r"(?:over|during|infuse(?:d)? (?:over|for|in)|runs? (?:over|for)|for)\s*(?:about|the)?\s*$", re.IGNORECASE
)


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


_MAY_NOT: Final = (
    "crush", "chew", "split", "break", "exceed", "delay", "mix", "refrigerate", "drive", "infuse faster", "give faster",
    "take with", "take on", "hesitate", "allergic", "bleeding", "pregnant", "actively", "known", "taking",
    "on warfarin", "on dialysis", "have", "fasting",
)  # fmt: skip
"""Words that may follow "not" without taking the order back."""
_RETRACTED: Final = _any_of(
    rf"(?:do|does|did|should|must|shall|can|will|may|is|are|was)(?:\s+not|n[’']?t)(?!\s+(?:{'|'.join(_MAY_NOT)}))(?:\s+\w+)?",
    rf"don[’']?t(?!\s+(?:{'|'.join(_MAY_NOT)}))",
    r"cannot|never(?! (?:recorded|measured|had|taken before|mind))|no longer(?! active)",
    r"not (?:to be )?(?:give(?! faster)|given|carried|done|perform\w*|administer\w*|needed|required|necessary|"
    r"indicated|valid|authori[sz]ed|approved|intended|for|about|active|actionable|real|now|yet|today|wanted|order\w*|"
    r"taken|transfus\w*|collect\w*|draw\w*|refer\w*|this|so|true|correct|right)",
    r"no (?:administ\w*|need|order|dose|action|referral|transfusion|test|draw|blood draw|further|treatment|"
    r"more(?! than))",
    r"disregard\w*|ignor\w*|cancel\w*|void(?:ed)?|nullif\w+|retract\w*|rescind\w*|revok\w*|annul\w*|invalid\w*",
    r"(?<!result )(?<!results )(?<!was )(?<!been )withdraw\w*",
    r"wrong(?! side of)|error|errors|mistake|mistaken\w*|erroneous\w*|entered[- ]in[- ]error|oops|apolog\w+",
    r"test (?:order|only|entry|patient)",
    r"(?:for|only a|this is a|just a) (?:test(?:ing)?|demonstration|training|practice)",
    r"dummy|draft|rejected|refuse[sd]?|declin\w+|contraindicat\w+|duplicate of|supersed\w*|abort(?:ed)?|abandon\w*",
    r"already (?:given|done|performed|administered|taken|ordered|seen|drawn)|without giving|avoid(?! delay)",
    r"omit\w*|skip",
    r"obsolete|expired|terminat\w+|delete[ds]?|scrap(?:ped)?|scratch|strike|stricken|undo|undone|overrid\w+|forget",
    r"replaced by|changed to|instead(?! of)|rather than|someone else|somebody else|never ?mind|nothing to do",
    r"(?:the|an|another|different) ?(?:other )?(?:patient|person|side)(?<!the patient)(?<!the person)(?<!the side)",
    r"other patient|other person|paper chart|(?:double|half|halve|twice|triple|treble|quarter|third|"
    r"(?:two|three|four|five|ten|hundred|\d+) times|\d+ ?%) (?:of )?(?:the |this |that )?(?:usual |ordered |stated )?"
    r"(?:dose|amount|rate|order)",
    r"(?:urine|stool|saliva|sputum|csf|capillary|arterial)(?: sample| specimen| test)? only",
)
_PAUSED: Final = re.compile(
    r"(?<!not )(?<!n't )\b(?:hold|held|holding|withhold|withheld|stop|stopped|stopping|discontinue\w*|d/c|"
    r"suspend\w*|pause\w*|postpone\w*|defer\w*|delay(?:ed|ing)?|wait\b|await\w*|halt\w*|on hold|cease)\b"
    r"(?P<after>[^.;]{0,40})",
    re.IGNORECASE,
)
_CONDITIONAL: Final = _any_of(
    r"prn|p\.r\.n\.|as needed|(?:when|if|as|where|whenever) (?:needed|required|necessary)",
    r"(?:when|if|whenever) (?:asked|requested|indicated)",
    r"only (?:if|when|after|before|with|once)|if and only if|unless|(?:after|before|during|with) [\w ]{1,20} only",
    r"(?:give|administer|take|infuse|start|begin|order|perform|draw|collect|transfuse|proceed|dose|do|done|given|use|"
    r"refer|repeat)\b[^.;]{0,40}\b(?:if|when|once (?:the|he|she|they)|provided|until|"
    r"after (?:approval|confirmation|review|discuss\w*))",
    r"pending|subject to|conditional\w*|provided that|in case",
    r"at (?:the )?(?:patient|nurse)[’']?s? (?:request|discretion)",
    r"(?:is|are|it[’']s) optional|after (?:approval|confirmation|consult\w*|discussion|checking with)|to be confirmed|"
    r"tbc|tbd",
    r"if (?:k|potassium|mg|magnesium|inr|hgb|hb|haemoglobin|hemoglobin|bp|sbp|the|symptom\w*|pain|he|she|patient|level|"
    r"tolerated|not|drowsy)",
)
_GOES_ON: Final = _any_of(
    r"(?:continue|resume|restart|reactivate|keep|maintain|carry on|go on)"
    r"(?! (?:the )?(?:other|newer|later|remaining|new))",
    r"(?:stop|abort|suspend|hold|cancel|discontinue|end) (?:all|every|any|both|the other|other)",
    r"(?:double|increase|reduce|change|halve|half) (?:the |this )?dose",
)
"""Words that contradict a request to stop something."""
_FAST: Final = _any_of("push", "bolus", "wide open", "rapid(?:ly)?", "as fast as", "quickly", "undiluted")
_ASKED: Final = re.compile(
    r"\b(?:give|draw|substitute|use|order|refer to|switch to|change to|administer|collect|transfuse|take|start|perform|"
    r"do|send|add|with)\s+(?:a |an |the |for |some )?[^.;,]{0,30}",
    re.IGNORECASE,
)
_AGAIN: Final = re.compile(
    r"\b(?:re-?check|check|repeat|control|inr|level|labs?|follow[- ]?up|review\w*|reassess\w*|redraw|monitor\w*)\b"
    r"[^.;]{0,30}$",
    re.IGNORECASE,
)
"""Words before a time that belongs to a later check, not to the order."""
COUNTS: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "fourteen": 14,
}  # fmt: skip
"""Words for the number of days or weeks until something."""
_LATER: Final = _any_of(
    r"next (?:week|month|year|day|morning|visit|admission)|tomorrow|yesterday|the day after|later|tonight",
    rf"in (?:\d+|an?|{'|'.join(COUNTS)}|several|a few) (?:hours?|days?|weeks?|months?|years?)",
    r"(?:after|before|from) (?:discharge|surgery|\d|tomorrow|next)|not before",
    r"by (?:one|two|a|\d+) (?:days?|weeks?|months?)",
    r"start(?:ing)? (?:on|at|from|in)|(?:until|till) (?:further|tomorrow|next|notified|told|called|review\w*)",
    r"(?:19|20)\d\d-\d\d(?:-\d\d)?|(?:in|on|by|for|of|until|due) (?:\w+ ){0,2}(?:19|20)\d\d",
)
_TAGS: Final = re.compile(r"<[^>]*>")
_RECORD_NUMBER: Final = re.compile(r"(?<![\w.-])[A-Za-z]{0,2}\d{5,}(?![\w/-]|\.\d)")


class Words(NamedTuple):
    """The known phrases of a text.

    Attributes:
        amounts: Amounts of the order, with their words.
        strengths: Amounts in one piece of a product, with their words.
        limits: Amounts that must not be exceeded, with their words.
        lasts: Times that it takes, with their words.
        routes: The routes.
        often: The schedules, with their words.
        taken_back: Words that take the order back, or make it depend on something.
        paused: Words that pause or stop something, with the words after them.
        later: Words that delay it.
        fast: Words that ask for it to be given quickly.
        goes_on: Words that let something continue.
        asked: Words that seem to ask for something, with its name.
        numbers: Words that may be a patient's record number.
    """

    amounts: tuple[tuple[Amount, str], ...]
    strengths: tuple[tuple[Amount, str], ...]
    limits: tuple[tuple[Amount, str], ...]
    lasts: tuple[tuple[Amount, str], ...]
    routes: tuple[str, ...]
    often: tuple[tuple[Often, str], ...]
    taken_back: tuple[str, ...]
    paused: tuple[tuple[str, str], ...]
    later: tuple[str, ...]
    fast: tuple[str, ...]
    goes_on: tuple[str, ...]
    asked: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """True if nothing was read that can contradict an order."""
        return not any(self[:-2]) and not self.numbers


def read_words(text: str) -> Words:
    """Reads the known phrases of a text."""
    text = " ".join(text.split())
    return _read_short(text) if len(text) <= _SHORT else _read(text)


@lru_cache(maxsize=2048)
def _read_short(text: str) -> Words:
    """Reads a short text and caches the result, since names and short remarks come again and again."""
    return _read(text)


def _read(text: str) -> Words:
    amounts: list[tuple[Amount, str]] = []
    strengths: list[tuple[Amount, str]] = []
    limits: list[tuple[Amount, str]] = []
    lasts: list[tuple[Amount, str]] = []
    for given, words, before, after in _amounts(text):
        if given.dimension == "[time]":
            if _OVER.search(before):
                lasts.append((given, words))
        elif _LIMIT.search(before):
            limits.append((given, words))
        elif pieces := _PIECES_OF.search(before):
            if pieces.group(1) is None:
                strengths.append((given, words))
            else:
                amounts.append(
                    (Amount(given.size * _number(pieces.group(1)), given.dimension), pieces.group(0) + words)
                )
        elif _PRODUCT.match(after):
            strengths.append((given, words))
        elif not _BEFORE.search(before):
            amounts.append((given, words))
    return Words(
        tuple(amounts),
        tuple(strengths),
        tuple(limits),
        tuple(lasts),
        tuple(dict.fromkeys(routes_in(text))),
        tuple(often_in(text)),
        tuple(found.group(0) for pattern in (_RETRACTED, _CONDITIONAL) for found in pattern.finditer(text)),
        tuple((found.group(0), found.group("after")) for found in _PAUSED.finditer(text)),
        tuple(found.group(0) for found in _LATER.finditer(text) if not _AGAIN.search(text[: found.start()][-50:])),
        tuple(found.group(0) for found in _FAST.finditer(text)),
        tuple(found.group(0) for found in _GOES_ON.finditer(text)),
        tuple(found.group(0) for found in _ASKED.finditer(text)),
        tuple(found.group(0) for found in _RECORD_NUMBER.finditer(text)),
    )


def _amounts(text: str) -> Iterator[tuple[Amount, str, str, str]]:
    """Yields each amount with its words, the text before and the text after."""
    for found in _AMOUNT.finditer(text):
        unit = read_unit(found.group(3).rstrip("."))
        if unit is None:
            continue
        for written in found.group(1, 2):
            if written is not None:
                given = Amount(_number(written) * unit.factor, unit.dimension)
                yield (
                    given,
                    found.group(0),
                    text[max(0, found.start() - 40) : found.start()],
                    text[found.end() : found.end() + 60],
                )


def _number(written: str) -> float:
    """Reads a number as people write it: 1,000 is a thousand, 1,5 is one and a half."""
    if (spelled := _SPELLED.get(written.lower())) is not None:
        return spelled
    whole, comma, rest = written.rpartition(",")
    return float(f"{whole}.{rest}" if comma and len(rest) < 3 else written.replace(",", ""))


def without_markup(markup: str) -> str:
    """Returns the text of a narrative without its markup."""
    return html.unescape(_TAGS.sub(" ", markup))


def says_nothing(text: FreeText) -> bool:
    """Tells if a remark is not understood at all."""
    return not text.names and bool(text.text.strip()) and read_words(text.text).empty
