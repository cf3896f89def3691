"""The reward for training: an order counts by its fields, and an order too many takes away."""

from __future__ import annotations

import gymnasium
import pytest

from mab_gym.menu import MenuEnv
from mab_gym.menu._orders_paid import UNWANTED, OrdersPaid
from mab_gym.runs._driver import unwrapped
from tests.conftest import CANONICAL
from tests.menu.expert import PLACE, Expert, course, families

READ = "search: results of code 1, newest first"


@pytest.fixture(scope="module")
def paying() -> MenuEnv:
    return MenuEnv(OrdersPaid(unwrapped(gymnasium.make(CANONICAL))))


def paid(env: MenuEnv, case: str, *names: str) -> list[float]:
    """Returns the pay of each choice."""
    env.reset(seed=0, options={"case": case})
    return [float(env.step(PLACE[name])[1]) for name in names]


def case_of(family: str, branch: str) -> str:
    cases = unwrapped(gymnasium.make(CANONICAL)).scenario.tasks.cases
    return next(case.id for case in cases if (case.family, case.branch) == (family, branch))


def test_the_right_dose_is_worth_more_than_a_wrong_one_before_the_order_that_goes_with_it(paying: MenuEnv) -> None:
    case = case_of("replace_potassium", "low")
    menu = MenuEnv(gymnasium.make(CANONICAL))
    right = [place for place in course(menu, Expert(families(menu)), case) if "times the dose" in name_of(place)]
    first = {
        place: paid(paying, case, READ, "order 1", name_of(place))[-1]
        for name, place in PLACE.items()
        if "times the dose" in name
    }
    assert first[right[0]] == pytest.approx(0.5)
    assert max(value for place, value in first.items() if place != right[0]) < 0.4


def test_an_order_too_many_takes_away(paying: MenuEnv) -> None:
    case = case_of("replace_potassium", "normal")
    rewards = paid(paying, case, READ, "order 2", "fill in: time 3", "answer: result 1")
    assert rewards == pytest.approx([0.0, 0.0, -UNWANTED, 0.0])


def test_what_is_solved_is_paid_most(paying: MenuEnv) -> None:
    menu = MenuEnv(gymnasium.make(CANONICAL))
    expert = Expert(families(menu))
    for family in ("replace_magnesium", "check_a1c", "mean_glucose", "record_blood_pressure"):
        for number in (1, 3, 5):
            case = unwrapped(gymnasium.make(CANONICAL)).scenario.tasks.case(f"{family}/{number:02d}")
            names = [name_of(place) for place in course(menu, expert, case.id)]
            due = any(name.startswith("order") for name in names)
            assert sum(paid(paying, case.id, *names)) == pytest.approx(1.0 + due)
            if family != "record_blood_pressure":  # whose answer is not judged
                assert sum(paid(paying, case.id, *names[:-1], "answer: -1")) == pytest.approx(float(due))


def name_of(place: int) -> str:
    return next(name for name, where in PLACE.items() if where == place)
