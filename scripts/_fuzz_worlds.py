"""The environments that `scripts/fuzz` plays, each with a grammar of its own charts and a digest of its state."""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _grammar import Grammar, sampled
from _grammar_actions import GET, query

from mab_gym.backends import RecordSession
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._environment_file import Environment, read_environment
from mab_gym.envs._vector import MedicalRecordVectorEnv
from mab_gym.fhir.http._server import FhirSession, Request
from mab_gym.official._locate import OfficialFiles
from tests.official.tasks_of_our_own import write_functions, write_tasks

ROOT = Path(__file__).resolve().parent.parent
MAX_STEPS = 20
LANES = 3
"""Episodes of a vector environment."""
THOROUGH = 120
"""The number of searches of a thorough digest."""


def _bundled(name: str) -> Environment:
    return read_environment(ROOT / "envs" / f"{name}.toml")


def _official() -> Environment:
    folder = Path(tempfile.mkdtemp(prefix="mab-gym-fuzz-"))
    files = OfficialFiles(tasks=write_tasks(folder), functions=write_functions(folder))
    return replace(_bundled("official"), official=files)


WORLDS: dict[str, Callable[[], Environment]] = {
    "canonical": lambda: _bundled("med_agent_bench"),
    # A training hospital with fewer people, because each process opens every hospital.
    "train": lambda: replace(_bundled("train"), cohort="train-1000-1"),
    "beyond": lambda: _bundled("beyond"),
    "official": _official,
}


@dataclass(slots=True)
class World:
    """One environment, single and as a vector, on one record system.

    Attributes:
        name: Its name in `WORLDS`.
        env: The single environment.
        vector: The vector environment.
        grammar: Makes actions about its charts.
        probes: The requests of the cheap digest.
        searches: The further requests of the thorough digest.
        untouched: Both digests, taken before any episode.
    """

    name: str
    env: MedicalRecordEnv
    vector: MedicalRecordVectorEnv
    grammar: Grammar
    probes: Sequence[str]
    searches: Sequence[str]
    untouched: dict[bool, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """The FHIR base."""
        return self.env.scenario.backend.base_url

    def fresh(self) -> RecordSession:
        """Opens a new session."""
        return self.env.scenario.backend.open()

    def digest(self, *, thorough: bool = False, session: RecordSession | None = None) -> str:
        """Returns a digest of the answers of a session without writes.

        Args:
            thorough: True for many requests.
            session: The session; if None, a fresh one.
        """
        asked = [*self.probes, *self.searches] if thorough else self.probes
        taken = hashlib.sha256()
        session = session or self.fresh()
        for target in asked:
            answer = session.handle(Request("GET", target))
            taken.update(f"{answer.status}\n{answer.body}\n".encode("utf-8", "surrogatepass"))
        return taken.hexdigest()


def open_world(name: str) -> World:
    """Opens an environment; builds its cohort if it does not exist."""
    environment = replace(WORLDS[name](), max_steps=MAX_STEPS)
    env = MedicalRecordEnv(environment)
    session = env.scenario.backend.open()
    inner: Any = getattr(session, "_inner", session)
    assert isinstance(inner, FhirSession)
    ids = {kind: table.table.ids for kind, table in inner.server.tables.items()}
    grammar = Grammar(0, sampled(session, ids), env.scenario.backend.base_url)
    vector = MedicalRecordVectorEnv(environment, LANES, AutoresetMode.DISABLED)
    made = World(name, env, vector, grammar, _probes(grammar, sorted(ids)), _searches(grammar))
    made.untouched = {thorough: made.digest(thorough=thorough) for thorough in (False, True)}
    return made


def _probes(grammar: Grammar, kinds: Sequence[str]) -> list[str]:
    """Returns requests for the numbers of resources and versions, and for one resource of each type."""
    grammar.seeded("probes")
    found = [f"{kind}?_summary=count" for kind in (*kinds, "ServiceRequest", "Basic")]
    return [*found, "_history?_count=1&_summary=true", *(f"{kind}/{grammar.one_of(kind)['id']}" for kind in kinds)]


def _searches(grammar: Grammar) -> list[str]:
    """Returns searches of the grammar, with few results each."""
    grammar.seeded("searches")
    rng = random.Random("thorough")
    targets = []
    while len(targets) < THOROUGH:
        action = grammar.search()
        if action.verb == GET:
            kept = [pair for pair in action.pairs if pair[0] != "_count" and len(pair[1]) < 500]
            targets.append(f"{action.path}?{query([*kept, ('_count', str(rng.choice((1, 5))))])}")
    return targets
