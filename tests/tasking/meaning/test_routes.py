"""Routes by value: every code, every word, and the words of a sentence."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning.routes import HL7, INTRAVENOUS, ORAL, route_of_code, route_of_words, routes_in
from mab_gym.tasking.meaning.terms import SNOMED

V3 = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"
SYSTEMS = (
    V3, "http://hl7.org/fhir/v3/RouteOfAdministration", "http://terminology.hl7.org/CodeSystem/v2-0162",
    "http://hl7.org/fhir/v2/0162",
)  # fmt: skip
ROUTES: dict[str, tuple[str, str, str]] = {
    # SNOMED CT codes, HL7 codes, words
    "oral": ("26643006", "PO", "oral|orally|po|p.o.|by mouth|per os|per oral|swallow|swallowed|swallow, oral|peroral"),
    "intravenous": (
        "47625008 418114005 419993007 420287000 424494006 788178005",
        "IV IVDRIP IVC IVCC IVCI IVINJ IVINJBOL IVPUSH IVRPUSH",
        "iv|i.v.|intravenous|intravenously|ivpb|iv piggyback|iv drip|iv infusion|iv push|iv bolus|by vein|"
        "infusion, intravenous|injection, intravenous",
    ),
    "intramuscular": ("78421000", "IM IMD IMZ", "im|i.m.|intramuscular|intramuscularly"),
    "subcutaneous": ("34206005", "SQ", "sc|sq|s.c.|subq|subcut|subcutaneous|subcutaneously|hypodermic"),
    "intrathecal": ("72607000", "ITINJ", "intrathecal|intrathecally|intraspinal"),
    "epidural": ("404820008", "EPI", "epidural|peridural"),
    "intradermal": ("372464004", "IDINJ", "intradermal|intradermally"),
    "intraosseous": ("417255000", "IOSSINJ", "intraosseous|intraosseously"),
    "intra-arterial": ("58100008", "IARTINJ", "intraarterial|intra-arterial|intraarterially"),
    "intraperitoneal": ("38239002", "", "intraperitoneal|ip"),
    "intracardiac": ("372461007", "", "intracardiac"),
    "intraarticular": ("12130007", "", "intraarticular|intra-articular"),
    "sublingual": ("37839007", "SL", "sl|sublingual|sublingually|under the tongue"),
    "buccal": ("54471007", "BUC", "buccal|buccally"),
    "rectal": ("37161004", "PR", "rectal|rectally|pr|per rectum|suppository|enema"),
    "vaginal": ("16857009", "VAGINSI", "vaginal|vaginally|pv|per vagina"),
    "topical": ("6064005", "TOPICAL", "topical|topically|to the skin|cutaneous"),
    "transdermal": ("45890007", "TRNSDERMD", "transdermal|transdermally"),
    "inhaled": ("447694001", "IPINHL", "inhaled|inhalation|inhale|nebulized|nebulised"),
    "nasal": ("46713006", "NASINHL", "nasal|nasally|intranasal|intranasally"),
    "ophthalmic": ("54485002", "OPTHALTA", "ophthalmic|eye|eyes|in the eye|intraocular"),
    "otic": ("10547007", "OTIC", "otic|ear|ears|in the ear"),
    "nasogastric": ("127492001", "NGT", "ng|nasogastric|nasogastric tube|via ng tube"),
    "gastrostomy": ("127490009", "GT", "peg|gastrostomy|g-tube"),
}  # fmt: skip
SNOMED_CODES = [(code, route) for route, (codes, _, _) in ROUTES.items() for code in codes.split()]
HL7_CODES = [(code, route) for route, (_, codes, _) in ROUTES.items() for code in codes.split()]
WORDS = [(word, route) for route, (_, _, words) in ROUTES.items() for word in words.split("|")]
ONLY_WHERE_ASKED = {"im", "ip", "pr", "sc", "sl", "ng", "ear", "ears", "eye", "eyes", "peg", "swallow"}


@pytest.mark.parametrize(("code", "route"), SNOMED_CODES)
def test_codes_of_snomed(code: str, route: str) -> None:
    assert route_of_code("http://snomed.info/sct", code) == route
    assert all(route_of_code(system, code) is None for system in (*SYSTEMS, None))


@pytest.mark.parametrize(("code", "route"), HL7_CODES)
def test_codes_of_hl7(code: str, route: str) -> None:
    assert {route_of_code(system, written) for system in SYSTEMS for written in (code, code.lower())} == {route}
    assert route_of_code("http://snomed.info/sct", code) is None
    assert route_of_code("http://a.example", code) is None


@pytest.mark.parametrize(("word", "route"), WORDS)
def test_words_where_a_route_is_asked_for(word: str, route: str) -> None:
    assert {route_of_words(written) for written in (word, word.upper(), f"  {word}\n", word.replace(" ", "  "))} == {
        route
    }


@pytest.mark.parametrize(("word", "route"), WORDS)
def test_words_in_a_sentence(word: str, route: str) -> None:
    assert list(routes_in(f"give {word} now")) == ([] if word in ONLY_WHERE_ASKED else [route])
    assert list(routes_in(f"x{word}x")) == []


def test_names_of_routes_and_systems() -> None:
    assert [ORAL, INTRAVENOUS, SNOMED] == ["oral", "intravenous", "http://snomed.info/sct"]
    assert frozenset(SYSTEMS) == HL7
    assert route_of_code("http://snomed.info/sct", 26643006) == "oral"
    assert route_of_code("http://snomed.info/sct", "1") is None
    assert route_of_code(None, "PO") is None


@pytest.mark.parametrize(
    ("text", "route"),
    [("Oral route", "oral"), ("Oral use", "oral"), ("IV route (qualifier value)", "intravenous"),
     ("Intravenous route", "intravenous"), ("intravenous infusion", "intravenous"), ("slow IV push", "intravenous"),
     ("peripheral IV line", "intravenous"), ("central vein, IV", "intravenous"), ("tablet by mouth", "oral"),
     ("oral tablets", "oral"), ("oral (by mouth)", "oral"), ("IV/intravenous", "intravenous"),
     ("intravenous - slow", "intravenous"), ("via the nasogastric tube", "nasogastric"),
     ("IM injection", "intramuscular"), ("IM", "intramuscular"), ("sc injection", "subcutaneous"),
     ("via NG tube", "nasogastric"), ("pr route", "rectal"),
     ("route of administration: ng", None), ("given IV", "intravenous"), ("inj, IV", "intravenous"),
     ("iv inf", "intravenous"),
     ("oral or IV", None), ("oral IV", None), ("not oral", None), ("oral, maybe", None), ("gastric", None), ("", None),
     ("  ", None), ("by", None), ("injection", None), ("im or iv", None), ("ng or pr", None)],
)  # fmt: skip
def test_a_route_with_words_that_say_nothing(text: str, route: str | None) -> None:
    assert route_of_words(text) == route


@pytest.mark.parametrize(
    ("text", "routes"),
    [("20 mEq PO now, not IV", ["oral"]), ("20 mEq PO, NOT FOR IV", ["oral"]), ("not via IV", []), ("not by mouth", []),
     ("not orally or rectally, IV", ["intravenous"]), ("give by mouth or intravenously", ["oral", "intravenous"]),
     ("I'm to be called; SC is closed, pr is public relations", ["subcutaneous"]),
     ("IM IP PR SC SL NG", ["intramuscular", "intraperitoneal", "rectal", "subcutaneous", "sublingual", "nasogastric"]),
     ("im ip pr sc sl ng", []), ("XIM IMX .IM", []), ("Im, Sc", []), ("a.iv ivx", []),
     ("IV; PO.", ["intravenous", "oral"]),
     ("IV drip", ["intravenous"]), ("cannot go PO", ["oral"]), ("", [])],
)  # fmt: skip
def test_routes_in_a_sentence(text: str, routes: list[str]) -> None:
    assert list(routes_in(text)) == routes
