#!/usr/bin/env python3
"""Writes docs/physiology.md and docs/figures/physiology-*.svg from the models and their scenes.

python scripts/_physiology_plots.py              writes them anew
python scripts/_physiology_plots.py potassium    writes the figure of one model alone
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from _physiology_scene import Scene  # noqa: E402
from _physiology_scenes import (  # noqa: E402
    creatinine_scene,
    glucose_scene,
    potassium_scene,
    sodium_scene,
    vancomycin_scene,
)
from _physiology_scenes_blood import (  # noqa: E402
    haemoglobin_scene,
    heparin_scene,
    pressure_scene,
    sepsis_scene,
    warfarin_scene,
)
from _svg_plot import drawn  # noqa: E402

SCENES: Mapping[str, Callable[[], Scene]] = {
    "potassium": potassium_scene, "sodium": sodium_scene, "glucose": glucose_scene, "warfarin": warfarin_scene,
    "heparin": heparin_scene, "vancomycin": vancomycin_scene, "creatinine": creatinine_scene,
    "haemoglobin": haemoglobin_scene, "sepsis": sepsis_scene, "pressure": pressure_scene,
}  # fmt: skip
"""The scene of each model, by its module."""
PAGE = ROOT / "docs" / "physiology.md"
_HEAD = """# Physiology

<!-- Written by scripts/_physiology_plots.py from the models; changes here are lost. -->

Ten small models let orders have consequences ([the living hospital](hospital.md)). Each is one module of pure
functions in `mab_gym/dynamics/physiology`: a patient, a state and what is given make the state some minutes later.
Nothing in them is random. **They are for learning, not for patients**: they give means that their sources print, and
leave out most of what a body does.

Each picture has the model against figures that its source prints on the left, and a course in hospital on the right.
Lines and dots are the model; rings, bars and dashed lines are figures of sources.
"""


def figure(name: str) -> str:
    """Returns the figure of a model as SVG."""
    scene = SCENES[name]()
    return drawn(scene.title, scene.panels, scene.source)


def page() -> str:
    """Returns the page."""
    parts = [_HEAD]
    for name, make in SCENES.items():
        scene = make()
        first, *rest = _about(name).split("\n\n")
        parts.append(f"## {scene.title}\n\n{textwrap.fill(scene.says, 120)}\n")
        shown = f"{scene.title}: {scene.panels[0].title}; {scene.panels[1].title}"
        parts.append(f"![{shown}](figures/physiology-{name}.svg)\n")
        parts.append(f"{first}\n\n" + "\n\n".join(rest) + f"\n\nThe module is `mab_gym.dynamics.physiology._{name}`.\n")
    return "\n".join(parts)


def _about(name: str) -> str:
    """Returns a module's docstring as Markdown."""
    source = (ROOT / "mab_gym" / "dynamics" / "physiology" / f"_{name}.py").read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) or ""
    return re.sub(r"``(.+?)``", r"`\1`", text.replace("*", "\\*"))


def main(names: list[str]) -> None:
    """Writes the figures, and the page where all of them are written."""
    for name in names or SCENES:
        if name not in SCENES:
            sys.exit(f"there is no model {name!r}; there are {', '.join(SCENES)}")
        path = ROOT / "docs" / "figures" / f"physiology-{name}.svg"
        path.write_text(figure(name), encoding="utf-8", newline="\n")
        print(f"{path.relative_to(ROOT)} ({path.stat().st_size / 1000:.1f} kB)")
    if not names:
        PAGE.write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
