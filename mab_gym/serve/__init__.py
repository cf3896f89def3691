"""The embedded FHIR server behind HTTP: for other programs, other languages, and for comparing it with a real HAPI."""

from mab_gym.serve.application import Application
from mab_gym.serve.gate import Gate
from mab_gym.serve.limits import BODY_WORK, Limits
from mab_gym.serve.records import read_records, server_of_records
from mab_gym.serve.running import listen, run
from mab_gym.serve.worlds import OwnWorlds, SharedWorld, Worlds

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
