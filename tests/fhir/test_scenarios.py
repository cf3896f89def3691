"""The server behind HTTP against 913 steps of the kind that agents and tools send: the scores are held."""

from __future__ import annotations

from tests.fhir.comparing import LEVELS
from tests.fhir.scenarios import play
from tests.test_serve import serving

LEAST = {"status": 94.4, "body": 89.3, "exact": 88.9}
"""The scores that are reached, in percent. Patches, validation and some refusals are what differs most."""


def test_what_agents_send_is_answered_as_hapi_does() -> None:
    with serving("--empty") as base:
        played = list(play(base))
    assert len(played) == 913
    reached = {name: 100 * sum(equal[level] for _, equal in played) / 913 for level, name in enumerate(LEVELS)}
    different = [what for what, equal in played if not equal[1]]
    assert all(reached[name] >= LEAST[name] for name in LEVELS), "\n".join([str(reached), *different])
