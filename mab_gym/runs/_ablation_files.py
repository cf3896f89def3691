"""The files of an ablation beside its runs: ``ablation.json``, which also describes the ablation, and ``.csv``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mab_gym import __version__
from mab_gym.errors import UsageError
from mab_gym.runs._ablation import SERIES, Dimension, Figures
from mab_gym.runs._records import EPISODES, RUN

JSON: Final = "ablation.json"
CSV: Final = "ablation.csv"


@dataclass(frozen=True, slots=True)
class AblationFolder:
    """The folder of an ablation.

    Attributes:
        folder: The path.
        varied: The parameter that is varied.
        settings: The settings, in order.
    """

    folder: Path
    varied: Dimension
    settings: list[str]

    def check(self) -> None:
        """Checks that the folder can take the ablation; changes nothing.

        Raises:
            UsageError: It holds something else, or a setting that is there is left out now (adding some is fine).
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{self.folder} is a file; name a folder")
        for name in (RUN, EPISODES):
            if (self.folder / name).exists():
                raise UsageError(f"{self.folder} holds a run; name another folder (nothing was changed)")
        there = self._read()
        if there is None:
            return
        left_out = [name for name in there["settings"] if name not in self.settings]
        if there["dimension"] != self.varied.name or left_out:
            raise UsageError(
                f"{self.folder} holds another ablation: {there['dimension']} {','.join(there['settings'])}; name "
                "another folder, or name its settings, to which you may add (nothing was changed)"
            )

    def _read(self) -> dict[str, Any] | None:
        path = self.folder / JSON
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
            known = isinstance(there["dimension"], str) and all(isinstance(name, str) for name in there["settings"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError, KeyError):
            known = False
        if not known:
            raise UsageError(f"{path} does not describe an ablation; name another folder (nothing was changed)")
        return dict(there)

    def begin(self) -> None:
        """Makes the folder and writes its description; earlier figures stay until there are new ones.

        Raises:
            UsageError: The folder cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            there = self._read()
            if there is None or there["settings"] != self.settings:
                self._write_json({})
        except OSError as error:
            raise UsageError(f"{self.folder} cannot take an ablation: {error.strerror}") from None

    def finish(self, found: Sequence[Figures], reference: str, about: Mapping[str, Any]) -> tuple[Path, ...]:
        """Writes the figures and returns their files; shares are from 0 to 1.

        Args:
            found: The figures of each setting.
            reference: The setting with which the others are compared.
            about: Further entries of ``ablation.json``.
        """
        text = io.StringIO(newline="")
        rows = [_row(each) for each in found]
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        _write_whole(self.folder / CSV, text.getvalue())
        told = {"reference": reference, "paired": self.varied.paired, "figures": [asdict(each) for each in found]}
        self._write_json({**about, **told})
        return (self.folder / JSON, self.folder / CSV)

    def _write_json(self, more: Mapping[str, Any]) -> None:
        told = {"mab_gym": __version__, "dimension": self.varied.name, "settings": self.settings, **more}
        _write_whole(self.folder / JSON, json.dumps(told, indent=2, ensure_ascii=False) + "\n")


def _row(found: Figures) -> dict[str, str | int | float | None]:
    row: dict[str, str | int | float | None] = {"setting": found.setting}
    row |= {"episodes": found.episodes, "counted": found.counted}
    for name, estimate in (*((name, found.rates[name]) for name in SERIES), ("difference", found.difference)):
        row[name] = None if estimate is None else estimate.value
        for part in ("low", "high", "cases"):
            row[f"{name}_{part}"] = None if estimate is None else getattr(estimate, part)
    return row | {name: getattr(found, name) for name in ("steps", "tokens_in", "tokens_out", "cost", "unsafe")}


def _write_whole(path: Path, text: str) -> None:
    """Writes a file completely or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="")
    part.replace(path)
