"""The errors that this package raises on purpose; each says what was wrong and what would be right."""

from __future__ import annotations

import logging

__all__ = [
    "AgentError",
    "AgentLostError",
    "AgentSettingsError",
    "ArchiveError",
    "ContentError",
    "ContextLimitError",
    "InfrastructureError",
    "MabGymError",
    "NotInstalledError",
    "RecordsError",
    "StorageError",
    "UsageError",
]

_log = logging.getLogger(__name__)


class MabGymError(Exception):
    """The base of all errors of this package; its text is one clear sentence for a person."""


class AgentError(MabGymError):
    """The agent's model endpoint or a user's code failed; the episode says nothing about the agent's skill."""


class AgentLostError(AgentError):
    """The agent failed in a way in which every further episode would fail too: a dead endpoint, a wrong key."""


class UsageError(MabGymError, ValueError):
    """A caller's argument is of the wrong type or names what does not exist."""


class AgentSettingsError(AgentLostError, UsageError):
    """The model's endpoint refuses a setting of the user's, such as ``max_tokens``; nothing but another one helps."""


class ContextLimitError(MabGymError):
    """An episode became longer than the agent's model can read; this counts as the agent's failure."""


class ArchiveError(MabGymError):
    """An archive is missing, damaged or of another version."""


class ContentError(MabGymError):
    """A task family, a case or an environment file is incomplete or wrong."""


class InfrastructureError(MabGymError):
    """The record system or the machinery around it failed, not the agent; the episode does not count."""


class NotInstalledError(MabGymError):
    """An optional package is needed but not installed; the text names the command that installs it."""


class RecordsError(MabGymError):
    """A file of records cannot be read, or has an entry that is not a record."""


class StorageError(MabGymError):
    """Writing to disk failed, as when it is full; everything written before is kept."""


def how_to_install(extra: str) -> str:
    """Returns the commands that install an extra of this package: one for a release, one for a clone.

    Args:
        extra: The extra's name, as in ``llm``.
    """
    return f"pip install 'mab-gym[{extra}]' (in a clone: pip install -e '.[{extra}]')"


def as_infrastructure(error: Exception, who: str = "mab_gym") -> InfrastructureError:
    """Turns an exception in the middle of an episode into an infrastructure failure.

    Args:
        error: The exception. An InfrastructureError is returned as it is; of any other, the traceback is logged.
        who: The name of the code that raised it, for the message.
    """
    if isinstance(error, InfrastructureError):
        return error
    _log.error("%s failed in the middle of an episode", who, exc_info=error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return InfrastructureError(f"{who} failed ({said[:300]}); its log has the traceback")
