"""Catches internal faults of the record system, which it answers with 500, from its log."""

from __future__ import annotations

import logging
import traceback

LOGGER = "mab_gym"


class FaultLog(logging.Handler):
    """Keeps logged errors, each as one line, and keeps them off the terminal."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one error."""
        error = record.exc_info[1] if record.exc_info else None
        self._seen.append(described(error) if error is not None else record.getMessage())

    def take(self) -> list[str]:
        """Returns the errors since the last call."""
        seen, self._seen = self._seen, []
        return seen

    def listen(self) -> FaultLog:
        """Starts listening to all of mab_gym."""
        logger = logging.getLogger(LOGGER)
        logger.addHandler(self)
        logger.propagate = False
        return self

    def leave(self) -> None:
        """Stops listening."""
        logger = logging.getLogger(LOGGER)
        logger.removeHandler(self)
        logger.propagate = True


def described(error: BaseException) -> str:
    """Returns an error on one line: its class, its first words and the innermost place in this project."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "mab_gym" in frame.filename] or list(frames)
    place = f" at {own[-1].filename.rpartition('/')[2]}:{own[-1].lineno} in {own[-1].name}" if own else ""
    return f"{type(error).__name__}: {str(error)[:120]}{place}"
