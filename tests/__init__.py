"""The tests. They keep the bytecode of what they import, so that no process that they start compiles it again."""

import os
import sys


def keep_bytecode() -> None:
    """Lets Python keep bytecode where the environment forbids it, as in many images.

    Tests start hundreds of processes, and compiling takes each as long as all that it does then.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


keep_bytecode()
