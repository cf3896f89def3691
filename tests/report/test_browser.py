"""The page in a real browser: what a person sees, clicks and types; opened from the disk, without a network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here to look at the page with")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Window:
    """A browser's window with the report in it."""

    def __init__(self, page: Page, report: Path) -> None:
        self.page = page
        self._address = report.as_uri()
        self.faults: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        page.goto(self._address)

    def go(self, fragment: str) -> None:
        self.page.goto(self._address + fragment)
        self.see(f"body[data-shown={json.dumps(fragment.removesuffix('#'))}]")

    def see(self, selector: str) -> None:
        """Waits until it is there to be seen."""
        self.page.wait_for_selector(selector)

    def words(self, selector: str) -> str:
        return self.page.inner_text(selector)

    @property
    def heading(self) -> str:
        return self.words("#episode h2")

    @property
    def address(self) -> str:
        return self.page.url.partition("#")[2]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def window(browser: Browser, report: Path) -> Iterator[Window]:
    yield from opened(browser, report)


@pytest.fixture
def window_of_eight(browser: Browser, eight: Path) -> Iterator[Window]:
    yield from opened(browser, eight)


def opened(browser: Browser, report: Path) -> Iterator[Window]:
    page = browser.new_page(viewport={"width": 1300, "height": 860})
    page.set_default_timeout(15_000)
    window = Window(page, report)
    yield window
    page.close()
    assert window.faults == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in window.requests)


def test_the_overview_leads_to_episodes(window: Window) -> None:
    assert "oracle solved most, 100.0 % of 30 cases" in window.words(".headline")
    assert not window.page.is_visible("#browser")
    window.page.click("#failures tr:has-text('gave up') td:last-child a >> nth=0")
    window.see(".verdict")
    assert "Not solved: gave up" in window.words(".verdict")


def test_a_step_is_a_table_and_what_is_raw_is_a_click_away(window: Window) -> None:
    window.go("#run=oracle&case=replace_magnesium/01")
    assert "Solved" in window.words(".verdict")
    first = window.page.locator(".step").first
    assert first.locator("thead").inner_text().split() == ["taken", "what", "value", "status"]
    assert "mg/dL" in first.inner_text()
    assert "resourceType" not in first.inner_text()
    first.locator(".raw summary").click()
    assert '"resourceType": "Bundle"' in first.inner_text()
    assert "Magnesium sulfate" in window.words("#step-2 .card")
    assert "4 g over 4 h, IV" in window.words("#step-2 .card")


def test_reasons_stand_beside_what_was_expected(window: Window) -> None:
    window.go("#run=gives+up&case=replace_magnesium/01")
    verdict, expected = (window.page.locator(f"#episode .two > section >> nth={n}").bounding_box() for n in (0, 1))
    assert verdict is not None
    assert expected is not None
    assert verdict["y"] == pytest.approx(expected["y"], abs=2)
    assert verdict["x"] + verdict["width"] <= expected["x"]
    assert "No MedicationRequest was written" in window.words(".verdict")
    assert "4 g over 4 h, IV" in window.words(".expected")


def test_keys_go_through_episodes_and_steps(window: Window) -> None:
    window.go("#run=oracle&case=patient_lookup/01")
    window.page.keyboard.press("j")
    window.see("#episode h2:has-text('patient_lookup/02')")
    window.page.keyboard.press("k")
    window.see("#episode h2:has-text('patient_lookup/01')")
    window.page.keyboard.press("n")
    assert window.page.locator(".step.here").get_attribute("id") == "step-1"
    window.page.keyboard.press("n")
    assert window.page.locator(".step.here").get_attribute("id") == "step-2"
    window.page.keyboard.press("p")
    assert window.page.locator(".step.here").get_attribute("id") == "step-1"
    window.page.keyboard.press("r")
    assert window.page.locator("#episode details.raw[open]").count() > 2
    window.page.keyboard.press("?")
    window.see("#keys")
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("o")
    window.see("#overview")


def test_search_and_filters_find_episodes_and_stand_in_the_address(window: Window) -> None:
    window.page.keyboard.press("/")
    window.page.fill("#q", "insulin potassium")
    assert window.words("#count").startswith("0 of 63")
    window.page.fill("#q", "replace potassium")
    assert window.words("#count") == "6 of 63 episodes"
    window.page.select_option("#f-outcome", "failed")
    assert window.words("#count") == "3 of 63 episodes"
    assert "outcome=failed" in window.address
    window.page.press("#q", "Enter")
    window.see("#episode h2")
    assert "replace_potassium" in window.heading
    window.go("#view=list&q=replace+potassium&outcome=solved")
    assert window.words("#count") == "3 of 63 episodes"
    assert window.page.input_value("#q") == "replace potassium"


def test_an_address_leads_to_a_step(window: Window) -> None:
    window.go("#run=oracle&case=replace_magnesium/01&step=2")
    assert window.page.locator(".step.here").get_attribute("id") == "step-2"
    window.page.click("#step-1 .number")
    window.see("#step-1.here")
    assert "step=1" in window.address
    window.go("#run=oracle&case=none/99")
    assert "There is no episode of none/99" in window.words("#episode")


def test_hostile_episodes_are_shown_as_text(window: Window) -> None:
    window.go("#run=hostile&case=patient_lookup/01")
    words = window.words("#episode")
    assert "</script><img src=x onerror=boom()>" in words
    assert window.page.locator("#episode img, #episode script, #episode b b").count() == 0
    window.page.keyboard.press("j")
    window.see("#episode h2:has-text('patient_lookup/02')")
    assert "boom()" in window.words("#episode .deed >> nth=1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_and_light_follow_the_system_and_the_button(window: Window, scheme: Literal["light", "dark"]) -> None:
    window.page.emulate_media(color_scheme=scheme)

    def brightness() -> int:
        colour = window.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))

    assert (brightness() < 380) == (scheme == "dark")
    window.page.click("#theme")
    assert (brightness() < 380) == (scheme == "light")


def test_a_phone_shows_one_thing_at_a_time_and_nothing_beyond_its_edge(window: Window) -> None:
    window.page.set_viewport_size({"width": 390, "height": 800})
    for fragment in ("#", "#view=list", "#run=hostile&case=patient_lookup/01", "#run=oracle&case=check_a1c/01"):
        window.go(fragment)
        assert window.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not window.page.is_visible("aside")
    window.page.click(".back")
    window.see("aside")
    assert not window.page.is_visible("#episode")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_has_the_result_and_the_plot_of_eight_runs(
    window_of_eight: Window, width: int, height: int
) -> None:
    page = window_of_eight.page
    page.set_viewport_size({"width": width, "height": height})
    for seen in (".headline", *(f".forest .row >> nth={n} >> b" for n in range(8)), "#causes h2"):
        box = page.locator(seen).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height, seen


@pytest.mark.parametrize("width", [1280, 390])
def test_all_eight_runs_stand_in_one_row(window_of_eight: Window, width: int) -> None:
    page = window_of_eight.page
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for line in ("#success .line.all", "#families summary .line >> nth=0", "#causes .line.names"):
        boxes = [cell.bounding_box() for cell in page.locator(f"{line} >> xpath=./div[not(@class)]").all()]
        assert len(boxes) == 8
        assert len({round(box["y"]) for box in boxes if box}) == 1
        assert all(box and box["x"] + box["width"] <= width for box in boxes)


def test_thoughts_are_folded_and_a_refusal_is_said_in_words(window_of_eight: Window) -> None:
    window_of_eight.go("#run=a-model-with-a-long-name-7&case=patient_lookup/01")
    assert "Not solved: the model refused" in window_of_eight.words(".verdict")
    step = window_of_eight.words("#step-1")
    assert "no action The model said that it would not do the task." in step.replace("\n", " ")
    assert "I won't <b>do</b> that." in step
    assert "Hmm." not in step
    window_of_eight.page.keyboard.press("t")
    assert "Hmm. Hmm." in window_of_eight.words("#step-1")
    window_of_eight.go("#failure=refused")
    assert window_of_eight.words("#count") == "23 of 212 episodes"
