"""Writes the wheel of the mab_gym that runs here, so that an image judges as this installation does.

A checkout has no wheel and an installed wheel has no source to build one from, but both have the same files and the
same description. So the wheel is put together from those; equal files give equal bytes.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import mab_gym
from mab_gym._content import bundled_folder
from mab_gym.errors import ContentError

_BUNDLED = ("envs", "tasks")
_TAG = "Wheel-Version: 1.0\nGenerator: mab_gym\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path) -> Path:
    """Writes the wheel into a folder, which is made if it is missing, and returns its path.

    Raises:
        ContentError: This mab_gym was never installed, so that nothing says what it needs.
    """
    try:
        installed = distribution("mab-gym")
    except PackageNotFoundError:
        raise ContentError("mab_gym is not installed here; install it: pip install -e . in a clone") from None
    folder.mkdir(exist_ok=True)
    info = f"mab_gym-{installed.version}.dist-info"
    described = {f"{info}/WHEEL": _TAG.encode()}
    for name in ("METADATA", "entry_points.txt"):
        described[f"{info}/{name}"] = (installed.read_text(name) or "").encode()
    path = folder / f"mab_gym-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        record = []
        for name, content in (*_files(), *described.items()):
            wheel.writestr(_entry(name), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}\n")
        record.append(f"{info}/RECORD,,\n")
        wheel.writestr(_entry(f"{info}/RECORD"), "".join(record))
    return path


def _entry(name: str) -> zipfile.ZipInfo:
    """Returns an entry that anyone may read, of a fixed time."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
    return entry


def _files() -> Iterator[tuple[str, bytes]]:
    """Yields the names and contents of the package's files, in order."""
    package = Path(mab_gym.__file__).parent
    places = {"mab_gym": package, **{f"mab_gym/_bundled/{name}": bundled_folder(name) for name in _BUNDLED}}
    for inside, folder in places.items():
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            beside = folder == package and parts[0] == "_bundled"  # comes by itself
            if path.is_file() and not beside and "__pycache__" not in parts:
                yield "/".join((inside, *parts)), path.read_bytes()
