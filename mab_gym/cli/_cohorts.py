"""Finds the archive that a command of ``mab-gym data`` names: by a cohort's name or a file's path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mab_gym.cli._console import stages
from mab_gym.cohort._locate import NAMED, check_archive, is_file, named_archive, named_spec
from mab_gym.errors import UsageError
from mab_gym.fhir.store._archive import Archive, open_archive

DEFAULT = "canonical"
MEANT = f"A cohort ({', '.join(NAMED)}, or as in train-10000-7) or an archive's file."
Cohort = Annotated[str | None, typer.Argument(help=f"{MEANT} [default: {DEFAULT}]", show_default=False)]
CohortOption = Annotated[str | None, typer.Option("--cohort", help="The same, as an option.")]


def meant(*named: str | None) -> str:
    """Returns the cohort that a command names, as an argument or an option, or the default one.

    Raises:
        UsageError: It names two different cohorts.
    """
    said = list(dict.fromkeys(name for name in named if name is not None))
    if len(said) > 1:
        raise UsageError(f"one cohort at a time, not {' and '.join(said)}")
    return said[0] if said else DEFAULT


def cohort_and_patient(words: Sequence[str], option: str | None) -> tuple[str, str]:
    """Reads ``[COHORT] MRN``, in either order.

    Raises:
        UsageError: There are more than two words, or two cohorts.
    """
    if len(words) > 2:
        raise UsageError(f"give a cohort and an MRN, not {len(words)} words: {' '.join(words)}")
    *before, mrn = words
    if before and _is_cohort(mrn) and not _is_cohort(before[0]):
        before, mrn = [mrn], before[0]
    return meant(*before, option), mrn


def existing_archive(cohort: str) -> Path:
    """Returns the path of an archive that is there; builds nothing.

    Raises:
        UsageError: There is neither a cohort nor a file of this name.
        ArchiveError: The cohort is not built.
    """
    return _located(cohort) or check_archive(named_spec(cohort))


def opened(cohort: str) -> Archive:
    """Opens the archive of a file, or of a cohort, which is built first if it is missing.

    Raises:
        UsageError: There is neither a cohort nor a file of this name.
        ArchiveError: The file is not a complete archive.
    """
    with stages(f"building the {cohort} cohort") as tell:
        return open_archive(_located(cohort) or named_archive(cohort, tell))


def _located(cohort: str) -> Path | None:
    """Returns the path of a file; None for a cohort's name.

    Raises:
        UsageError: The name looks like a path, but there is no such file.
    """
    if cohort not in NAMED and is_file(cohort):
        return Path(cohort)
    if cohort not in NAMED and Path(cohort).is_dir():
        raise UsageError(f"{cohort} is a folder, not an archive; `mab-gym data import` makes an archive of its files")
    if cohort.endswith(".mab") or len(Path(cohort).parts) > 1:
        raise UsageError(f"there is no file {cohort}; name an archive, or a cohort: {', '.join(NAMED)}")
    return None


def _is_cohort(word: str) -> bool:
    """Tells if a word names a cohort or a file."""
    if word in NAMED or is_file(word):
        return True
    try:
        named_spec(word)
    except UsageError:
        return False
    return True
