"""``scripts/bench --worst``: what is dear is found, changed further and can be played again by its seed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.processes import unmeasured

SCRIPTS = ROOT / "scripts"
DWELLS = """
from mab_gym.fhir.http._server import FhirSession
answer = FhirSession._answer
def dwells(session, request):
    import time
    ends = time.process_time() + SECONDS
    while "WORD" in request.target and "probe" not in request.target and time.process_time() < ends:
        pass
    return answer(session, request)
FhirSession._answer = dwells
"""
RAISES = """
from mab_gym.episode import Episode
step = Episode.step
def raises(episode, text):
    if "_sort" in text:
        raise ZeroDivisionError("planted")
    return step(episode, text)
Episode.step = raises
"""

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="forks, and sets limits to what a process may take"),
    pytest.mark.timeout(300),
    pytest.mark.once,
]


def worst(*arguments: str, planted: str = "") -> str:
    """The output of the search, with something planted in mab_gym first."""
    pytest.importorskip("requests")
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import _bench_worst\n{planted}\n_bench_worst.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=unmeasured(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_dear_kind_of_request_leads_the_list_and_can_be_played_again(tmp_path: Path) -> None:
    out = tmp_path / "worst.jsonl"
    planted = DWELLS.replace("WORD", "_sort").replace("SECONDS", "0.15")
    said = worst("--actions", "22", "--seed", "3", "--limit", "1", "--out", str(out), planted=planted)
    assert said.startswith("22 candidates measured; over 100 ms, cold: ")
    listed: list[dict[str, Any]] = [json.loads(line) for line in out.read_text().splitlines()]
    assert listed[0]["cold"] >= 0.15
    assert any("~" in found["seed"] for found in listed), "what was dear is changed further"
    again = worst("--replay", listed[0]["seed"], "--limit", "1", planted=planted)
    assert "_sort" in again
    assert again.rstrip().endswith(listed[0]["text"])


def test_what_takes_too_long_is_cut_short_and_listed(tmp_path: Path) -> None:
    planted = DWELLS.replace("WORD", "_sort").replace("SECONDS", "2")
    said = worst("--actions", "8", "--seed", "3", "--limit", "1", planted=planted)
    assert re.search(r"^ +1 ≥", said, re.MULTILINE)
    assert "cut short: 0" not in said


def test_an_exception_is_a_fault_with_its_seed() -> None:
    said = worst("--actions", "25", "--seed", "3", planted=RAISES)
    fault = re.search(r"^FAULT ZeroDivisionError: planted.*\n +(\S+) ", said, re.MULTILINE)
    assert fault is not None
    assert "_sort" in worst("--replay", fault[1])
