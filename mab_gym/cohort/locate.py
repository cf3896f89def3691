"""Where archives lie on this computer, and building them when they are first needed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import platformdirs

from mab_gym.cohort.spec import (
    BEYOND,
    BEYOND_TRAIN,
    CANONICAL,
    REDUCED,
    TRAIN,
    VALIDATION,
    CohortSpec,
    LayeredSpec,
    ReducedSpec,
    scaled,
)
from mab_gym.errors import UsageError
from mab_gym.fhir.archive import write_archive

CACHE_VARIABLE = "MAB_GYM_CACHE"
"""Environment variable that names another folder for archives than the user's cache."""
GENERATOR_VERSION = 2
"""Raised whenever the generator gives other records for the same spec, so that old archives are not taken for new."""
Spec = CohortSpec | LayeredSpec | ReducedSpec
NAMED: dict[str, Spec] = {spec.name: spec for spec in (CANONICAL, TRAIN, VALIDATION, BEYOND, BEYOND_TRAIN, REDUCED)}
_SCALED = re.compile(r"(canonical|train|validation)-([0-9]{1,7})-([0-9]{1,10})", re.ASCII)

Progress = Callable[[str, int, int], None]


def cache_folder() -> Path:
    """The folder in which archives lie."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("mab_gym", appauthor=False)) / "archives"


def archive_path(spec: Spec) -> Path:
    """Where a cohort's archive lies or would lie; the name changes with the spec and the generator."""
    facts = json.dumps([GENERATOR_VERSION, dataclasses.asdict(spec)], sort_keys=True)
    return cache_folder() / f"{spec.name}-{hashlib.blake2b(facts.encode(), digest_size=6).hexdigest()}.mab"


def named_spec(name: str) -> Spec:
    """A cohort by name: one of `NAMED`, or a scaled one as in ``train-10000-7`` (of so many people, with that seed).

    Raises:
        UsageError: There is none of this name.
    """
    if name in NAMED:
        return NAMED[name]
    if match := _SCALED.fullmatch(name):
        of = NAMED[match[1]]
        assert isinstance(of, CohortSpec)
        return scaled(int(match[2]), of, int(match[3]))
    raise UsageError(
        f"there is no cohort {name!r}; there are: {', '.join(NAMED)}, and larger or smaller ones as in train-10000-7"
    )


def named_archive(name: str, progress: Progress | None = None) -> Path:
    """The archive of a cohort by its name, built first where it is not there yet, or an archive's file by its path.

    Raises:
        UsageError: There is neither a cohort nor a file of this name.
    """
    if name not in NAMED and Path(name).is_file():
        return Path(name)
    if Path(name).suffix:
        raise UsageError(f"there is no file {name}; name an archive, or a cohort: {', '.join(NAMED)}")
    return ensure_archive(named_spec(name), progress)


def build_archive(spec: Spec, progress: Progress | None = None) -> Path:
    """Generates a cohort and writes its archive, whole or not at all.

    Args:
        spec: Which cohort.
        progress: Called with a stage's name, what is done and what there is to do.
    """
    # Not needed where the archive is there.
    from mab_gym.cohort.generate import generate  # noqa: PLC0415
    from mab_gym.cohort.layered import generate_layered  # noqa: PLC0415
    from mab_gym.cohort.reduced import generate_reduced  # noqa: PLC0415

    match spec:
        case LayeredSpec():
            tables = generate_layered(spec, progress)
        case ReducedSpec():
            tables = generate_reduced(spec, progress)
        case _:
            tables = generate(spec, progress)
    path = archive_path(spec)
    size = {} if isinstance(spec, CohortSpec) else dataclasses.asdict(spec.base)
    about = {
        **size,
        **dataclasses.asdict(spec),
        "generator": GENERATOR_VERSION,
        "counts": {t.resource_type: len(t) for t in tables},
    }
    if progress is not None:
        progress("writing", 0, 1)
    try:
        write_archive(path, tables, about)
    except PermissionError:
        # Windows refuses to replace a file that another process has mapped: then that process has built the same.
        if not path.is_file():
            raise
    if progress is not None:
        progress("writing", 1, 1)
    return path


def ensure_archive(spec: Spec, progress: Progress | None = None) -> Path:
    """The cohort's archive, built first where it is not there yet."""
    path = archive_path(spec)
    return path if path.is_file() else build_archive(spec, progress)
