"""Can the tasks be trusted? What can be won without reading the chart, and whether weak players are told apart.

The audit of an environment with frozen cases has three parts:

* *branches*: how often each clinical situation of a family occurs;
* *blind policies*: the most that can be won without a single GET, by search over every text that wins any case at all:
  all answers and orders of all gold solutions, as constants and as templates into which the prompt's own words are
  filled, all answers that such texts can be combined to, and what people try first;
* *graded policies*: players who get each step right with a certain probability, and what they earn.

Blind texts are judged by the families' own verifiers on what the record system holds after their POSTs.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from mab_gym.actions import Finish, Post, parse_action, resolve
from mab_gym.agents.reference import Oracle, Template, abstract, fill_in
from mab_gym.backends import RecordSession
from mab_gym.env import MedicalRecordEnv
from mab_gym.errors import UsageError
from mab_gym.fhir.server import Request
from mab_gym.tasking.case import Case
from mab_gym.tasking.family import Family
from mab_gym.tasking.judging import Result
from mab_gym.workplace import Workplace

LEAST_BRANCH = 0.10
"""The least share of a family that a branch may have."""
MOST_BLIND = 0.05
"""The most that a policy without a GET may win of the families that need reading."""
MOST_CONSTANT = 0.03
"""The most that one text may win of all cases."""
SKILLS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
GROUP = 8
"""Rollouts of one case that are compared with one another, as group-relative policy gradients do."""
_FIRST_TRIES = ("[]", "[-1]", '["Patient not found"]', "[0]", "[null]", '[""]', "[true]", '["none"]', "[1]")
_MOST_COMBINED = 12
"""Of each item of an answer, how many of the most frequent values are combined with one another."""


@dataclass(frozen=True, slots=True)
class Blind:
    """What the best text without a GET wins of a family.

    Attributes:
        family: The family.
        needs_reading: Whether its gold solutions read the chart.
        text: The text; ``{{name}}`` stands for what the prompt says.
        solved: How many cases it solves.
        played: Of how many.
        tried: Out of how many texts it is the best.
    """

    family: str
    needs_reading: bool
    text: Template
    solved: int
    played: int
    tried: int


@dataclass(frozen=True, slots=True)
class Graded:
    """How players of graded skill do at a family.

    Attributes:
        family: The family.
        success: By skill, the share of episodes that were solved.
        episodes: How many were played at each skill.
        telling: By kind of reward, the share of groups of rollouts whose rewards are not all equal.
    """

    family: str
    success: Mapping[float, float]
    episodes: int
    telling: Mapping[str, float]

    @property
    def rises(self) -> bool:
        """Whether success rises with skill: clearly from end to end, and nowhere falls by more than chance explains."""
        rates = [self.success[skill] for skill in SKILLS]
        slack = [2 * sqrt(2 * max(rate * (1 - rate), 0.02) / self.episodes) for rate in rates]
        falls = any(later < earlier - room for earlier, later, room in zip(rates, rates[1:], slack, strict=False))
        return not falls and rates[-1] > rates[0] + slack[0]


@dataclass(slots=True)
class Audit:
    """What was found.

    Attributes:
        branches: By family, how many cases each branch has.
        at_once: How many cases are solved by finishing at once, over all ways to write that.
        blind: The best texts without a GET, by family.
        constant: The one text that wins most of all cases, and how many.
        cases: How many cases there are.
        graded: How graded players do, by family.
    """

    branches: dict[str, dict[str, int]] = field(default_factory=dict)
    at_once: int = 0
    blind: list[Blind] = field(default_factory=list)
    constant: tuple[str, int] = ("", 0)
    cases: int = 0
    graded: list[Graded] = field(default_factory=list)

    @property
    def blind_share(self) -> float:
        """What not reading can win of the families that need reading."""
        found = [each for each in self.blind if each.needs_reading]
        return sum(b.solved for b in found) / max(1, sum(b.played for b in found))

    @property
    def constant_share(self) -> float:
        """What one text can win of all."""
        return self.constant[1] / max(1, self.cases)

    def faults(self) -> list[str]:
        """Each limit that is not kept, in a sentence."""
        found = [
            f"{family}: the branch {branch} has {count} of {sum(shares.values())} cases, less than {LEAST_BRANCH:.0%}"
            for family, shares in self.branches.items()
            for branch, count in shares.items()
            if count < LEAST_BRANCH * sum(shares.values())
        ]
        if self.at_once:
            found.append(f"finishing at once solves {self.at_once} cases")
        if self.blind_share > MOST_BLIND:
            found.append(f"not reading wins {self.blind_share:.1%} of what needs reading, more than {MOST_BLIND:.0%}")
        if self.constant_share > MOST_CONSTANT:
            found.append(f"one text wins {self.constant_share:.1%} of all, more than {MOST_CONSTANT:.0%}")
        found.extend(f"{each.family}: success does not rise with skill" for each in self.graded if not each.rises)
        return found


class Auditor:
    """Audits one environment.

    Args:
        env: The environment; it has frozen cases.

    Raises:
        UsageError: Its cases are drawn.
    """

    def __init__(self, env: MedicalRecordEnv) -> None:
        self.place: Workplace = env.workplace
        if not self.place.tasks.cases:
            raise UsageError(f"{self.place.environment.id} draws its cases; an audit looks at frozen ones")
        self._session: RecordSession = self.place.backend.open()

    def families(self) -> Iterator[tuple[Family, Sequence[Case]]]:
        """The families with their cases."""
        for family in self.place.tasks.catalogue.values():
            yield family, family.cases

    def audit(self, seed: int = 0, rollouts: int = 2, advance: Callable[[], None] = lambda: None) -> Audit:
        """The whole audit.

        Args:
            seed: Chance of the graded players.
            rollouts: How many episodes a case and skill they play.
            advance: Called after each family.
        """
        audit = Audit(cases=len(self.place.tasks.cases))
        constants: Counter[str] = Counter()
        texts = list(self._constants())
        for family, cases in self.families():
            audit.branches[family.name] = dict(Counter(case.branch for case in cases))
            audit.at_once += sum(self.solves(family, case, ("FINISH([])",)) for case in cases)
            audit.blind.append(self.best_blind(family, cases))
            for text in texts:
                constants[text] += sum(self.solves(family, case, (text,)) for case in cases)
            audit.graded.append(self.grade(family, cases, seed, rollouts))
            advance()
        audit.constant = max(constants.items(), key=lambda item: item[1])
        return audit

    # --- without reading -----------------------------------------------------------------------------------------

    def solves(self, family: Family, case: Case, actions: Sequence[str]) -> bool:
        """Whether these POSTs and this FINISH solve a case."""
        self._session.reset()
        for action in actions:
            match parse_action(action):
                case Post(url, body):
                    target = resolve(url, self.place.backend.base_url)
                    self._session.handle(Request("POST", target, {"content-type": "application/fhir+json"}, body))
                case Finish(answer):
                    result = Result(answer, tuple(self._session.writes))
                    return family.verify(case, self.place.chart, result).success
        return False

    def gold(self, family: Family, case: Case) -> list[str]:
        """What the gold solution does."""
        return [action for action, _ in self._played(family, case)]

    def best_blind(self, family: Family, cases: Sequence[Case]) -> Blind:
        """The text without a GET that solves most of a family's cases."""
        golden = [self.gold(family, case) for case in cases]
        templates = self._templates(cases, golden)
        best = max(templates, key=lambda text: self._solved(family, cases, text))
        reads = any(action.startswith("GET") for actions in golden for action in actions)
        return Blind(family.name, reads, best, self._solved(family, cases, best), len(cases), len(templates))

    def _solved(self, family: Family, cases: Sequence[Case], text: Template) -> int:
        return sum(self.solves(family, case, [fill_in(action, case) for action in text]) for case in cases)

    def _templates(self, cases: Sequence[Case], golden: Sequence[Sequence[str]]) -> list[Template]:
        """All that is worth trying: each gold solution without its GETs, and its orders with every likely answer.

        Answers that no solution gives are tried where nothing is ordered, and with the most frequent order; what the
        others could go with stands beside them in the solutions.
        """
        own = Counter(abstract(actions, case) for actions, case in zip(golden, cases, strict=True))
        orders = Counter(text[:-1] for text in own.elements())
        answers = [text[-1] for text in own.elements()]
        likely = [f"FINISH({answer})" for answer in _FIRST_TRIES] + _most_common(answers)
        combined = [f"FINISH({answer})" for answer in _combined(answers)]
        found = dict.fromkeys(own)
        found.update(((*order, answer), None) for order in orders for answer in likely)
        for order in {(), *(order for order, _ in orders.most_common(1))}:
            found.update(((*order, answer), None) for answer in combined)
        return list(found)

    def _constants(self) -> Iterator[str]:
        """Texts that could be the whole of a policy: all answers there are, and what people try first."""
        texts = {f"FINISH({answer})" for answer in _FIRST_TRIES}
        for family, cases in self.families():
            texts.update(self.gold(family, case)[-1] for case in cases)
        yield from sorted(texts)

    # --- graded skill --------------------------------------------------------------------------------------------

    def grade(self, family: Family, cases: Sequence[Case], seed: int, rollouts: int) -> Graded:
        """Lets players of graded skill play a family."""
        success: dict[float, float] = {}
        for skill in SKILLS:
            solved = [
                self._rolled(family, case, skill, f"{seed}/{case.id}/{skill}/{turn}")[0]
                for case in cases
                for turn in range(rollouts)
            ]
            success[skill] = sum(solved) / len(solved)
        telling: dict[str, list[bool]] = defaultdict(list)
        for case in cases:
            group = [self._rolled(family, case, 0.5, f"{seed}/{case.id}/group/{turn}") for turn in range(GROUP)]
            telling["sparse"].append(len({reward for reward, _ in group}) > 1)
            telling["partial"].append(len({credit for _, credit in group}) > 1)
        shares = {kind: sum(found) / len(found) for kind, found in telling.items()}
        return Graded(family.name, success, len(cases) * rollouts, shares)

    def _rolled(self, family: Family, case: Case, skill: float, seed: str) -> tuple[float, float]:
        """One episode of a player who gets each step right with a probability: its reward, and with partial credit."""
        verdicts = [verdict for _, verdict in self._played(family, case, _Slips(skill, random.Random(seed)))]
        last = verdicts[-1]
        return (0.0, 0.0) if last is None else (last["reward"], last["credit"])

    def _played(
        self, family: Family, case: Case, slips: _Slips | None = None
    ) -> Iterator[tuple[str, dict[str, float] | None]]:
        """An episode of the gold solution, with slips where there are any: actions, and the end's rewards."""
        episode = self.place.new_episode()
        observation, _ = episode.reset(family, case)
        oracle = Oracle()
        oracle.brief(self.place, case)
        while not episode.over:
            try:
                action = oracle.act({"fhir": observation["fhir"], "status": observation["status"]})
            except Exception:
                action = "FINISH([-1])"  # a solution that was misled and does not know any further
            step = episode.step(action if slips is None else slips.instead_of(action))
            observation = step.observation
            verdict = step.info.get("verdict")
            ended = None if verdict is None else {"reward": float(verdict["success"]), "credit": verdict["credit"]}
            yield action, ended


class _Slips:
    """Makes mistakes that a weak player makes: each step is right with a probability."""

    def __init__(self, skill: float, rng: random.Random) -> None:
        self._skill = skill
        self._rng = rng

    def instead_of(self, action: str) -> str:
        """The action, or what came out in its place."""
        if self._rng.random() < self._skill:
            return action
        kind = next((kind for kind in _SLIPS if action.startswith(kind)), "FINISH")
        slips = self._rng.sample(_SLIPS[kind], len(_SLIPS[kind]))
        return next((wrong for slip in slips if (wrong := slip(action, self._rng)) != action), action)


def _unsorted(action: str, rng: random.Random) -> str:
    """Reads the first page as it comes."""
    return re.sub(r"&?_(?:sort|count)=[^&]*", "", action)


def _of_another_code(action: str, rng: random.Random) -> str:
    others = ("NA", "CREA", "HGB", "K", "MG")
    return re.sub(r"code=[^&]*", f"code={rng.choice(others)}", action)


def _of_another_patient(action: str, rng: random.Random) -> str:
    return re.sub(r"S\d{7}", lambda found: f"S{(int(found.group()[1:]) + 1) % 10**7:07d}", action)


def _of_another_amount(action: str, rng: random.Random) -> str:
    factor = rng.choice((0.5, 2, 10))
    return re.sub(r'("value": )([0-9.]+)', lambda found: f"{found[1]}{float(found[2]) * factor:g}", action)


def _without_a_field(action: str, rng: random.Random) -> str:
    line, _, body = action.partition("\n")
    resource = json.loads(body)
    del resource[rng.choice([name for name in resource if name != "resourceType"])]
    return f"{line}\n{json.dumps(resource)}"


def _left_out(action: str, rng: random.Random) -> str:
    """Looks something up in place of writing."""
    return "GET " + action.partition("\n")[0].removeprefix("POST ") + "?_count=1"


def _another_number(action: str, rng: random.Random) -> str:
    return re.sub(
        r"-?\d+(?:\.\d+)?", lambda found: f"{float(found.group()) + rng.choice((-1, 0.5, 1)):g}", action, count=1
    )


def _as_a_sentence(action: str, rng: random.Random) -> str:
    return action.replace("FINISH([", 'FINISH(["The answer is ').replace("])", '"])')


def _shortened(action: str, rng: random.Random) -> str:
    return re.sub(r",[^,]*\]\)$", "])", action) if "," in action else "FINISH([])"


_SLIPS: Mapping[str, Sequence[Callable[[str, random.Random], str]]] = {
    "GET": (_unsorted, _of_another_code, _of_another_patient),
    "POST": (_of_another_amount, _without_a_field, _left_out),
    "FINISH": (_another_number, _as_a_sentence, _shortened),
}


def _combined(answers: Sequence[str]) -> list[str]:
    """Answers that no solution gives, made of the most frequent items of those that solutions give."""
    by_length: dict[int, list[Counter[str]]] = {}
    for answer in answers:
        try:
            items = json.loads(answer.removeprefix("FINISH(").removesuffix(")"))
        except ValueError:
            continue
        counters = by_length.setdefault(len(items), [Counter() for _ in items])
        for counter, item in zip(counters, items, strict=True):
            counter[json.dumps(item)] += 1
    found: list[str] = []
    for length, counters in by_length.items():
        most = _MOST_COMBINED if length < 3 else _MOST_COMBINED // 2
        common = [[item for item, _ in counter.most_common(most)] for counter in counters]
        found.extend(f"[{', '.join(items)}]" for items in itertools.product(*common))
    return found


def _most_common(answers: Sequence[str]) -> list[str]:
    return [answer for answer, _ in Counter(answers).most_common(_MOST_COMBINED)]


def to_json(audit: Audit) -> dict[str, Any]:
    """The audit as plain data."""
    return {
        "branches": audit.branches,
        "solved_by_finishing_at_once": audit.at_once,
        "blind": [
            {
                "family": b.family, "needs_reading": b.needs_reading, "solved": b.solved, "played": b.played,
                "texts_tried": b.tried, "text": list(b.text),
            }
            for b in audit.blind
        ],
        "blind_share": audit.blind_share,
        "best_constant": {"text": audit.constant[0], "solved": audit.constant[1], "share": audit.constant_share},
        "graded": [
            {
                "family": g.family, "episodes": g.episodes, "rises": g.rises, "telling_groups": dict(g.telling),
                "success": {str(skill): rate for skill, rate in g.success.items()},
            }
            for g in audit.graded
        ],
        "faults": audit.faults(),
    }  # fmt: skip
