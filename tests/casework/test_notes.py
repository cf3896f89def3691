"""Notes that tell a fact: a corrected note tells what it took over from the one that it replaces."""

from __future__ import annotations

from mab_gym.casework import note_text, notes_that_tell
from tests.casework.playing import scenario


def test_a_corrected_note_tells_what_it_took_over_and_nothing_else() -> None:
    chart = scenario().chart
    taken_over = 0
    for mrn in chart.profiles()[:40]:
        corrected = list(chart.search("DocumentReference", patient=mrn, relation="replaces", _count="200"))
        for fact in chart.facts(mrn):
            told = set(notes_that_tell(chart, mrn, fact))
            assert {f"DocumentReference/{each}" for each in fact.documents} <= told
            for each in corrected:
                (replaced,) = (one["target"]["reference"].split("/")[1] for one in each["relatesTo"])
                if replaced in fact.documents and each["id"] not in fact.documents:
                    repeats = any(words in note_text(each) for words in fact.quotes)
                    assert (f"DocumentReference/{each['id']}" in told) == repeats
                    taken_over += repeats
    assert taken_over > 10
