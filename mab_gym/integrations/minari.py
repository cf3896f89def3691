"""Stored episodes as a Minari dataset, for offline reinforcement learning: ``mab-gym export RUN --minari ID``."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from gymnasium import spaces

from mab_gym.errors import UsageError
from mab_gym.integrations._installed import needing
from mab_gym.runs._fine_tuning import WHICH
from mab_gym.runs._records import EpisodeRecord

with needing("minari", "a Minari dataset needs"):
    import h5py  # noqa: F401  (Minari imports it, and Pillow, when it writes)
    import minari
    import PIL  # noqa: F401
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_dataset import parse_dataset_id
    from minari.storage.datasets_root_dir import get_dataset_path

__all__ = ["write_dataset"]

ALL, SUCCESSFUL = WHICH


def episode(record: EpisodeRecord) -> EpisodeBuffer | None:
    """Returns an episode in Minari's form; None if there was no action.

    Observations are the texts that the agent saw, with the HTTP status. There is one more than there are actions; the
    last is empty if the last action had no reply. The reward comes with the last action. The last entry of ``infos``
    holds the verdict as JSON. Seed and options are those for ``env.reset``.

    Args:
        record: A whole record.
    """
    if not record.actions or not record.messages:
        return None
    steps = len(record.actions)
    shown = [message for message in record.messages if message["role"] in ("user", "tool")][: steps + 1]
    nothing = [{"content": "", "status": 0}] * (steps + 1 - len(shown))
    return EpisodeBuffer(
        seed=record.seed,
        options={"case": record.case, **({"variant": record.variant} if record.variant else {})},
        observations={
            "text": [_storable(each["content"]) for each in (*shown, *nothing)],
            "status": [int(each.get("status", 0)) for each in (*shown, *nothing)],
        },
        actions=[_storable(action) for action in record.actions],
        rewards=[0.0] * (steps - 1) + [record.reward],
        terminations=[False] * (steps - 1) + [record.terminated],
        truncations=[False] * (steps - 1) + [record.truncated],
        infos={"verdict": [""] * steps + [json.dumps(dict(record.verdict))]},
    )


def about(record: EpisodeRecord) -> dict[str, Any]:
    """Returns the metadata of an episode: the case, the agent and the outcome."""
    return {
        "env": record.env,
        "agent": record.agent,
        "case": record.case,
        "family": record.family,
        "kind": record.kind,
        "difficulty": record.difficulty,
        "success": bool(record.verdict["success"]),
        "unsafe": bool(record.verdict.get("unsafe")),
        "failure": record.verdict["failure"] or "",
    }


def write_dataset(records: Iterable[EpisodeRecord], dataset_id: str, which: str = ALL) -> minari.MinariDataset | None:
    """Writes a dataset to Minari's folder: the one that ``MINARI_DATASETS_PATH`` names, or its default.

    The spaces hold exactly the characters that occur, up to the greatest length, so that readers do not need this
    package. Nothing is uploaded.

    Args:
        records: Whole records; those that do not count are left out.
        dataset_id: The id, as in ``medagentbench/oracle-v0``.
        which: ``all`` or ``successful``.

    Returns:
        The dataset; None if there was nothing to write.

    Raises:
        UsageError: The dataset exists already, or the id or ``which`` is invalid.
    """
    if which not in WHICH:
        raise UsageError(f"the episodes to export are {' or '.join(WHICH)}, not {which!r}")
    try:
        parse_dataset_id(dataset_id)
    except ValueError as error:
        raise UsageError(f"{dataset_id!r} is not the id of a dataset, as in medagentbench/oracle-v0: {error}") from None
    folder = get_dataset_path(dataset_id)
    if folder.exists():
        raise UsageError(
            f"there is a dataset {dataset_id} already, at {folder}; choose another id (nothing was changed)"
        )
    told = [
        (record, buffer)
        for record in records
        if record.counts and (which == ALL or record.verdict["success"]) and (buffer := episode(record)) is not None
    ]
    if not told:
        return None
    buffers = [buffer for _, buffer in told]
    agents, envs = (sorted({getattr(record, name) for record, _ in told}) for name in ("agent", "env"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about a missing author, e-mail address and so on
            dataset = minari.create_dataset_from_buffers(
                dataset_id,
                buffers,
                observation_space=spaces.Dict(
                    {
                        "text": _space([text for buffer in buffers for text in buffer.observations["text"]]),
                        "status": spaces.Discrete(600),
                    }
                ),
                action_space=_space([text for buffer in buffers for text in buffer.actions]),
                algorithm_name=", ".join(agents),
                description=f"{which} episodes of {', '.join(envs)}, played by {', '.join(agents)}",
                requirements=["mab-gym"],
                data_format="hdf5",
            )
        dataset.storage.update_episode_metadata([about(record) for record, _ in told])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # a dataset is complete or not there
        raise
    return dataset


def _space(texts: Sequence[str]) -> spaces.Text:
    characters = sorted(set().union(*texts)) or [" "]
    return spaces.Text(max(1, *map(len, texts)), min_length=0, charset="".join(characters))


def _storable(text: str) -> str:
    """Returns a text that HDF5 can store: lone surrogates and NUL become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
