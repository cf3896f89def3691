"""The import of a framework that may be missing, for all adapters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mab_gym.errors import NotInstalledError, how_to_install


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Wraps the imports of packages that an extra installs.

    Args:
        extra: The extra's name.
        what: The beginning of the error, with its verb, as in ``training with TRL needs``.

    Raises:
        NotInstalledError: A package is missing; the text names it, and the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mab_gym"):
            raise
        raise NotInstalledError(f"{what} what is missing here ({error.name}): {how_to_install(extra)}") from None
