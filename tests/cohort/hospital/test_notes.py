"""Notes: made from the person's history, each in its author's voice, with a ledger that fits to their words."""

from tests.cohort.hospital.hands import person


def test_a_person_with_stays_has_many_kinds_of_notes() -> None:
    history = person(1)
    assert {"clinic", "telephone", "admission", "progress", "nursing", "discharge"} <= {
        note.kind for note in history.notes
    }


def test_each_note_holds_the_words_by_which_the_ledger_says_that_it_tells_a_fact() -> None:
    for number in range(6):
        history = person(number)
        assert history.facts
        for fact in history.facts:
            for place, quote in zip(fact.stands_in, fact.quotes, strict=True):
                assert quote in history.notes[place].text
            for place, quote in zip(fact.contradicted_in, fact.misquotes, strict=True):
                assert quote in history.notes[place].text
