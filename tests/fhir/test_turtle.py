"""Turtle: the graphs that HAPI writes, as text of our own."""

from __future__ import annotations

import json

from mab_gym.fhir.http._server import FhirServer
from mab_gym.fhir.model._turtle_text import to_turtle
from mab_gym.fhir.store._base import parse_element
from tests.fhir.serving import get, patient, serve

BASE = "http://example.org/fhir"
HEAD = """@prefix fhir: <http://hl7.org/fhir/> .
@prefix rdf:  <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sct:  <http://snomed.info/id#> .
@prefix xsd:  <http://www.w3.org/2001/XMLSchema#> .

"""


def written(resource: dict[str, object]) -> str:
    return to_turtle(parse_element(json.dumps(resource)), BASE).removeprefix(HEAD)


def test_each_kind_of_value_is_written_as_hapi_does() -> None:
    """Types, dates of each precision, extensions of values, contained resources, narratives, places in lists."""
    text = written({
        "resourceType": "Patient", "id": "p", "meta": {"versionId": "2"},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'},
        "contained": [{"resourceType": "Organization", "id": "o"}],
        "active": True, "birthDate": "1980",
        "_birthDate": {"extension": [{"url": "http://x", "valueDecimal": 1.5}]},
        "multipleBirthInteger": 2, "managingOrganization": {"reference": "#o"},
        "contact": [{"modifierExtension": [{"url": "http://m"}], "period": {"start": "2020-01", "end": "2021"}}],
    })  # fmt: skip
    assert text == (
        "<http://example.org/fhir/Patient/p/_history/2>\n"
        "    rdf:type  fhir:Patient;\n"
        "    fhir:DomainResource.contained  [ rdf:type  fhir:Organization;\n"
        '        fhir:Resource.id  [ fhir:value  "o" ];\n'
        "        fhir:index  0 ];\n"
        '    fhir:DomainResource.text  [ fhir:Narrative.div  "<div xmlns=\\"http://www.w3.org/1999/xhtml\\">a</div>";\n'
        '        fhir:Narrative.status  [ fhir:value  "generated" ] ];\n'
        "    fhir:Patient.active  [ fhir:value  true ];\n"
        "    fhir:Patient.birthDate  [ fhir:Element.extension  [ fhir:Extension.url  "
        '[ fhir:value  "http://x"^^xsd:anyURI ];\n'
        '            fhir:Extension.valueDecimal  [ fhir:value  "1.5"^^xsd:decimal ];\n'
        "            fhir:index  0 ];\n"
        '        fhir:value  "1980"^^xsd:date ];\n'
        "    fhir:Patient.contact  [ fhir:Patient.contact.period  [ fhir:Period.end  "
        '[ fhir:value  "2021"^^xsd:gYear ];\n'
        '            fhir:Period.start  [ fhir:value  "2020-01"^^xsd:gYearMonth ] ];\n'
        "        fhir:index  0;\n"
        '        fhir:null.modifierExtension  [ fhir:Extension.url  [ fhir:value  "http://m"^^xsd:anyURI ];\n'
        "            fhir:index  0 ] ];\n"
        '    fhir:Patient.managingOrganization  [ fhir:Reference.reference  [ fhir:value  "#o" ] ];\n'
        '    fhir:Patient.multipleBirthInteger  [ fhir:value  "2" ];\n'
        '    fhir:Resource.id  [ fhir:value  "p" ];\n'
        '    fhir:Resource.meta  [ fhir:Meta.versionId  [ fhir:value  "2" ] ];\n'
        "    fhir:nodeRole  fhir:treeRoot .\n"
    )


def test_resources_of_an_answer_stand_for_themselves() -> None:
    answer = get(serve([patient("p")]), "Patient?_format=ttl")
    assert answer.headers["content-type"] == "application/x-turtle;charset=UTF-8"
    bundle, resource = answer.body.removeprefix(HEAD).split("\n\n")
    assert "fhir:Bundle.entry.resource  <http://localhost:8080/fhir/Patient/p/_history/1>;" in bundle
    assert "fhir:nodeRole  fhir:treeRoot" in bundle
    assert resource.startswith("<http://localhost:8080/fhir/Patient/p/_history/1>\n    rdf:type  fhir:Patient;")
    assert "nodeRole" not in resource


def test_a_refusal_has_no_name_and_no_text_leaves_its_quotes() -> None:
    answer = get(FhirServer({}).open(), "Patient/nope?_format=ttl")
    assert answer.status == 404
    assert answer.body.removeprefix(HEAD).startswith("[ rdf:type  fhir:OperationOutcome;")
    text = written({"resourceType": "Basic", "id": "a>b", "language": 'x"\\\n. <evil>'})
    assert "<http://example.org/fhir/Basic/a_b>" in text
    assert '[ fhir:value  "x\\"\\\\\\n. <evil>" ]' in text
