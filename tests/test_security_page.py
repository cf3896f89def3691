"""SECURITY.md says what is so: the variables, addresses and promises in it are those of the code."""

from __future__ import annotations

import ast
import inspect
import os
import re
import stat
from pathlib import Path

import pytest

from mab_gym.cli._serve import serve
from mab_gym.transfer._importing import import_files

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
SOURCES = sorted((ROOT / "mab_gym").rglob("*.py"))


def test_every_variable_and_entry_point_is_one_of_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    named = set(re.findall(r"`(MAB_GYM_[A-Z_]*[A-Z])", PAGE)) | set(re.findall(r"`(mab_gym\.[a-z]+)`", PAGE))
    assert len(named) >= 8
    assert {name for name in named if f'"{name}"' not in code} == set()


def test_files_that_it_points_to_are_there() -> None:
    assert all((ROOT / path).is_file() for path in re.findall(r"\]\(([^)#:]+)\)", PAGE))


def test_servers_listen_at_loopback_unless_told_otherwise() -> None:
    given = inspect.signature(serve).parameters
    assert (given["host"].default, given["port"].default) == ("127.0.0.1", 8090)
    assert "127.0.0.1:8090" in PAGE
    served = (ROOT / "mab_gym" / "integrations" / "openenv" / "__main__.py").read_text(encoding="utf-8")
    (function,) = [
        node for node in ast.parse(served).body if isinstance(node, ast.FunctionDef) and node.name == "serve"
    ]
    named = dict(zip([each.arg for each in function.args.args], function.args.defaults, strict=True))
    defaults = {name: ast.literal_eval(named[name]) for name in ("host", "port")}
    assert defaults == {"host": "127.0.0.1", "port": 8000}
    assert "127.0.0.1:8000" in PAGE


def test_the_package_reads_no_pickles_and_runs_no_text() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [each.name for each in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "cloudpickle", "marshal", "shelve", "dill", "joblib"} & set(names), path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile"), path


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_an_imported_archive_is_its_users_alone(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"resourceType":"Patient","id":"p"}\n')
    path = import_files(tmp_path / "a.ndjson", tmp_path / "a.mab", "a").path
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
