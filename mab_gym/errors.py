"""The errors that this package raises on purpose, each saying what was wrong and what would be right."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)


class MabGymError(Exception):
    """Base of all errors of this package; its text is one clear sentence for a person."""


class AgentError(MabGymError):
    """What carries an agent (its model's endpoint, a user's code) has failed; the episode says nothing of its skill."""


class AgentLostError(AgentError):
    """Likewise, and every further episode would fail in the same way: a dead endpoint, a wrong key."""


class ContextLimitError(MabGymError):
    """An episode has become longer than the agent's model can read; that counts as the agent's failure."""


class ArchiveError(MabGymError):
    """An archive is missing, damaged or of another version."""


class ContentError(MabGymError):
    """A task family, a case or an environment file is not as it should be."""


class InfrastructureError(MabGymError):
    """The record system, or what carries it, has failed, not an agent; an episode that meets it does not count."""


class NotInstalledError(MabGymError):
    """Something optional is needed that is not installed; the text holds the command that installs it."""


class RecordsError(MabGymError):
    """A file of records cannot be read, or a record in it is none."""


class StorageError(MabGymError):
    """The disk does not take what is to be kept, as where it is full; what it took before is kept."""


class UsageError(MabGymError, ValueError):
    """A caller's argument is of the wrong type or names what does not exist."""


def as_infrastructure(error: Exception, who: str = "mab_gym") -> InfrastructureError:
    """An exception in the middle of an episode as the infrastructure's failure, which says nothing of the agent.

    Args:
        error: What was raised; where it is no InfrastructureError, its traceback is logged, since somebody's code is
            wrong.
        who: Whose.
    """
    if isinstance(error, InfrastructureError):
        return error
    _log.error("%s failed in the middle of an episode", who, exc_info=error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return InfrastructureError(f"{who} failed ({said[:300]}); its log has the traceback")
