"""MkDocs hooks: pages that do not lie in docs/, links that hold in the site as in the repository, one picture."""

from __future__ import annotations

import ast
import html
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
"""Files beside docs/ that are pages of the site."""
REPOSITORY = "https://github.com/mab-gym/mab-gym/blob/main/"
"""The address of files that are no page of the site."""
DRAWING = "figures/architecture.svg"
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)")


def public_modules() -> dict[str, list[str]]:
    """The public names of each public module: a module without an underscore in its path."""
    package = importlib.import_module("mab_gym")
    modules = ["mab_gym"]
    folders = [(package.__path__, "mab_gym.")]
    while folders:
        path, prefix = folders.pop()
        for found in pkgutil.iter_modules(path, prefix):
            if found.name.rpartition(".")[2].startswith("_"):
                continue
            modules.append(found.name)
            if found.ispkg:
                folder = ROOT.joinpath(*found.name.split("."))
                folders.append(([str(folder)], found.name + "."))
    public = {name: _public_names(name) for name in sorted(modules)}
    return {name: names for name, names in public.items() if names}


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _public_names(module: str) -> list[str]:
    """The names in ``__all__``, also of a module that needs a framework that is not installed."""
    tree = ast.parse(_source(module).read_text(encoding="utf-8"))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return sorted(ast.literal_eval(node.value), key=str.casefold)  # type: ignore[union-attr]
        if any("__all__" in ast.unparse(target) for target in targets):  # a lazy face, which is installed always
            return sorted(importlib.import_module(module).__all__, key=str.casefold)
    return []


def rooms() -> dict[str, list[str]]:
    """The public modules of each room; the package itself is the first one."""
    grouped: dict[str, list[str]] = {}
    for module in public_modules():
        grouped.setdefault(".".join(module.split(".")[:2]), []).append(module)
    return grouped


def _about(module: str) -> str:
    """A module's docstring as Markdown."""
    text = ast.get_docstring(ast.parse(_source(module).read_text(encoding="utf-8"))) or ""
    text = re.sub(r"^=+ +=+\n(.*?)\n=+ +=+$", _as_table, text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"``(.+?)``", r"`\1`", text)


def _as_table(match: re.Match[str]) -> str:
    """A simple table of reStructuredText as one of Markdown."""
    rows = [re.split(r" {2,}", line, maxsplit=1) for line in match[1].splitlines()]
    return "\n".join(["| | |", "|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])


def _api_page(modules: list[str], public: dict[str, list[str]]) -> Iterator[str]:
    room, *further = modules
    yield f"# {room}\n\n{_about(room)}\n" if room in public else f"# {room}\n"
    for module in modules:
        if module in further:
            yield f"## {module}\n\n{_about(module)}\n"
        level = 3 if module in further else 2
        for name in public[module]:
            yield f"::: {module}.{name}\n    options:\n      heading_level: {level}\n"


def _api_index(grouped: dict[str, list[str]]) -> Iterator[str]:
    yield (
        "# API\n\nA name is public if it is in the `__all__` of a module without an underscore in its path. Everything "
        "here is; nothing else is. [How long a name stays](../contributing.md#what-is-public) is promised there.\n"
    )
    yield "| room | is for |\n|---|---|"
    for room, modules in grouped.items():
        summary = _about(room if _about(room) else modules[0]).partition("\n\n")[0].replace("\n", " ")
        yield f"| [`{room}`]({room}.md) | {summary.replace('|', chr(92) + '|')} |"


def _casework() -> ModuleType:
    """The module that makes the casework's pages; MkDocs runs this file without its folder on the path."""
    if str(Path(__file__).parent) not in sys.path:
        sys.path.insert(0, str(Path(__file__).parent))
    return importlib.import_module("_casework_pages")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills the navigation: one page a family of the casework, and in the last part one a room."""
    assert config.nav is not None
    api = next(entry for entry in config.nav if "API" in entry)
    casework = next(entry for entry in config.nav if "Casework" in entry)
    casework["Casework"] = [{"The casework": "casework.md"}, *_casework().navigation()]
    api["API"] = [{"Overview": "api/index.md"}, *({room: f"api/{room}.md"} for room in rooms())]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that do not lie in docs/."""
    from mkdocs.structure.files import File

    grouped, public = rooms(), public_modules()
    pages: dict[str, str | bytes] = dict(_casework().pages())
    pages |= {f"api/{room}.md": "\n".join(_api_page(modules, public)) for room, modules in grouped.items()}
    pages["api/index.md"] = "\n".join(_api_index(grouped))
    for name, page in TOP_LEVEL.items():
        pages[page] = (ROOT / name).read_text(encoding="utf-8")
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turns links that hold in the repository into links that hold in the site."""
    source = next((name for name, target in TOP_LEVEL.items() if target == page.file.src_uri), None)
    folder = ROOT if source else (ROOT / "docs" / page.file.src_uri).parent
    if page.file.src_uri.startswith(("api/", "casework/")):
        return markdown

    def held(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        if not target.is_relative_to(ROOT):
            return match[1]
        there = target.relative_to(ROOT).as_posix()
        if there in TOP_LEVEL:
            there = f"docs/{TOP_LEVEL[there]}"
        elif not there.startswith("docs/"):
            return REPOSITORY + there if target.exists() else match[1]
        return _relative(there.removeprefix("docs/"), page.file.src_uri)

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(held, part) for part in parts)


def _relative(target: str, page: str) -> str:
    return "../" * page.count("/") + target


def _linked(content: str, room: str) -> str:
    """Makes links of the public classes and modules that an API page names."""
    there: dict[str, str] = {}
    for module, names in public_modules().items():
        home = ".".join(module.split(".")[:2])
        there[module] = f"{home}.html" + (f"#{module.replace('.', '')}" if module != home else "")
        for name in (each for each in names if each[0].isupper()):
            there[f"{module}.{name}"] = f"{home}.html#{module}.{name}"
            if home == room or name not in there:
                there[name] = f"{home}.html#{module}.{name}"

    def link(match: re.Match[str]) -> str:
        return f'<a href="{there[match[1]]}">{match[0]}</a>' if match[1] in there else match[0]

    return re.sub(r"<code>([\w.]+)</code>(?!</a>)", link, content)


def on_page_content(content: str, page: Page, **_: object) -> str:
    """Links the names of API pages; puts the drawing in the place of its image, so that it takes the page's colours."""
    if page.file.src_uri.startswith("api/mab_gym"):
        return _linked(content, page.file.src_uri.removeprefix("api/").removesuffix(".md"))
    image = re.search(rf'<img alt="([^"]*)" src="[^"]*{DRAWING}" ?/?>', content)
    if image is None:
        return content
    svg = (ROOT / "docs" / DRAWING).read_text(encoding="utf-8")
    label = f'<svg class="architecture" aria-label="{html.escape(image[1])}" '
    return content.replace(image[0], svg.replace("<svg ", label, 1))
