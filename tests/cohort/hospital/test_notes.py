"""Notes: made from a person's history, each in its author's voice, with a ledger that fits to their words."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest

from mab_gym.cohort.hospital._catalogue import DRUGS
from mab_gym.cohort.hospital._catalogue_results import NUMBERS, PLACES
from mab_gym.cohort.hospital._history import CORRECTED, FINAL, NOW, Fact, History, Note, Person, local
from mab_gym.cohort.hospital._spec import HOSPITAL
from mab_gym.cohort.hospital._staff import draw_staff
from mab_gym.cohort.hospital.care._care import add_care
from mab_gym.cohort.hospital.life._lives import draw_lives
from mab_gym.cohort.hospital.notes._notes import add_notes
from mab_gym.cohort.hospital.notes._words import BRANDS
from tests.cohort.hospital.hands import STAFF, Maker, person

HOSPITAL_STAFF = draw_staff(HOSPITAL)
PEOPLE = 40
KINDS = {
    "admission", "progress", "consult", "nursing", "discharge", "clinic", "telephone", "radiology", "outside",
    "operative",
}  # fmt: skip


@pytest.fixture(scope="module")
def people() -> list[History]:
    """The first people of the hospital, with notes."""
    drawn = draw_lives(HOSPITAL, HOSPITAL_STAFF, 0, PEOPLE)
    for history in drawn:
        add_care(HOSPITAL, HOSPITAL_STAFF, history)
        add_notes(HOSPITAL, HOSPITAL_STAFF, history)
    return drawn


@pytest.fixture(scope="module")
def notes(people: list[History]) -> list[tuple[History, Note]]:
    """All notes of these people."""
    return [(history, note) for history in people for note in history.notes]


def test_there_are_ten_kinds(notes: list[tuple[History, Note]]) -> None:
    assert {note.kind for _, note in notes} == KINDS


def test_equal_people_have_equal_notes() -> None:
    first, second = person(3), person(3)
    assert first.notes == second.notes
    assert first.facts == second.facts


def test_a_person_without_visits_has_no_notes() -> None:
    nobody = History(Person(1, "H1", "Doe", ("Jo",), True, Maker(1, "young").history.person.born))
    add_notes(HOSPITAL, STAFF, nobody)
    assert not nobody.notes
    assert not nobody.facts


def test_each_stay_has_an_admission_a_discharge_and_notes_of_each_day(people: list[History]) -> None:
    for history in people:
        for number, visit in enumerate(history.visits):
            if visit.kind != "inpatient":
                continue
            kinds = Counter(note.kind for note in history.notes if note.visit == number)
            assert kinds["admission"]
            if visit.end is not None and visit.end < NOW - 2 * 86_400:
                assert kinds["discharge"]
            days = ((visit.end or NOW) - visit.start) // 86_400
            assert kinds["nursing"] >= days - 1
            assert kinds["progress"] >= days - 2


def test_notes_follow_in_time_and_none_is_before_its_visit_or_after_death(people: list[History]) -> None:
    for history in people:
        end = history.person.died or NOW
        moments = [note.moment for note in history.notes]
        assert moments == sorted(moments)
        assert all(moment <= end for moment in moments)
        for note in history.notes:
            assert note.visit is None or note.moment >= history.visits[note.visit].start


def test_the_author_fits_to_the_kind(notes: list[tuple[History, Note]]) -> None:
    for history, note in notes:
        if note.kind == "outside":
            assert note.author is None
            assert note.outside is not None
            continue
        assert note.author is not None
        author = HOSPITAL_STAFF.practitioners[note.author]
        assert author.family in note.text
        if note.kind == "nursing":
            assert author.role == "nurse"
        elif note.kind in ("admission", "progress", "discharge", "consult", "operative"):
            assert author.role in ("physician", "resident")
        assert note.visit is not None
        assert history.visits[note.visit].start <= note.moment


def test_he_and_she_are_right(notes: list[tuple[History, Note]]) -> None:
    for history, note in notes:
        wrong = r"\b([Hh]e|[Hh]im|[Hh]is|himself|Mr\.)" if history.person.female else r"\b([Ss]he|[Hh]er|herself|Ms\.)"
        assert not re.search(rf"{wrong}(?!\w)", note.text), note.text


def test_a_text_has_no_holes_and_no_double_marks(notes: list[tuple[History, Note]]) -> None:
    for _, note in notes:
        for mark in ("{", "}", "|]", "[|", " .", " ,", ",,", "..", ";;", " kg kg"):
            assert mark not in note.text.replace(" | ", ", "), (mark, note.text)
        assert not re.search(r"\S  \S|\b(None|nan)\b", note.text), note.text


def test_a_text_says_neither_too_little_nor_too_much(notes: list[tuple[History, Note]]) -> None:
    whole = [len(note.text.split()) for _, note in notes if note.appends is None]
    assert max(whole) <= 600
    assert sorted(whole)[len(whole) // 20] >= 50


SHORT = {
    "creatinine": "Cr",
    "potassium": "K",
    "sodium": "Na",
    "haemoglobin": "Hgb",
    "troponin": "hsTnI",
    "lactate": "Lactate",
}


def test_results_are_those_of_the_record_and_were_there(notes: list[tuple[History, Note]]) -> None:
    compared = 0
    for history, note in notes:
        readings = history.readings
        there = (readings.issued <= note.moment) & ((readings.state == FINAL) | (readings.state == CORRECTED))
        for key, short in SHORT.items():
            mine = there & (readings.analyte == NUMBERS[key])
            known = {f"{value:.{PLACES[NUMBERS[key]]}f}" for value in readings.value[mine].tolist()}
            for found in re.finditer(rf"(?<![\w-]){short}:? (\d+(?:\.\d+)?)(?![\d.]*\d)", note.text):
                assert found[1] in known, (short, found[0], note.text)
                compared += 1
    assert compared > 1_000


def named(key: str) -> set[str]:
    return {DRUGS[key].ingredient.lower(), BRANDS.get(key, DRUGS[key].ingredient).lower()}


TELLTALE = (
    "apixaban", "rivaroxaban", "empagliflozin", "semaglutide", "levothyroxine", "sertraline", "gabapentin",
    "carvedilol", "tamsulosin", "donepezil", "montelukast", "spironolactone", "clopidogrel", "insulin_glargine",
    "escitalopram", "budesonide_formoterol", "alendronate", "methotrexate", "amiodarone",
)  # fmt: skip


def test_no_drug_is_named_before_its_order(notes: list[tuple[History, Note]]) -> None:
    for history, note in notes:
        text = note.text.lower()
        for key in TELLTALE:
            if any(name in text for name in named(key)):
                orders = [one for one in history.prescriptions if named(one.drug) & named(key)]
                assert any(one.start <= note.moment for one in orders), (key, note.text)


def test_problems_are_not_named_before_they_are_known(notes: list[tuple[History, Note]]) -> None:
    words = {
        "dementia": "dementia",
        "parkinson": "parkinson",
        "epilepsy": "epilepsy",
        "cirrhosis": "cirrhosis",
        "hiv": "hiv on art",
    }
    for history, note in notes:
        family = [key for one in history.person.relatives for key, _ in one.conditions]
        for key, word in words.items():
            if word in note.text.lower() and key not in family:
                assert any(one.key == key and (one.known or NOW) <= note.moment for one in history.problems), note.text


def facts(people: list[History]) -> list[tuple[History, Fact]]:
    return [(history, fact) for history in people for fact in history.facts]


def test_the_ledger_holds_many_subjects(people: list[History]) -> None:
    subjects = {fact.subject.split(":")[0] for _, fact in facts(people)}
    assert subjects >= {
        "drug",
        "otc",
        "allergy",
        "result",
        "code_status",
        "lives_with",
        "pills_by",
        "transport",
        "proxy",
        "agreed",
        "plan",
    }
    assert len(facts(people)) >= 5 * PEOPLE


def test_each_note_holds_the_words_by_which_it_tells_or_contradicts_a_fact(people: list[History]) -> None:
    for history, fact in facts(people):
        assert fact.stands_in or (fact.structured and fact.contradicted_in)
        for place, quote in zip(fact.stands_in, fact.quotes, strict=True):
            assert quote in history.notes[place].text
        for place, quote in zip(fact.contradicted_in, fact.misquotes, strict=True):
            assert quote in history.notes[place].text


def test_a_fact_is_told_while_it_is_true(people: list[History]) -> None:
    for history, fact in facts(people):
        for place in (*fact.stands_in, *fact.contradicted_in):
            assert history.notes[place].moment >= fact.since
            late = history.notes[place].appends is not None or history.notes[place].replaces is not None
            assert fact.until is None or late or history.notes[place].moment < fact.until


FIGURES = (
    "dose",
    "dose_mg",
    "days_a_week",
    "missed_days_a_week",
    "value",
    "year",
    "kg",
    "count",
    "dollars_a_month",
    "mm",
    "grade",
)


def test_the_figures_of_a_fact_stand_in_its_quotes_and_no_misquote_is_true(people: list[History]) -> None:
    compared = 0
    for _, fact in facts(people):
        for quote in fact.quotes:
            stated = {float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", quote)}
            for name in FIGURES:
                if name in fact.says:
                    assert float(fact.says[name]) in stated, (fact.subject, name, quote)
                    compared += 1
            key = fact.subject.split(":")[1] if fact.subject.startswith("drug:") else ""
            assert not key or any(name in quote.lower() for name in named(key))
        assert not set(fact.quotes) & set(fact.misquotes)
    assert compared > 200


def test_what_was_copied_is_no_longer_so(people: list[History]) -> None:
    stale = [fact for _, fact in facts(people) if fact.subject.endswith(":newest")]
    assert stale
    for fact in stale:
        assert fact.says["copied"] != fact.says["value"]
        copied = float(fact.says["copied"])
        assert any(f" {copied:.{places}f}" in quote for quote in fact.misquotes for places in (0, 1, 2))


def test_code_status_changes_have_an_end(people: list[History]) -> None:
    for history in people:
        told = sorted((fact for fact in history.facts if fact.subject == "code_status"), key=lambda fact: fact.since)
        for earlier, later in pairwise(told):
            assert earlier.until is not None
            assert earlier.until <= later.since
        for fact in told:
            if fact.says["status"] == "full":
                assert not fact.contradicted_in
            else:
                assert all("full" in quote.lower() for quote in fact.misquotes)


def test_contradictions_are_of_many_subjects_and_some_are_put_right(people: list[History]) -> None:
    wrong = Counter(fact.subject.split(":")[0] for _, fact in facts(people) if fact.contradicted_in)
    assert len(wrong) >= 8
    later = [
        (history, note)
        for history in people
        for note in history.notes
        if note.appends is not None or note.replaces is not None
    ]
    assert later
    for history, note in later:
        place = note.appends if note.appends is not None else note.replaces
        assert place is not None
        first = history.notes[place]
        assert first.moment < note.moment
        assert (first.visit, first.author, first.kind) == (note.visit, note.author, note.kind)
        assert local(note.moment) > local(first.moment)


def grams(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[place : place + length]) for place in range(len(words) - length + 1)}


def share_of_distinct(texts: list[str], length: int = 8) -> float:
    """The share of distinct n-grams of words, lower-cased, among all of them."""
    counts: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = text.lower().split()
        counts.update(tuple(words[place : place + length]) for place in range(len(words) - length + 1))
    return len(counts) / sum(counts.values())


def nearest(texts: list[tuple[int, str]], length: int = 5) -> float:
    """The greatest Jaccard similarity of shingles of five words between notes of different people."""
    shingles = [(who, grams(text.lower().split(), length)) for who, text in texts]
    holders: dict[tuple[str, ...], list[int]] = {}
    greatest = 0.0
    for place, (who, mine) in enumerate(shingles):
        shared: Counter[int] = Counter()
        for shingle in mine:
            others = holders.setdefault(shingle, [])
            shared.update(other for other in others if shingles[other][0] != who)
            others.append(place)
        for other, count in shared.most_common(3):
            greatest = max(greatest, count / len(mine | shingles[other][1]))
    return greatest


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_notes_of_a_kind_vary(notes: list[tuple[History, Note]], kind: str) -> None:
    """Eight words in a row come again in few notes, and no two people have notes that are alike."""
    texts = [
        (history.person.number, note.text) for history, note in notes if note.kind == kind and note.replaces is None
    ]
    texts = texts[:1_000]
    assert share_of_distinct([text for _, text in texts]) >= 0.6
    assert nearest(texts) < 0.8


@pytest.fixture(scope="module")
def alike() -> list[tuple[int, Note]]:
    """Notes of people with the same few diseases and the same stays: a thousand and more a kind."""
    return [(number, note) for number in range(100, 235) for note in person(number).notes if note.replaces is None]


@pytest.mark.parametrize("kind", ["clinic", "progress", "nursing"])
def test_a_thousand_notes_of_people_with_the_same_diseases_vary(alike: list[tuple[int, Note]], kind: str) -> None:
    texts = [(number, note.text) for number, note in alike if note.kind == kind][:1_000]
    assert len(texts) == 1_000
    assert share_of_distinct([text for _, text in texts]) >= 0.6
    assert nearest(texts) < 0.8


def test_one_who_lies_here_now_has_notes_up_to_now_and_no_discharge() -> None:
    history = person(5, "now")
    stay = len(history.visits) - 1
    mine = [note for note in history.notes if note.visit == stay]
    assert mine[-1].moment > NOW - 36 * 3600
    assert not [note for note in mine if note.kind == "discharge"]


def test_two_authors_write_differently() -> None:
    def shape(text: str) -> list[str]:
        return re.findall(r"^[^a-z\n]{0,3}[A-Za-z /&]{2,30}(?::| -|$)", text, re.MULTILINE)

    histories = [person(number) for number in range(20, 26)]
    shapes = {
        tuple(shape(note.text))[:3] for history in histories for note in history.notes if note.kind == "admission"
    }
    assert len(shapes) >= 3
