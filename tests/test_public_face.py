"""A name is public if it is in the ``__all__`` of a module without an underscore in its path."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import pydoc
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mab_gym
from mab_gym.errors import NotInstalledError


def _modules() -> list[str]:
    """All modules without an underscore in their path, whether what they need is installed or not."""
    names, folders = ["mab_gym"], [("mab_gym.", list(mab_gym.__path__))]
    while folders:
        prefix, path = folders.pop()
        for module in pkgutil.iter_modules(path, prefix):
            name = module.name.rpartition(".")[2]
            if name.startswith("_"):
                continue
            names.append(module.name)
            if module.ispkg:
                folders.append((f"{module.name}.", [str(Path(folder) / name) for folder in path]))
    return sorted(names)


MODULES = _modules()


def imported(name: str) -> ModuleType | None:
    """The module; None where it needs a framework that is not installed."""
    try:
        return importlib.import_module(name)
    except (NotInstalledError, ModuleNotFoundError) as missing:
        if (getattr(missing, "name", None) or "").startswith("mab_gym"):
            raise
        return None


def found(module: ModuleType, name: str) -> Any:
    """A module's name; skips the test where it needs a framework that is not installed."""
    try:
        return getattr(module, name)
    except NotInstalledError as missing:
        pytest.skip(str(missing))


def _source(name: str) -> Path:
    path = Path(mab_gym.__file__).parent.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def public_names() -> Mapping[str, Sequence[str]]:
    """The public names of each public module; of one whose framework is missing as its source lists them."""
    public = {}
    for name in MODULES:
        module = imported(name)
        if module is not None:
            public[name] = list(getattr(module, "__all__", ()))
            continue
        for node in ast.parse(_source(name).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                public[name] = ast.literal_eval(node.value)
    return {name: sorted(names) for name, names in public.items() if names}


@pytest.mark.parametrize("name", MODULES)
def test_a_public_module_lists_its_names_and_has_them(name: str) -> None:
    module = imported(name)
    if module is None:
        pytest.skip("a framework of mab_gym.integrations is not installed")
    assert module.__doc__, "it has no docstring"
    assert hasattr(module, "__all__"), "it has no __all__"
    for each in module.__all__:
        assert not each.startswith("_")
        assert found(module, each) is not None


@pytest.mark.parametrize("name", [name for name in MODULES if _source(name).with_suffix(".pyi").exists()])
def test_a_lazy_room_shows_its_public_names_alone(name: str) -> None:
    module = importlib.import_module(name)
    assert [each for each in dir(module) if not each.startswith("_")] == sorted(module.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_a_public_name_is_explained(name: str) -> None:
    module = imported(name)
    if module is None:
        pytest.skip("a framework of mab_gym.integrations is not installed")
    for each in getattr(module, "__all__", ()):
        thing = found(module, each)
        if not inspect.isclass(thing) and not inspect.isfunction(thing):
            continue
        told = inspect.getdoc(thing) or ""
        assert told, f"{name}.{each} has no docstring"
        assert not told.startswith(f"{each}("), f"{name}.{each} has only the docstring that a dataclass makes"
        for part, member in vars(thing).items() if inspect.isclass(thing) else ():
            function = member.fget if isinstance(member, property) else member
            if inspect.isfunction(function) and not part.startswith("_") and function.__name__ == part:
                assert inspect.getdoc(getattr(thing, part)), f"{name}.{each}.{part} has no docstring"


def test_the_help_of_the_package_is_a_good_first_page() -> None:
    page = pydoc.plain(pydoc.render_doc(mab_gym))
    assert page.index("mab_gym.evaluate") < page.index("PACKAGE CONTENTS")
    listed = page[page.index("PACKAGE CONTENTS") :]
    for internal in ("_register", "attach_stub", "lazy_loader"):
        assert internal not in listed.partition("DATA")[2], f"{internal} stands in help(mab_gym)"
