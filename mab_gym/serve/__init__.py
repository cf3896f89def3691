"""The embedded FHIR server behind HTTP: for other programs, other languages, and for comparing it with a real HAPI."""

from mab_gym.serve._application import Application
from mab_gym.serve._gate import Gate
from mab_gym.serve._limits import BODY_WORK, Limits
from mab_gym.serve._ndjson import read_records, server_of_records
from mab_gym.serve._running import listen, run
from mab_gym.serve._worlds import OwnWorlds, SharedWorld, Worlds

__all__ = [
    "BODY_WORK",
    "Application",
    "Gate",
    "Limits",
    "OwnWorlds",
    "SharedWorld",
    "Worlds",
    "listen",
    "read_records",
    "run",
    "server_of_records",
]
