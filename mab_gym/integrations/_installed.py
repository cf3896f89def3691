"""What the adapters share: the import of a framework that may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mab_gym.errors import NotInstalledError, how_to_install


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Around imports of what an extra brings.

    Args:
        extra: The extra's name.
        what: Who needs it, with the verb, as in ``training with TRL needs``.

    Raises:
        NotInstalledError: Something is missing; the text says what, and how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mab_gym"):
            raise
        raise NotInstalledError(f"{what} what is missing here ({error.name}): {how_to_install(extra)}") from None
