"""Resources that come as XML: read into the same JSON, and never a way to files, to memory or round the limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirServer
from tests.fhir.serving import get

NAMESPACE = 'xmlns="http://hl7.org/fhir"'
XML = {"content-type": "application/fhir+xml", "accept": "application/fhir+json"}


def send(body: str, headers: dict[str, str] = XML, target: str = "Patient", method: str = "POST") -> Response:
    return FhirServer({}).open().handle(Request(method, target, headers, body))


def stored(inner: str) -> dict[str, Any]:
    answer = send(f"<Patient {NAMESPACE}>{inner}</Patient>")
    assert answer.status == 201, answer.body
    resource: dict[str, Any] = json.loads(answer.body)
    return {name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")}


@pytest.mark.parametrize(
    ("inner", "resource"),
    [
        ("", {}),
        ('<gender value="male"/>', {"gender": "male"}),
        ('<active value="true"/><multipleBirthInteger value="2"/>', {"active": True, "multipleBirthInteger": 2}),
        ('<foo value="1"/>text<gender value="male" odd="x">more<bar/></gender>', {"gender": "male"}),
        ("<gender>male</gender><birthDate/>", {}),
        ('<gender value="male"/><gender value="female"/>', {"gender": "male"}),
        (
            '<name id="n"><family value="A"/><given value="B"/><given value="C"/></name><gender value="male"/>'
            '<name><family value="D"/></name>',
            {"name": [{"id": "n", "family": "A", "given": ["B", "C"]}, {"family": "D"}], "gender": "male"},
        ),
        (
            '<extension url="http://e"><extension url="a"><valueInteger value="1"/></extension></extension>'
            '<birthDate><extension url="http://f"><valueCode value="unknown"/></extension></birthDate>',
            {
                "extension": [{"url": "http://e", "extension": [{"url": "a", "valueInteger": 1}]}],
                "_birthDate": {"extension": [{"url": "http://f", "valueCode": "unknown"}]},
            },
        ),
        (
            "<contained/><contained><Organization xmlns='http://hl7.org/fhir'><id value='o'/><name value='O'/>"
            "</Organization></contained><managingOrganization><reference value='#o'/></managingOrganization>",
            {
                "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
                "managingOrganization": {"reference": "#o"},
            },
        ),
        (
            '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; <b>b</b></p></div>'
            "</text>",
            {
                "text": {
                    "status": "generated",
                    "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; <b>b</b></p></div>',
                }
            },
        ),
        ('<name><family value="A&#10;&lt;&quot;"/></name>', {"name": [{"family": 'A\n<"'}]}),
        ('<deceasedDateTime value="2020"/><deceasedBoolean value="true"/>', {"deceasedDateTime": "2020"}),
    ],
)
def test_xml_is_read_as_the_json_that_says_the_same(inner: str, resource: dict[str, Any]) -> None:
    assert stored(inner) == resource


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<Observation/>", 'HAPI-1814: Incorrect resource type found, expected "Patient" but found "Observation"'),
        ('<Patient>\n <gender value="x"/></Patient>', '[2,2]]: HAPI-1821: [element="gender"] Invalid attribute value'),
        ("<Patient><contained><Foo/></contained></Patient>", 'HAPI-1684: Unknown resource name "Foo"'),
        ("<Patient><gender></Patient>", "Unexpected close tag </Patient>; expected </gender>.\n at [row,col"),
        ("<Patient/><Patient/>", "Illegal to have multiple roots"),
        ("<Patient/> x", "Unexpected character 'x' (code 120) in epilog"),
        ("<Patient>", "was expecting a close tag for element <Patient>"),
        ("<Patient", "Unexpected end of input block in start tag"),
        ('<Patient a="1" a="2"/>', "Duplicate attribute 'a'."),
        ('<Patient><gender value="&foo;"/></Patient>', 'Undeclared general entity "foo"'),
        ("", "WstxEOFException: Unexpected EOF in prolog"),
    ],
)
def test_broken_xml_is_refused_in_hapis_words(body: str, said: str) -> None:
    answer = send(body)
    assert answer.status == 400
    assert said in json.loads(answer.body)["issue"][0]["diagnostics"]


def test_entities_open_no_file_and_take_no_memory() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(12))
    for declared in ('<!ENTITY e11 SYSTEM "file:///etc/passwd">', bomb, '<!ENTITY % e11 "x"> %e11;'):
        answer = send(f'<!DOCTYPE Patient [{declared}]><Patient><name><family value="&e11;"/></name></Patient>')
        assert answer.status == 400
        assert len(answer.body) < 1000


def test_nesting_is_bounded() -> None:
    for depth in (300, 5_000, 200_000):
        answer = send("<Patient>" + "<contact>" * depth)
        assert answer.status in (413, 501), depth


def test_answers_to_xml_are_xml_unless_json_is_wanted() -> None:
    patient = f'<Patient {NAMESPACE}><id value="x1"/><gender value="male"/></Patient>'
    for headers in ({"content-type": "application/fhir+xml"}, {"content-type": "text/xml", "accept": "*/*"}):
        answer = send(patient, headers, "Patient/x1", "PUT")
        assert answer.status == 201
        assert answer.headers["content-type"] == "application/fhir+xml;charset=UTF-8"
        assert '<gender value="male"/>' in answer.body


def test_a_transaction_may_be_xml() -> None:
    session = FhirServer({}).open()
    entry = (
        f"<entry><resource><Patient {NAMESPACE}><gender value='male'/></Patient></resource>"
        "<request><method value='PUT'/><url value='Patient/t1'/></request></entry>"
    ).replace("<gender", "<id value='t1'/><gender")
    bundle = f"<Bundle {NAMESPACE}><type value='transaction'/>{entry}</Bundle>"

    assert session.handle(Request("POST", "", XML, bundle)).status == 200
    assert json.loads(get(session, "Patient/t1").body)["gender"] == "male"


def test_xml_costs_what_it_takes_to_read() -> None:
    tags = "<name><given value='a'/><family value='b'/></name>"
    for inner in (tags * 4_000, "<foo/>" * 20_000, f"<name {' '.join(f'a{n}=1' for n in range(50_000))}/>"):
        assert send(f"<Patient>{inner}</Patient>").status == 413
