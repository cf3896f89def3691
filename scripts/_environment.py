"""The virtual environment of this checkout for all entry points: made once, then only checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
PYTHON = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def say(text: str) -> None:
    """Tells what happens next."""
    print(f"==> {text}", flush=True)


def ensure(extras: str = "") -> None:
    """Makes the virtual environment and installs this checkout (editable) with extras, if that is not done yet."""
    if sys.version_info < (3, 11):
        sys.exit(f"mab_gym needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    if not PYTHON.exists():
        say(f"making a virtual environment in {FOLDER}")
        venv.create(FOLDER, with_pip=True, clear=True)
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = FOLDER / f"installed{'-' + extras if extras else ''}"
    if stamp.exists() and stamp.read_text() == wanted:
        say("everything is installed already")
        return
    package = f"{ROOT}[{extras}]" if extras else str(ROOT)
    say("installing mab_gym and what it needs" + (f" ({extras})" if extras else ""))
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON), "-e", package]
    else:
        command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", package]
    if subprocess.run(command, check=False).returncode:
        sys.exit("installing failed; see the lines above")
    stamp.write_text(wanted)


def run(*command: str) -> int:
    """Runs a command of the virtual environment's Python from the checkout's root and returns its exit code."""
    try:
        return subprocess.run([str(PYTHON), *command], cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130
