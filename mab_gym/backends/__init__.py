"""The record systems that episodes play on, all behind one protocol.

An episode works with a `RecordSession`, a private view that begins at a snapshot and goes back to it; a `Backend` opens
sessions; a `BackendKind` says which settings a backend takes and how it is opened. ``embedded`` is the FHIR server of
this package, in memory; ``remote`` is a FHIR server somewhere else; ``container`` is a pool of HAPI servers in Docker.
docs/backends.md shows how to add one.

Files here know FHIR and HTTP, and nothing of tasks, verdicts or Gymnasium. Begin with `_backend.py`, then `_kinds.py`;
`_effects.py`, `_live.py` and `_state.py` are what the two real servers share.
"""

from mab_gym.backends._backend import Backend, RecordSession
from mab_gym.backends._kinds import BackendKind, register_backend

__all__ = ["Backend", "BackendKind", "RecordSession", "register_backend"]
