"""The tests. They keep the bytecode of what they import, so that no process that they start compiles it again."""

import os
import sys
from pathlib import Path

_BYTECODE = Path(__file__).resolve().parent.parent / ".pytest_cache" / "bytecode"


def keep_bytecode() -> None:
    """Keeps bytecode beside pytest's cache where the environment forbids to keep it beside the sources.

    Compiling numpy, typer and ourselves anew costs each process as much time as all that it does then; where images set
    ``PYTHONDONTWRITEBYTECODE`` and uv installs, nothing has been compiled before.
    """
    if sys.pycache_prefix is None and os.environ.get("PYTHONDONTWRITEBYTECODE"):
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(_BYTECODE)
        sys.dont_write_bytecode = False


keep_bytecode()
