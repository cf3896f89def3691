"""The page of the models of physiology: every model has its picture, and the pictures are those of the models."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from tests.conftest import ROOT

MODELS = sorted(
    path.stem.removeprefix("_")
    for path in (ROOT / "mab_gym" / "dynamics" / "physiology").glob("_*.py")
    if "def advance(" in path.read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "_physiology_plots.py"))


def test_the_page_names_every_model() -> None:
    page = (ROOT / "docs" / "physiology.md").read_text(encoding="utf-8")
    assert len(MODELS) == 10
    for model in MODELS:
        assert f"mab_gym.dynamics.physiology._{model}`" in page
        assert f"(figures/physiology-{model}.svg)" in page
        picture = (ROOT / "docs" / "figures" / f"physiology-{model}.svg").read_bytes()
        assert picture.startswith(b"<svg ")
        assert len(picture) <= 60_000


@pytest.mark.parametrize("model", ["pressure", "heparin"])
def test_a_picture_is_that_of_its_model(script: dict[str, Any], model: str) -> None:
    committed = (ROOT / "docs" / "figures" / f"physiology-{model}.svg").read_text(encoding="utf-8")
    assert script["figure"](model) == committed


def test_curves_lose_only_what_nobody_sees() -> None:
    thinned = runpy.run_path(str(ROOT / "scripts" / "_svg_plot.py"))["_thinned"]
    straight = [(float(x), 2.0 * x) for x in range(100)]
    assert thinned(straight) == [straight[0], straight[-1]]
    bent = [*straight, (100.0, 0.0), (200.0, 0.0)]
    assert thinned(bent) == [straight[0], straight[-1], (100.0, 0.0), (200.0, 0.0)]
