"""The verifier of a task: plays the kept actions again, and writes the reward and the record of the episode.

The folder that it writes into was the agent's before, who may have left anything there: files, folders, links. So what
stands in the way is removed, and nothing is read from there.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mab_gym import __version__
from mab_gym.actions import OutOfContext
from mab_gym.episode import check_counts
from mab_gym.errors import InfrastructureError
from mab_gym.integrations.harbor._evidence import read_evidence
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import RunFolder

AGENT = "harbor"
"""The agent's name in records: a task does not learn which agent plays it."""
REWARD, RUN = "reward.json", "run"


def judge(kept: Path, out: Path) -> dict[str, float]:
    """Judges an episode, and writes ``reward.json``, and ``run``, a run of this one episode.

    Args:
        kept: The file that the server has written.
        out: The folder to write into.

    Returns:
        The reward, and two further numbers for Harbor's tables.

    Raises:
        UsageError: The file is missing or broken.
        InfrastructureError: The record system or the verifier has failed, so that there is no reward.
    """
    start, actions, fault = read_evidence(kept)
    if fault is not None:
        raise InfrastructureError(f"the record system failed during the episode: {fault}")
    driver = start.begin()
    for action in actions:
        driver.act(action)
        if driver.over:
            break
    if not driver.over:
        driver.act(OutOfContext("the agent stopped before it had finished"))
    check_counts(driver.info)
    scenario = unwrapped(driver.env).scenario
    about: dict[str, Any] = {
        "mab_gym": __version__,
        "env": scenario.environment.id,
        "agent": AGENT,
        "protocol": scenario.environment.protocol,
        "max_steps": scenario.environment.max_steps,
        "variant": start.options.get("variant"),
        "archive": scenario.backend.digest,
    }
    reward = {
        "reward": driver.reward,
        "steps": float(driver.info["step"]),
        "unsafe": float(driver.info["verdict"]["unsafe"]),
    }
    _clear(out / REWARD).write_text(json.dumps(reward) + "\n", encoding="utf-8")
    with RunFolder(_clear(out / RUN), about) as run:
        run.add(driver.record(AGENT))
    return reward


def _clear(path: Path) -> Path:
    """Removes what is at a path, and returns the path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path
