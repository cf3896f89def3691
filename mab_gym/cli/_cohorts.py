"""Finds the archive that the commands of ``mab-gym data`` are told of: by a cohort's name or a file's path."""

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
    """The one cohort that is meant, where it may be said in several ways.

    Raises:
        UsageError: Two different ones are named.
    """
    said = list(dict.fromkeys(name for name in named if name is not None))
    if len(said) > 1:
        raise UsageError(f"one cohort at a time, not {' and '.join(said)}")
    return said[0] if said else DEFAULT


def cohort_and_patient(words: Sequence[str], option: str | None) -> tuple[str, str]:
    """The meaning of ``[COHORT] MRN``, in whichever order the two come.

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
    """The path at which an archive lies or would lie; nothing is built.

    Raises:
        UsageError: There is neither a cohort nor a file of this name.
    """
    return Path(cohort) if _is_file(cohort) else _located(cohort) or check_archive(named_spec(cohort))


def opened(cohort: str) -> Archive:
    """The archive of a cohort, which is built first where it is not there yet, or of a file.

    Raises:
        UsageError: There is neither a cohort nor a file of this name.
        ArchiveError: The file is no whole archive.
    """
    with stages(f"building the {cohort} cohort") as tell:
        return open_archive(_located(cohort) or named_archive(cohort, tell))


def _located(cohort: str) -> Path | None:
    """The file that is named; None for a cohort's name.

    Raises:
        UsageError: What looks like a path leads to no file.
    """
    if _is_file(cohort):
        return Path(cohort)
    if cohort not in NAMED and Path(cohort).is_dir():
        raise UsageError(f"{cohort} is a folder, not an archive; `mab-gym data import` makes an archive of its files")
    if cohort.endswith(".mab") or len(Path(cohort).parts) > 1:
        raise UsageError(f"there is no file {cohort}; name an archive, or a cohort: {', '.join(NAMED)}")
    return None


def _is_file(cohort: str) -> bool:
    return cohort not in NAMED and is_file(cohort)


def _is_cohort(word: str) -> bool:
    """Tells if a word names a cohort or a file."""
    if word in NAMED or is_file(word):
        return True
    try:
        named_spec(word)
    except UsageError:
        return False
    return True
