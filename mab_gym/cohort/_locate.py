"""The archives of this computer: their places, and building them when they are first needed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import platformdirs

from mab_gym._opening import NOTHING, OPENING, Opened, stamp
from mab_gym.cohort._spec import (
    BEYOND,
    BEYOND_TRAIN,
    CANONICAL,
    REDUCED,
    TRAIN,
    VALIDATION,
    CohortSpec,
    LayeredSpec,
    Progress,
    ReducedSpec,
    scaled,
)
from mab_gym.cohort.hospital._spec import HOSPITAL, HOSPITAL_TRAIN, HOSPITAL_VALIDATION, HospitalSpec
from mab_gym.errors import ArchiveError, UsageError
from mab_gym.fhir.store._archive import CACHE_VARIABLE, check_place, read_about, write_archive

GENERATOR_VERSION = 3
"""Raised whenever the generator gives other records for the same spec, so that old archives are not taken for new."""
Spec = CohortSpec | LayeredSpec | ReducedSpec | HospitalSpec
NAMED: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        CANONICAL, TRAIN, VALIDATION, BEYOND, BEYOND_TRAIN, REDUCED, HOSPITAL, HOSPITAL_VALIDATION, HOSPITAL_TRAIN,
    )
}  # fmt: skip
__all__ = [
    "CACHE_VARIABLE", "GENERATOR_VERSION", "NAMED", "Progress", "Spec", "archive_path", "build_archive",
    "cache_folder", "check_archive", "ensure_archive", "existing_archive", "is_built", "is_file", "named_archive",
    "named_spec",
]  # fmt: skip
_SCALED = re.compile(
    r"(canonical|train|validation|hospital|hospital-train|hospital-validation)-([0-9]{1,7})-([0-9]{1,10})", re.ASCII
)


def cache_folder() -> Path:
    """The folder in which archives lie.

    Raises:
        UsageError: Nobody says where the user's cache is.
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    try:
        folder = Path(platformdirs.user_cache_dir("mab_gym", appauthor=False))
    except RuntimeError:  # older releases give a path that begins with a tilde
        folder = Path()
    if not folder.is_absolute():
        raise UsageError(f"this user has no home folder to keep archives in; {CACHE_VARIABLE} names another folder")
    return folder / "archives"


def archive_path(spec: Spec) -> Path:
    """The path of a cohort's archive, built or not; the name changes with the spec and the generator."""
    return cache_folder() / _file_name(spec)


@cache
def _file_name(spec: Spec) -> str:
    facts = json.dumps([GENERATOR_VERSION, _facts(spec)], sort_keys=True)
    return f"{spec.name}-{hashlib.blake2b(facts.encode(), digest_size=6).hexdigest()}.mab"


def named_spec(name: str) -> Spec:
    """A cohort by name: one of `NAMED`, or a scaled one as in ``train-10000-7`` (of so many people, with that seed).

    Raises:
        UsageError: There is none of this name.
    """
    if name in NAMED:
        return NAMED[name]
    if match := _SCALED.fullmatch(name):
        of, people, seed = NAMED[match[1]], int(match[2]), int(match[3])
        if isinstance(of, HospitalSpec):
            return of.scaled(people, seed)
        assert isinstance(of, CohortSpec)
        return scaled(people, of, seed)
    raise UsageError(
        f"there is no cohort {name!r}; there are: {', '.join(NAMED)}, and larger or smaller ones as in train-10000-7"
    )


def existing_archive(name: str) -> Path:
    """The archive of a cohort by its name, which is not built for it, or an archive's file by its path.

    Raises:
        UsageError: There is no cohort of this name.
        ArchiveError: It is not built, or is not that cohort's.
    """
    return Path(name) if name not in NAMED and is_file(name) else check_archive(named_spec(name))


def named_archive(name: str, progress: Progress | None = None) -> Path:
    """The archive of a cohort by its name, built first where it is not there yet, or an archive's file by its path.

    Raises:
        UsageError: There is neither a cohort nor a file of this name.
    """
    if name not in NAMED and is_file(name):
        return Path(name)
    if Path(name).suffix:
        raise UsageError(f"there is no file {name}; name an archive, or a cohort: {', '.join(NAMED)}")
    return ensure_archive(named_spec(name), progress)


def is_file(name: str) -> bool:
    """Tells if a text is the path of a file; any text may be asked for."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # no text that could be a path, or none that may be looked at
        return False


def build_archive(spec: Spec, progress: Progress | None = None, processes: int = 1) -> Path:
    """Generates a cohort and writes its archive, whole or not at all.

    Args:
        spec: Which cohort.
        progress: Called with a stage's name, what is done and what there is to do.
        processes: The number of processes that simulate the people of a living hospital; the archive is the same.

    Raises:
        ArchiveError: It cannot be written; the text names the path, the reason, and what moves the cache.
    """
    # Not needed where the archive is there.
    from mab_gym.cohort._generate import generate  # noqa: PLC0415
    from mab_gym.cohort._layered import generate_layered  # noqa: PLC0415
    from mab_gym.cohort._reduced import generate_reduced  # noqa: PLC0415
    from mab_gym.cohort.hospital._generate import hospital_tables  # noqa: PLC0415

    path = archive_path(spec)
    check_place(path)
    ledger: dict[str, str] = {}
    match spec:
        case LayeredSpec():
            tables = generate_layered(spec, progress)
        case ReducedSpec():
            tables = generate_reduced(spec, progress)
        case HospitalSpec():
            tables = hospital_tables(spec, progress, processes, ledger)
        case _:
            tables = generate(spec, progress)
    about = {**_about(spec), "counts": {t.resource_type: len(t) for t in tables}}
    if progress is not None:
        progress("writing", 0, 1)
    try:
        write_archive(path, tables, about, ledger)
    except ArchiveError as error:
        # Windows refuses to replace a file that another process has mapped: then that process has built the same.
        if not isinstance(error.__cause__, PermissionError) or not is_built(spec):
            raise
    if progress is not None:
        progress("writing", 1, 1)
    return path


@cache
def _about(spec: Spec) -> Mapping[str, Any]:
    """The description that a cohort's archive holds of itself, without the counts."""
    size = _facts(spec.base) if isinstance(spec, LayeredSpec | ReducedSpec) else {}
    now = {"now": _now_in_hospital()} if isinstance(spec, HospitalSpec) else {}
    return {**size, **_facts(spec), **now, "generator": GENERATOR_VERSION}


def _now_in_hospital() -> str:
    # Reads a time zone, which no other cohort needs.
    from mab_gym.cohort.hospital._history import NOW, local  # noqa: PLC0415

    return local(NOW).isoformat()


def _facts(spec: Spec) -> dict[str, Any]:
    """The fields of a spec, but for later ones with their usual values, so that older archives stay good."""

    def told(facts: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in facts if name not in _USUAL or value != _USUAL[name]}

    return dataclasses.asdict(spec, dict_factory=told)


_USUAL: Final = {
    field.name: field.default
    for kind in (CohortSpec, LayeredSpec)
    for field in dataclasses.fields(kind)
    if field.name in {"least_observations", "bedside", "spread", "on_warfarin", "low_haemoglobin"}
}
"""The fields of specs that came after the first archives were built, and their usual values."""


_SAID: Opened[Mapping[str, Any]] = Opened()


def check_archive(spec: Spec) -> Path:
    """Gives the path of a cohort's archive, having looked that it says to be that cohort's.

    Raises:
        ArchiveError: It is missing, is no archive, or is that of another cohort, seed, size or recipe.
    """
    path = archive_path(spec)
    said = _SAID.get(path, stamp(path), lambda: read_about(path))
    wanted = _about(spec)
    if wrong := [name for name, value in wanted.items() if said.get(name) != value]:
        differing = ", ".join(f"{name} {said.get(name)!r} in place of {wanted[name]!r}" for name in wrong[:3])
        raise ArchiveError(
            f"the archive {path} is not that of the cohort {spec.name}: it says {differing}; "
            f"`mab-gym data build {spec.name} --force` makes it anew"
        )
    return path


def is_built(spec: Spec) -> bool:
    """Tells if there is something where a cohort's archive belongs; `check_archive` says whether it is that."""
    return stamp(archive_path(spec)) != NOTHING


def ensure_archive(spec: Spec, progress: Progress | None = None) -> Path:
    """The cohort's archive, built first where it is not there yet.

    Raises:
        ArchiveError: There is something else in its place, which is left alone, or it cannot be written.
    """
    with OPENING:
        return check_archive(spec) if is_built(spec) else build_archive(spec, progress)
