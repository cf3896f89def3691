"""Task families: loads a family from its folder, wherever that is.

tasks/latest_magnesium/
    task.toml      name, number, kind, summary; max_steps, if episodes of it are longer or shorter than others; pages,
                   the handbook's pages that hold its protocol; sources; tables rules and traps, for the docs
    prompt.md      context, a line ---, question; filled with the case's params, {now}, and {patient}, which variants
                   may replace by another name; {protocol}, for the protocol as far as it is told; and the names of
                   texts that lie above all families of a folder, as {house} for house.md
    cases.py       BRANCHES and draw(chart, rng, branch); WHO, if the patient is named by another parameter than mrn
    verifier.py    verify(case, chart, result)
    solution.py    solve(case, desk)
    cases.jsonl    the frozen canonical cases
    gold.jsonl     their answers and writes as data, for tests to compare with
    validation.jsonl   optional: further frozen cases, on other people, by which runs of training are chosen
    prompt_lookup.md   optional: the context without codes, for the variant ``lookup``
    course.py      optional: begin(case, chart), the course of a stay on the clock
    arrivals.py    optional: arrive(case, chart), resources that have come in with the case: a message, a request; and
                   later(case, chart), resources that come in while the agent works
    placeholders.py  optional: PLACEHOLDERS, further placeholders of the prompt, with functions of case and clock
    menu.py        optional: guide(opening), which puts the decisions of a case to a learner (`mab_gym.menu`)
"""

from __future__ import annotations

import importlib.util
import os
import random
import string
import sys
import tomllib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

from mab_gym._opening import OPENING, Stamp, stamp_of
from mab_gym.cohort.hospital._pages import page_text
from mab_gym.errors import ContentError
from mab_gym.tasking._difficulty import DIFFICULTIES, UNRATED, rated_by
from mab_gym.tasking._kinds import KINDS
from mab_gym.tasking._later import Later
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk, Solution
from mab_gym.tasking.stay import Begin
from mab_gym.tasking.verdict import Verdict

Stamps = tuple[tuple[str, Stamp], ...]

PROTOCOL = "protocol"
"""The prompt's placeholder for the protocol, as far as it is told."""
PATIENT = "patient"
"""The prompt's placeholder for the name of the patient, which variants exchange; the case needs an ``mrn`` for it."""
BY_MRN = "the patient with the MRN {}"
_TRIES_FOR_SOMEBODY_NEW = 200
SERVICE = "service.toml"
"""The file of a folder in a folder of families that holds the families of one service."""
PARTS = ("task.toml", "prompt.md", "cases.py", "verifier.py", "solution.py")


class Draw(Protocol):
    """A function that draws the parameters of a case of one branch."""

    def __call__(self, chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
        """Returns the case's parameters, or None if the chart has no such patient."""
        ...


class Verify(Protocol):
    """A function that judges an agent's answer and writes."""

    def __call__(self, case: Case, chart: Chart, result: Result) -> Verdict:
        """Returns the verdict; never raises for anything that an agent did."""
        ...


class Solve(Protocol):
    """A gold solution."""

    def __call__(self, case: Case, desk: Desk) -> Solution:
        """Returns a generator that yields actions and is sent the replies."""
        ...


class Arrive(Protocol):
    """A function that tells which resources came in with a case."""

    def __call__(self, case: Case, chart: Chart) -> Sequence[Mapping[str, Any]]:
        """Returns the resources, with their ids."""
        ...


class ComeLater(Protocol):
    """A function that tells which resources come in while an agent works."""

    def __call__(self, case: Case, chart: Chart) -> Sequence[Later]:
        """Returns the resources with their times."""
        ...


class Fill(Protocol):
    """A function that returns what stands in a prompt for a placeholder that is no parameter of the case."""

    def __call__(self, case: Case, now: str) -> str:
        """Returns the text."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """One category of tasks.

    Attributes:
        name: The folder's name.
        number: Its place in listings; 1 to 10 are MedAgentBench's categories.
        kind: ``query`` or ``action``.
        difficulty: ``easy`` (1 step), ``medium`` (2) or ``hard`` (3 and more), counted in the gold solutions of the
            frozen cases. Without frozen cases, the one that ``task.toml`` states, or ``unrated``.
        summary: The task in a few words.
        context: The prompt's context, with placeholders such as ``{param}``.
        question: The prompt's question, with placeholders such as ``{param}``.
        branches: Its clinical situations, each with its share of thirty cases.
        draw: See `Draw`.
        verify: See `Verify`.
        solve: See `Solve`.
        cases: The frozen canonical cases.
        without_codes: The context for the variant ``lookup``, where the agent looks up codes; empty if there is none.
        max_steps: Actions after which an episode is truncated, where the environment says no number; None for the
            usual one.
        excused: By the name of a rule or a shortcut, the reason why the audit lets it pass.
        who: The parameter that names the case's patient; no two cases of a set are about the same one.
        course: Returns the course of a case's stay; None if the family has no clock.
        guide: Plays a case by questions, for menus; None if the family has none.
        service: The folder of families that it lies in, as ``ward``; empty where folders are not divided by service.
        pages: Numbers of the handbook's pages that hold its protocol, as ``MED-101``.
        sources: Publications behind its rules and accepted ways.
        rules: By the name of each rule that its gold solution follows, one sentence.
        traps: By name, one sentence on each thing that misleads.
        arrive: Returns what came in with a case; None if nothing does.
        later: Returns what comes in while the agent works; None if nothing does.
        validation: The frozen cases by which runs of training are chosen, on other people; empty if there are none.
        placeholders: By the name of a placeholder that is no parameter, what stands there in the prompt of a case.
    """

    name: str
    number: int
    kind: str
    difficulty: str
    summary: str
    context: str
    question: str
    branches: Mapping[str, int]
    draw: Draw
    verify: Verify
    solve: Solve
    cases: Sequence[Case]
    without_codes: str = ""
    who: str = "mrn"
    max_steps: int | None = None
    excused: Mapping[str, str] = field(default_factory=dict)
    course: Begin | None = None
    guide: Callable[[str], Any] | None = None
    service: str = ""
    pages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    traps: Mapping[str, str] = field(default_factory=dict)
    arrive: Arrive | None = None
    later: ComeLater | None = None
    validation: tuple[Case, ...] = ()
    placeholders: Mapping[str, Fill] = field(default_factory=dict)

    def prompt(self, case: Case, now: str, patient: str = "", knowledge: str = "handbook") -> tuple[str, str]:
        """Returns the context and the question of a case.

        Args:
            case: A case of this family.
            now: The record system's clock, as text.
            patient: The words for ``{patient}``; if empty, "the patient with the MRN …".
            knowledge: The place of the protocol, one of `KNOWLEDGE`.
        """
        whom = patient or BY_MRN.format(case.params.get("mrn", ""))
        values = {"now": now, PATIENT: whom, PROTOCOL: told_protocol(self.pages, knowledge), **case.params}
        values |= {name: fill(case, now) for name, fill in self.placeholders.items()}
        return self.context.format_map(values), self.question.format_map(values)

    @property
    def is_casework(self) -> bool:
        """True if its cases are long work that is judged by the state of the records: those of a service are."""
        return bool(self.service)

    @property
    def names_patient(self) -> bool:
        """True if the question has a placeholder for the name of the patient."""
        return f"{{{PATIENT}}}" in self.question

    def draw_cases(self, chart: Chart, seed: int, count: int) -> list[Case]:
        """Draws cases, branches in proportion to their shares, and no patient twice if the chart has enough of them.

        Args:
            chart: The chart to draw from.
            seed: Equal seeds give equal cases on equal charts.
            count: The number of cases.

        Raises:
            ContentError: The chart has no patient for a branch.
        """
        rng = random.Random(f"{self.name}/{seed}")
        wheel = [branch for branch, share in self.branches.items() for _ in range(share)]
        # One branch from each of ``count`` equal parts of the wheel: exact shares for thirty, chance for one.
        branches = [wheel[int((place + rng.random()) * len(wheel) / count)] for place in range(count)]
        rng.shuffle(branches)
        drawn: list[Case] = []
        seen: set[str] = set()
        for number, branch in enumerate(branches, start=1):
            params = self.draw_branch(chart, rng, branch)
            for _ in range(_TRIES_FOR_SOMEBODY_NEW):
                if self._whom(params) not in seen:
                    break
                params = self.draw_branch(chart, rng, branch)
            seen.add(self._whom(params))
            drawn.append(Case(self.name, number, branch, params))
        return drawn

    def _whom(self, params: Mapping[str, Any]) -> str:
        return str(params.get(self.who, params))

    def draw_branch(self, chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any]:
        """Draws the parameters of one case of a branch.

        Raises:
            ContentError: The chart has no patient for it.
        """
        for part in chart.parts(rng):
            params = self.draw(part, rng, branch)
            if params is not None:
                return params
        raise ContentError(f"family {self.name}: the chart has no patient for its branch {branch!r}")


def told_protocol(pages: Sequence[str], knowledge: str) -> str:
    """Returns what a prompt says of a protocol.

    Args:
        pages: Numbers of the handbook's pages; without any there is nothing to say.
        knowledge: One of `KNOWLEDGE`.
    """
    if not pages:
        return ""
    if knowledge == "prompt":
        return "Work by the hospital's protocol:\n\n" + "\n\n".join(map(page_text, pages))
    return _TOLD[knowledge]


_TOLD: Final = {
    "handbook": "Work by the hospital's handbook, which is among the records: DocumentReferences with the category "
    "handbook, the text in the attachment (base64). Find all pages that apply: to the matter, to the patient, and to "
    "whatever you write. Only the version in force holds.",
    "none": "There is no protocol of this hospital to go by: work by recognised practice.",
}


def load_family(folder: Path) -> Family:
    """Loads a family from its folder.

    Its Python files are executed, so load only families from people whom you trust.

    Raises:
        ContentError: A file is missing or wrong; the text names the file, and the line if there is one.
    """
    with OPENING:  # another thread must not find a module that is still being run
        return _load(folder)


def stamps(folder: Path | str) -> Stamps:
    """Returns the stamps of a family's files by name; equal stamps mean unchanged files."""
    with os.scandir(folder) as found:
        return tuple(sorted((entry.name, stamp_of(entry.stat())) for entry in found if entry.is_file()))


def _load(folder: Path) -> Family:
    missing = [part for part in PARTS if not (folder / part).is_file()]
    if missing:
        raise ContentError(f"{folder}: a family needs {', '.join(PARTS)}; missing: {', '.join(missing)}")
    about = _read_toml(folder / "task.toml")
    package = _package(folder)
    cases_module = _module(folder / "cases.py", package)
    context, separator, question = _prompt(folder).partition("\n---\n")
    if not separator:
        raise ContentError(f"{folder / 'prompt.md'}: write the context, a line with ---, and the question")
    branches = _attribute(cases_module, "BRANCHES", folder / "cases.py")
    if (
        not isinstance(branches, dict)
        or not branches
        or not all(isinstance(n, int) and n > 0 for n in branches.values())
    ):
        raise ContentError(f"{folder / 'cases.py'}: BRANCHES maps each branch's name to its share, a whole number")
    cases = _read_cases(folder / "cases.jsonl")
    family = Family(
        name=folder.name,
        number=_number(about, folder),
        kind=_choice(about, "kind", KINDS, folder),
        difficulty=_difficulty(about, cases, folder),
        summary=str(about.get("summary", "")),
        context=context.strip(),
        question=question.strip(),
        branches=branches,
        draw=_attribute(cases_module, "draw", folder / "cases.py"),
        verify=_attribute(_module(folder / "verifier.py", package), "verify", folder / "verifier.py"),
        solve=_attribute(_module(folder / "solution.py", package), "solve", folder / "solution.py"),
        cases=cases,
        without_codes=_read_lookup(folder),
        who=str(getattr(cases_module, "WHO", "mrn")),
        max_steps=_max_steps(about, folder),
        excused=_excused(about, folder),
        course=_course(folder, package),
        guide=_guide(folder, package),
        service=folder.parent.name if _in_service(folder) else "",
        pages=_pages(about, folder),
        sources=_texts(about, "sources", folder),
        rules=_sentences(about, "rules", folder),
        traps=_sentences(about, "traps", folder),
        arrive=_arrive(folder, package),
        later=_later(folder, package),
        validation=_read_cases(folder / "validation.jsonl"),
        placeholders=_placeholders(folder, package),
    )
    _check_prompt(family, folder)
    return family


def _in_service(folder: Path) -> bool:
    """Tells if a family lies in the folder of a service."""
    return (folder.parent / SERVICE).is_file()


def _prompt(folder: Path) -> str:
    """Reads the prompt, with the texts that it shares with the other families of the folder."""
    text = (folder / "prompt.md").read_text(encoding="utf-8")
    for path in sorted((folder.parent.parent if _in_service(folder) else folder.parent).glob("*.md")):
        if f"{{{path.stem}}}" in text:
            text = text.replace(f"{{{path.stem}}}", path.read_text(encoding="utf-8").strip())
    return text


def _arrive(folder: Path, package: str) -> Arrive | None:
    path = folder / "arrivals.py"
    if not path.is_file():
        return None
    arrive: Arrive = _attribute(_module(path, package), "arrive", path)
    return arrive


def _later(folder: Path, package: str) -> ComeLater | None:
    path = folder / "arrivals.py"
    if not path.is_file():
        return None
    later: ComeLater | None = getattr(_module(path, package), "later", None)
    return later


def _placeholders(folder: Path, package: str) -> Mapping[str, Fill]:
    path = folder / "placeholders.py"
    if not path.is_file():
        return {}
    fills: Mapping[str, Fill] = _attribute(_module(path, package), "PLACEHOLDERS", path)
    return fills


def _course(folder: Path, package: str) -> Begin | None:
    path = folder / "course.py"
    if not path.is_file():
        return None
    begin: Begin = _attribute(_module(path, package), "begin", path)
    return begin


def _guide(folder: Path, package: str) -> Callable[[str], Any] | None:
    path = folder / "menu.py"
    if not path.is_file():
        return None
    guide: Callable[[str], Any] = _attribute(_module(path, package), "guide", path)
    return guide


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContentError(f"{path}: {error}") from None


def _number(about: Mapping[str, Any], folder: Path) -> int:
    number = about.get("number")
    if not isinstance(number, int) or number < 1:
        raise ContentError(f"{folder / 'task.toml'}: number is a whole number from 1, not {number!r}")
    return number


def _max_steps(about: Mapping[str, Any], folder: Path) -> int | None:
    number = about.get("max_steps")
    if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
        raise ContentError(f"{folder / 'task.toml'}: max_steps is a whole number from 1, not {number!r}")
    return number


def _excused(about: Mapping[str, Any], folder: Path) -> Mapping[str, str]:
    """Reads why the audit excuses rules and shortcuts, by name."""
    return _sentences(about, "excused", folder)


def _sentences(about: Mapping[str, Any], table: str, folder: Path) -> Mapping[str, str]:
    given = about.get(table, {})
    if not isinstance(given, dict) or not all(isinstance(why, str) and why for why in given.values()):
        raise ContentError(f"{folder / 'task.toml'}: [{table}] maps names to a sentence each")
    return given


def _texts(about: Mapping[str, Any], key: str, folder: Path) -> tuple[str, ...]:
    given = about.get(key, [])
    if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
        raise ContentError(f"{folder / 'task.toml'}: {key} is a list of texts, not {given!r}")
    return tuple(given)


def _pages(about: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    pages = _texts(about, "pages", folder)
    for number in pages:
        try:
            page_text(number)
        except ContentError as error:
            raise ContentError(f"{folder / 'task.toml'}: {error}") from None
    return pages


def _choice(about: Mapping[str, Any], key: str, allowed: Sequence[str], folder: Path) -> str:
    value = about.get(key)
    if value not in allowed:
        raise ContentError(f"{folder / 'task.toml'}: {key} is one of {', '.join(allowed)}, not {value!r}")
    return str(value)


def _difficulty(about: Mapping[str, Any], cases: Sequence[Case], folder: Path) -> str:
    """Returns the difficulty by the frozen cases' steps; if nobody counted them, the stated one."""
    counted = rated_by(cases)
    if "difficulty" not in about:
        return counted
    stated = _choice(about, "difficulty", DIFFICULTIES, folder)
    if counted not in (stated, UNRATED):
        raise ContentError(
            f"{folder / 'task.toml'}: difficulty is stated as {stated}, but by the steps in cases.jsonl it is "
            f"{counted}; leave it out"
        )
    return stated


def _read_cases(path: Path) -> tuple[Case, ...]:
    if not path.is_file():
        return ()
    cases: list[Case] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                cases.append(Case.from_json(path.parent.name, line))
            except ValueError as error:
                raise ContentError(f"{path}, line {number}: {error}") from None
    return tuple(cases)


def _read_lookup(folder: Path) -> str:
    path = folder / "prompt_lookup.md"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _check_prompt(family: Family, folder: Path) -> None:
    try:
        named = {
            name
            for text in (family.context, family.question, family.without_codes)
            for _, name, _, _ in string.Formatter().parse(text)
            if name
        }
    except ValueError as error:
        raise ContentError(f"{folder / 'prompt.md'}: {error} (write {{{{ and }}}} for plain braces)") from None
    for name, cases in (("cases.jsonl", family.cases), ("validation.jsonl", family.validation)):
        for case in cases:
            known = {"now", PROTOCOL, *family.placeholders, *case.params}
            missing = {"mrn" if each == PATIENT else each for each in named} - known
            if missing:
                raise ContentError(
                    f"{folder / name}: case {case.id} lacks {', '.join(sorted(missing))}, which prompt.md names"
                )


def _package(folder: Path) -> str:
    """Makes a package for a folder's modules, so that they can import one another relatively."""
    known = repr((str(folder.resolve()), stamps(folder)))
    name = f"mab_gym_family_{folder.name}_{zlib.crc32(known.encode()):08x}"
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    return name


def _module(path: Path, package: str) -> ModuleType:
    name = f"{package}.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ContentError(f"{path}: cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        line = getattr(error, "lineno", None) or _last_line(error, path)
        raise ContentError(f"{path}, line {line}: {type(error).__name__}: {error}") from error
    return module


def _last_line(error: Exception, path: Path) -> int:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _attribute(module: ModuleType, name: str, path: Path) -> Any:
    if not hasattr(module, name):
        raise ContentError(f"{path}: defines no {name}")
    return getattr(module, name)
