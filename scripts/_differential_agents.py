"""Random scenarios of searches, reads and writes as agents send them, for `scripts/differential --scenarios`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Resource = Mapping[str, Any]
Step = dict[str, Any]
Scenario = dict[str, Any]

_JSON = {"Content-Type": "application/fhir+json"}
_CONTROLS = (
    "_summary=true", "_summary=Count", "_summary=TEXT", "_summary=data", "_summary=true,text", "_summary=true,data",
    "_summary=foo", "_summary=", "_elements=id", "_elements=status,code", "_elements=code.text", "_elements=*",
    "_elements=Patient.name", "_count=1", "_count=2&_count=3", "_count=abc", "_count=", "_total=accurate",
    "_include=*", "_revinclude=x", "_sort=-date", "_sort= date", "_contained=true", "_pretty=false", "_format=json",
    "_foo=bar", "foo=bar", "_lastUpdated=gt2020", "_offset=1", "_narrative=suppress",
)  # fmt: skip
_NAMES = (
    "firstName",
    "lastName",
    "mrn",
    "dob",
    "limit",
    "sort",
    "count",
    "from",
    "to",
    "startDate",
    "page",
    "first_name",
)
_DATES = (
    "9999-12-31", "0001-01-01", "9999", "2016-12-31T23:59:60Z", "2023-11-12T24:00:00Z", "2024-02-29", "2023-02-29",
    "2023-11-12T10:15:00+14:00", "2023-11-12T10:15:00-14:00", "2023-11-12T10:15:00+23:59", "2023-11-12T10:15",
    "2023-11-12", "2023-13-01", "12.11.2023", "2023-11-12T10:15:00.123456Z",
)  # fmt: skip
_PREFIXES = ("", "ge", "lt", "ne", "ge ", "ge+", " ", "GE", "gte", ">=", "%2B")
_NUMBERS = (
    "3.5", "gt3.5", "gt 3.5", "3.5mmol/L", "3..5", "1e", "1e5", "abc", "3,5", "-", "--1", "0x1", "+3", "ge3_5",
    "1e99999999999", "3.5E+", "gt3.5||mmol/L",
)  # fmt: skip
_ETAGS = ('W/"1"', '"1"', "1", "*", 'W/"abc"', "abc", "", '""', 'W/"2"', 'W/"1', "-1", "01", '"1", "2"', "null")
_MOMENTS = (
    "garbage", "2023-01-01", "Thu, 01 Jan 2099 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "",
    "Thursday, 01-Jan-99 00:00:00 GMT", "Thu Jan  1 00:00:00 2099", "Thu, 32 Jan 2099 00:00:00 GMT",
    "Thu, 01 Jan 2099 00:00:00",
)  # fmt: skip
_CACHES = ("no-store", "no-cache", "no-store, max-results=2", "no-store, max-results=5000", "no-store, max-results=abc")
_FAMILIES = (
    "Müller",
    "Muller",
    "ベッカー",
    "ヘッカー",
    "กำธร",
    "กาธร",
    "שָׁלוֹם",
    "שלום",
    "Ångström",
    "Łukasz",
    "O'Brien",
)
_BUNDLES = ("transaction", "batch", "history", "searchset", "document", "collection", "message", "batch-response", None)
_URNS = ("urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c9", "urn:oid:1.2.3", "urn:foo:1", "Patient/tmp", "tmp", "#p")


def scenarios(rng: random.Random, resources: Sequence[Resource]) -> Iterator[Scenario]:
    """Yields scenarios without end.

    Args:
        rng: Equal ones give equal scenarios.
        resources: The records that the servers hold.
    """
    maker = _Maker(rng, resources)
    kinds = tuple(sorted(name for name in vars(_Maker) if not name.startswith("_")))
    while True:
        kind = rng.choice(kinds)
        make: Callable[[], list[Step]] = getattr(maker, kind)
        yield {"group": kind.replace("_", "-"), "steps": make()}


def _step(method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None) -> Step:
    sent = {**(_JSON if body is not None else {}), **(headers or {})}
    text = None if body is None else json.dumps(body, ensure_ascii=False)
    return {"method": method, "target": target, "headers": sent, "body": text}


def _entry(method: str, url: str, resource: Resource | None = None, full_url: str = "", **request: str) -> Resource:
    entry: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        entry["resource"] = resource
    return entry | ({"fullUrl": full_url} if full_url else {})


def _bundle(*entries: Resource, kind: str = "transaction") -> Resource:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


class _Maker:
    """Makes the steps of a scenario; each public method is a kind of scenario."""

    def __init__(self, rng: random.Random, resources: Sequence[Resource]) -> None:
        self._rng = rng
        self._resources = resources
        self._patients = [resource["id"] for resource in resources if resource["resourceType"] == "Patient"]
        self._made = 0

    def _name(self) -> str:
        self._made += 1
        return f"agents-{self._made}"

    def _subject(self) -> str:
        return self._rng.choice(self._patients)

    def _known(self) -> str:
        resource = self._rng.choice(self._resources)
        return f"{resource['resourceType']}/{resource['id']}"

    def _observation(self, **elements: Any) -> dict[str, Any]:
        subject = {"reference": f"Patient/{self._subject()}"}
        return {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "BP"},
            "subject": subject,
            **elements,
        }

    def _person(self, **elements: Any) -> dict[str, Any]:
        return {"resourceType": "Patient", "name": [{"family": "Doe"}], **elements}

    # --- asking --------------------------------------------------------------------------------------------------

    def read_parameters(self) -> list[Step]:
        where = self._rng.choice(("", "/_history/1", "/_history"))
        asked = "&".join(self._rng.sample(_CONTROLS, self._rng.choice((1, 1, 2))))
        return [_step("GET", f"{self._known()}{where}?{asked}")]

    def search_parameters(self) -> list[Step]:
        asked = "&".join(self._rng.sample(_CONTROLS, self._rng.choice((1, 2))))
        return [_step("GET", f"Observation?patient={self._subject()}&code=K&{asked}")]

    def unknown_names(self) -> list[Step]:
        names = self._rng.sample(_NAMES, self._rng.choice((1, 2, 3)))
        return [_step("GET", "Patient?" + "&".join(f"{name}=1" for name in names))]

    def dates(self) -> list[Step]:
        date = self._rng.choice(_PREFIXES) + self._rng.choice(_DATES)
        return [_step("GET", f"Observation?patient={self._subject()}&_summary=count&date={date}")]

    def numbers(self) -> list[Step]:
        number = self._rng.choice(_NUMBERS)
        return [_step("GET", f"Observation?patient={self._subject()}&_summary=count&value-quantity={number}")]

    def digits(self) -> list[Step]:
        number = self._rng.choice(("", "0")) + str(self._rng.choice((0, 1, 2, 5, 50, 150, 99999999, 2**63)))
        kind = self._rng.choice(("Patient", "Observation", "Condition"))
        target = self._rng.choice((f"{kind}/{number}", f"{kind}/{number}/_history", f"{kind}?_id={number}&_count=1"))
        searched = f"Observation?patient={number}&_summary=count"
        return [_step("GET", target), _step("GET", searched), _step("DELETE", f"{kind}/9{number}")]

    def freshness(self) -> list[Step]:
        patient = f"Patient/{self._subject()}"
        asked = [f"subject={patient}", f"subject=http://elsewhere/fhir/{patient}", f"patient={patient}"]
        self._rng.shuffle(asked)
        return [_step("GET", f"Observation?{each}&_total=accurate&_count=1") for each in asked]

    def headers(self) -> list[Step]:
        known = {"If-None-Match": self._rng.choice(_ETAGS)}
        since = {"If-Modified-Since": self._rng.choice(_MOMENTS)}
        cache = {"Cache-Control": self._rng.choice(_CACHES)}
        person = f"Patient/{self._subject()}"
        search = f"Observation?patient={self._subject()}&_count=3"
        return [
            _step("GET", person, headers=known),
            _step("GET", person, headers=since),
            _step("GET", search, headers=cache),
        ]

    def batches_of_reads(self) -> list[Step]:
        control = self._rng.choice(_CONTROLS)
        urls = (f"{self._known()}?{control}", f"Observation?patient={self._subject()}&code=K&{control}")
        return [_step("POST", "", _bundle(*(_entry("GET", url) for url in urls), kind="batch"))]

    # --- writing -------------------------------------------------------------------------------------------------

    def versions(self) -> list[Step]:
        name = self._name()
        steps = []
        for number in range(self._rng.randint(3, 6)):
            match self._rng.choice(("put", "put", "delete", "transaction")):
                case "put":
                    body = self._observation(id=name, valueString=str(number))
                    steps.append(_step("PUT", f"Observation/{name}", body))
                case "delete":
                    steps.append(_step("DELETE", f"Observation/{name}"))
                case _:
                    body = self._observation(id=name, valueString=str(number))
                    both = (_entry("DELETE", f"Observation/{name}"), _entry("PUT", f"Observation/{name}", body))
                    steps.append(_step("POST", "", _bundle(*both[self._rng.choice((0, 1)) :])))
        return [*steps, _step("GET", f"Observation/{name}")]

    def etags(self) -> list[Step]:
        name, etag = self._name(), {"If-Match": self._rng.choice(_ETAGS)}
        first, second = ({"resourceType": "Basic", "id": name, "language": each} for each in ("en", "de"))
        return [_step("PUT", f"Basic/{name}", first), _step("PUT", f"Basic/{name}", second, etag)]

    def stored_bundles(self) -> list[Step]:
        name, kind = self._name(), self._rng.choice(_BUNDLES)
        body = {"resourceType": "Bundle", "id": name} | ({"type": kind} if kind else {})
        steps = [_step("POST", "Bundle", body), _step("PUT", f"Bundle/{name}", body)]
        return [*steps, _step("POST", "", _bundle(_entry("POST", "Bundle", body)))]

    def stored_dates(self) -> list[Step]:
        code, date = self._name(), self._rng.choice(_DATES)
        body = self._observation(code={"coding": [{"code": code}]}, effectiveDateTime=date)
        asked = (self._rng.choice(_PREFIXES[:4]) + self._rng.choice(_DATES) for _ in range(3))
        found = [_step("GET", f"Observation?code={code}&_summary=count&date={each}") for each in asked]
        return [_step("POST", "Observation", body), *found]

    def names_with_marks(self) -> list[Step]:
        marker = self._name()
        identifier = [{"system": "http://marks", "value": marker}]
        body = self._person(name=[{"family": self._rng.choice(_FAMILIES)}], identifier=identifier)
        asked = (f"family{self._rng.choice(('', ':exact', ':contains'))}={each}" for each in _FAMILIES)
        found = [_step("GET", f"Patient?identifier={marker}&_summary=count&{each}") for each in asked]
        return [_step("POST", "Patient", body), *found]

    def local_names(self) -> list[Step]:
        name = self._rng.choice(_URNS)
        person = self._person(**({"id": "tmp"} if self._rng.random() < 0.5 else {}))
        observation = self._observation(subject={"reference": self._rng.choice((name, name, "Patient/tmp"))})
        entries = [_entry("POST", "Patient", person, name), _entry("POST", "Observation", observation)]
        self._rng.shuffle(entries)
        return [_step("POST", "", _bundle(*entries, kind=self._rng.choice(("transaction", "transaction", "batch"))))]

    def conditions(self) -> list[Step]:
        marker = self._name()
        url = f"identifier=http://m|{marker}"
        person = self._person(identifier=[{"system": "http://m", "value": marker}])
        asked = {
            "create": _entry("POST", "Patient", person, _URNS[0], ifNoneExist=url),
            "again": _entry("POST", "Patient", person, _URNS[1], ifNoneExist=url),
            "nameless": _entry("POST", "Patient", person, ifNoneExist=url),
            "update": _entry("PUT", f"Patient?{url}", person),
            "named": _entry("POST", "Observation", self._observation(subject={"reference": _URNS[1]})),
            "searched": _entry("POST", "Observation", self._observation(subject={"reference": f"Patient?{url}"})),
        }
        chosen = [asked[name] for name in self._rng.sample(sorted(asked), self._rng.randint(1, 4))]
        return [_step("POST", "", _bundle(*chosen)), _step("GET", f"Patient?{url}&_summary=count")]
