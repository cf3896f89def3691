"""`scripts/differential` over two embedded servers: it finds nothing where there is nothing, and what was planted."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("requests")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import _differential  # type: ignore[import-not-found]

    yield _differential
    for name in [name for name in sys.modules if name.startswith("_differential")]:
        del sys.modules[name]


def comparison(tool: Any, *, planted: bool) -> Any:
    base_url = "http://localhost:8080/fhir"

    class Other(tool.Embedded):  # type: ignore[misc]
        """Another server, which takes ``:not`` for a word without meaning where a fault is planted."""

        def load(self, resources: Any) -> Any:
            answers, first = super().load(resources)
            super().load([r for r, answer in zip(resources, answers, strict=True) if answer["status"] == 201])
            return answers, first

        def ask(self, ask: Any, created: str = "") -> Any:
            if planted:
                ask = replace(ask, pairs=tuple((name.removesuffix(":not"), value) for name, value in ask.pairs))
            return super().ask(ask, created)

    return tool.Comparison(Other(base_url), tool.Embedded(base_url), base_url)


def test_a_server_agrees_with_itself(tool: Any) -> None:
    report = tool.compare(comparison(tool, planted=False), seed=3, fixtures=1, count=150)
    answered = report.asked - report.unsupported.total()
    assert report.agreed == [answered] * 3
    assert not report.classes
    assert "they agree: status 100.00 %" in "\n".join(report.lines("http://localhost:8080/fhir"))


def test_a_planted_difference_is_found_and_minimised(tool: Any) -> None:
    report = tool.compare(comparison(tool, planted=True), seed=3, fixtures=1, count=200, minimise=1, kinds=("search",))
    assert report.classes.total() > 1
    assert all(":not" in name for name in report.classes)
    name = next(name for name, example in report.examples.items() if example.resources)
    example = report.examples[name]
    assert len(example.ask.pairs) == 1
    assert example.ask.pairs[0][0].endswith(":not")
    assert 1 <= len(example.resources) <= 3
    assert report.rows[0]["answer"]["status"] == 200


def test_equal_seeds_give_equal_fixtures_and_requests(tool: Any) -> None:
    from _differential_requests import RequestMaker  # type: ignore[import-not-found]

    first, second = (tool.FixtureMaker(5).make() for _ in range(2))
    assert first == second
    makers = [RequestMaker(5, resources, "http://h/fhir") for resources in (first, second)]
    asked = [[maker.make() for _ in range(50)] for maker in makers]
    assert asked[0] == asked[1]
    assert len({ask.target for ask in asked[0]}) > 40
