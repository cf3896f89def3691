"""The documentation as a site: its build has no warning, its links resolve, it is searched and fetches nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from tests.conftest import ROOT
from tests.test_public_face import public_names

pytest.importorskip("material", reason="the documentation is built with mkdocs-material (extra docs)")
pytestmark = pytest.mark.once

LOADED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
}
"""The elements that a browser loads something for, and the attribute that says what."""


VIEWED = {"view", "outcome", "step", "run", "case", "seed", "try", "family", "failure", "difficulty", "kind"}
"""The names in the address of a view of the trajectory viewer."""


class Html(HTMLParser):
    """The ids, links and loaded addresses of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        text = path.read_text(encoding="utf-8")
        self.feed(text)
        viewer = re.search(r'<script type="application/json" id="index">(.*?)</script>', text, re.DOTALL)
        index = json.loads(viewer[1]) if viewer else {"episodes": ()}
        self.episodes = [
            {name: str(value) for name, value in {**each, "run": index["runs"][each["run"]]}.items()}
            for each in index["episodes"]
        ]
        """The episodes that a viewer on this page shows."""

    def has(self, anchor: str) -> bool:
        """Returns True if there is such a place on the page: an id, or in its viewer a view that shows an episode."""
        wanted = dict(parse_qsl(anchor))
        if anchor in self.ids or not wanted.keys() <= VIEWED:
            return anchor in self.ids
        told = [(name, wanted[name]) for name in wanted if name not in ("view", "outcome", "step")]
        return any(all(each[name] == value for name, value in told) for each in self.episodes)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.ids.update(told[name] for name in ("id", "name") if name in told)
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if tag in LOADED and told.get("rel") not in ("canonical", "prev", "next") and LOADED[tag] in told:
            self.loaded.append(told[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `scripts/docs` does."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Html]:
    return {path: Html(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_link_and_anchor_resolves(site: Path, pages: dict[Path, Html]) -> None:
    wrong = []
    for path, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(address.fragment)
            if not target.is_file() or (anchor and target in pages and not pages[target].has(anchor)):
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert not wrong


def test_every_row_of_a_table_is_one(pages: dict[Path, Html]) -> None:
    """A blank line in a table makes text of the rows below it."""
    assert [path.name for path in pages if "<p>|" in path.read_text(encoding="utf-8")] == []


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Html]) -> None:
    for path, page in pages.items():
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{path}: {address}"
            assert (path.parent / urlsplit(address).path).is_file(), f"{path}: {address}"
    for style in site.rglob("*.css"):
        fetched = re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']+", style.read_text(encoding="utf-8"))
        assert not fetched, f"{style}: {fetched}"


def test_the_search_finds_pages_terms_and_names(site: Path) -> None:
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    places = {entry["location"] for entry in index["docs"]}
    assert {"quickstart.html", "glossary.html#overlay", "api/mab_gym.html#mab_gym.evaluate"} <= places
    assert (site / "search/search_index.js").read_text(encoding="utf-8").startswith("var __index = ")


def test_the_api_pages_show_exactly_the_public_names(site: Path) -> None:
    shown = set()
    for path in (site / "api").glob("mab_gym*.html"):
        shown.update(re.findall(r'<h[23] id="([\w.]+)" class="doc doc-heading">', path.read_text(encoding="utf-8")))
    public = {f"{module}.{name}" for module, names in public_names().items() for name in names}
    members = {name for name in shown - public if name.rpartition(".")[0] in public}
    assert shown - members == public


def test_the_search_works_from_disk_and_asks_nobody(site: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium here to look at the page with")
    asked: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "architecture.html").as_uri())
        page.wait_for_selector("svg.architecture")
        page.click(".md-search__input")
        page.keyboard.type("overlay")
        page.wait_for_selector(".md-search-result__item")
        browser.close()
    assert [address for address in asked if urlsplit(address).scheme not in ("file", "data", "blob")] == []
