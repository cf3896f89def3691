from __future__ import annotations

import pytest

from mab_gym.cohort.generate import generate
from mab_gym.cohort.layered import lay_over
from mab_gym.cohort.spec import BEYOND, BEYOND_TRAIN, CANONICAL, TRAIN, LayeredSpec, scaled

from .charts import Cohort

OTHER = scaled(100, CANONICAL, seed=5)


@pytest.fixture(scope="package")
def canonical() -> Cohort:
    return Cohort(generate(CANONICAL))


@pytest.fixture(scope="package")
def train() -> Cohort:
    return Cohort(generate(TRAIN))


@pytest.fixture(scope="package")
def other() -> Cohort:
    """A cohort of another seed, which nothing was fitted to."""
    return Cohort(generate(OTHER))


def laid_over(spec: LayeredSpec, below: Cohort) -> Cohort:
    return Cohort(lay_over(spec, [below.tables[name] for name in below.order]))


@pytest.fixture(scope="package")
def beyond(canonical: Cohort) -> Cohort:
    return laid_over(BEYOND, canonical)


@pytest.fixture(scope="package")
def beyond_train(train: Cohort) -> Cohort:
    return laid_over(BEYOND_TRAIN, train)


@pytest.fixture(scope="package")
def beyond_other(other: Cohort) -> Cohort:
    return laid_over(LayeredSpec("other", 3, OTHER), other)
