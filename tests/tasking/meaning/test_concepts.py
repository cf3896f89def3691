"""Concepts by value: codes and displays that say the same, and those that do not."""

from __future__ import annotations

import json

import pytest

from mab_gym.tasking.meaning._said import Refusal, Said
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.terms import LOINC, NDC, RXNORM, SNOMED
from tests.tasking.meaning.people import HOLD, POTASSIUM
from tests.tasking.meaning.tabled import rows

PRESSURE = Concept("", "BP", ("bp", "blood pressure"), frozenset({(LOINC, "85354-9")}))
CONCEPTS = {"potassium": POTASSIUM, "hold": HOLD, "pressure": PRESSURE}
TERMINOLOGIES = (
    "http://terminology.hl7.org/x", "http://snomed.info/sct", "http://loinc.org", "urn:rxnorm", "http://nlm.nih.gov/x",
    "urn:oid:1.2", "http://www.ama-assn.org/go", "urn:cpt", "urn:icd-10", "urn:atc", "http://www.whocc.no", "urn:unii",
    "http://fdasis", "urn:ndfrt", "urn:gs1", "urn:dmd", "urn:cvx", "urn:hcpcs", "http://cms.gov",
)  # fmt: skip


def told(refusal: Refusal) -> str:
    """A refusal in one line."""
    kind = {True: "unsafe", False: "refused"}[refusal.critical]
    return f"{kind}: {refusal.value!r} <- {refusal.element} | {refusal.why}"


@pytest.mark.parametrize(("written", "problems"), rows("concepts"))
def test_codings_and_texts_beside_a_concept(written: str, problems: list[str]) -> None:
    name, _, statements = written.partition(" ")
    said = [Said(each, f"code[{place}]") for place, each in enumerate(json.loads(statements))]
    assert [told(each) for each in CONCEPTS[name].problems(said)] == problems


def refused(concept: Concept, **coding: object) -> bool:
    """True where a coding may not stand beside the right one."""
    right = Said({"system": concept.system, "code": concept.code}, "a")
    return bool(list(concept.problems([right, Said(coding, "b")])))


@pytest.mark.parametrize("system", TERMINOLOGIES)
def test_other_codes_of_known_terminologies_are_refused(system: str) -> None:
    assert refused(POTASSIUM, system=system, code="1")
    assert not refused(POTASSIUM, system=system, code="1", display="Potassium")
    assert refused(POTASSIUM, system=system, code="1", display="as ordered")


@pytest.mark.parametrize("system", ["http://a.example", "urn:x", "", None])
def test_a_hospitals_own_codes_say_nothing(system: str | None) -> None:
    assert not refused(POTASSIUM, system=system, code="K40")
    assert refused(POTASSIUM, system=system, code="heparin")
    assert refused(POTASSIUM, system=system, code="K40", display="Heparin")


@pytest.mark.parametrize(
    ("oid", "system"),
    [("2.16.840.1.113883.6.1", LOINC), ("2.16.840.1.113883.6.96", SNOMED), ("2.16.840.1.113883.6.88", RXNORM),
     ("2.16.840.1.113883.6.69", NDC)],
)  # fmt: skip
def test_code_systems_by_their_object_identifiers(oid: str, system: str) -> None:
    concept = Concept(system, "1", ("thing",))
    assert list(concept.problems([Said({"system": f"urn:oid:{oid}", "code": "1"}, "a")])) == []
    assert list(concept.problems([Said({"system": f"urn:oid:{oid}0", "code": "1"}, "a")]))


DENYING = """
not potassium|no potassium|non potassium|potassium without sugar|any except potassium|potassium or something|
potassium or another|potassium or any|potassium or other|potassium or else|potassium instead|rather potassium|
more than potassium|anti potassium|NOT potassium
"""
SAME = """
potassium|Potassium chloride|KCl|kcl_now|kcl7|oral potassium|no longer potassium|potassium or so|
potassium for the patient
"""


@pytest.mark.parametrize("text", [each.strip() for each in DENYING.split("|")])
def test_texts_that_deny_it(text: str) -> None:
    assert list(POTASSIUM.problems([Said({"text": text}, "a")]))[:-1] == [
        ("a", text, "it does not name potassium chloride", True)
    ]


@pytest.mark.parametrize("text", [each.strip() for each in SAME.split("|")])
def test_texts_that_name_it(text: str) -> None:
    assert list(POTASSIUM.problems([Said({"text": text}, "a")]))[:-1] == []
    assert POTASSIUM.is_named_in(text)


NAMELESS = """
a an and of for the in by per to on at with as is it its are be this that these which what who how called named known
new next repeat order ordered ordering request requested replacement repletion supplement supplementation therapy
treatment medication medicine drug dose product service laboratory lab test level measurement stat urgent please serum
plasma venous patient today now control follow up followup check recheck see note notes above below text name label
display code item description entry standard usual local hospital ward clinic protocol policy discussed agreed dr doctor
physician nurse team according number one task action status record recorded referral consult recommendation
"""


@pytest.mark.parametrize("word", [*NAMELESS.split(), "", "7", "40 / 2", " ".join(NAMELESS.split()).upper()])
def test_words_that_name_nothing(word: str) -> None:
    assert list(POTASSIUM.problems([Said({"text": word}, "a")]))[:-1] == []
    assert list(POTASSIUM.problems([Said({"text": f"{word} thing"}, "a")]))[:-1] != []


@pytest.mark.parametrize(
    ("text", "named", "rest"),
    [("potassium chloride now", True, "  now"), ("KCl", True, " "), ("xpotassium", False, "xpotassium"),
     ("potassiums", False, "potassiums"), ("7kcl", False, "7kcl"), ("_kcl_", True, "_ _"), ("kcl7", True, " 7"),
     ("Potassium, potassium", True, " ,  "), ("sodium", False, "sodium"), ("", False, "")],
)  # fmt: skip
def test_names_in_a_text(text: str, named: bool, rest: str) -> None:
    assert POTASSIUM.is_named_in(text) is named
    assert POTASSIUM.without_names(text) == rest


def test_names_are_taken_as_they_are_written() -> None:
    dotted = Concept("s", "c", ("a.c", "a.c plus"))
    assert not dotted.is_named_in("abc")
    assert dotted.without_names("a.c plus") == " "


def test_concepts_are_the_same_by_their_parts() -> None:
    assert Concept("s", "c", ("a",)) == Concept("s", "c", ("a",))
    assert Concept("s", "c", ("a",)) != Concept("s", "c", ("b",))
    assert len({Concept("s", "c", ("a",)), Concept("s", "c", ("a",))}) == 1
    assert (
        repr(Concept("s", "c", ("a",))) == "Concept(system='s', code='c', names=('a',), also=frozenset(), alone=True)"
    )
