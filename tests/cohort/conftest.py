from __future__ import annotations

from dataclasses import replace

import pytest

from mab_gym.cohort._generate import generate
from mab_gym.cohort._layered import lay_over
from mab_gym.cohort._spec import BEYOND, BEYOND_TRAIN, CANONICAL, TRAIN, LayeredSpec, scaled

from .charts import Cohort

OTHER = scaled(100, CANONICAL, seed=5)
LIKE_TRAIN = scaled(100, TRAIN)
LIKE_BEYOND_TRAIN = replace(BEYOND_TRAIN, base=scaled(100, BEYOND_TRAIN.base))


@pytest.fixture(scope="package")
def canonical() -> Cohort:
    return Cohort(generate(CANONICAL))


@pytest.fixture(scope="package")
def train() -> Cohort:
    """A hundred people as the training cohort has them."""
    return Cohort(generate(LIKE_TRAIN))


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
def below_beyond_train() -> Cohort:
    return Cohort(generate(LIKE_BEYOND_TRAIN.base))


@pytest.fixture(scope="package")
def beyond_train(below_beyond_train: Cohort) -> Cohort:
    return laid_over(LIKE_BEYOND_TRAIN, below_beyond_train)


@pytest.fixture(scope="package")
def beyond_other(other: Cohort) -> Cohort:
    return laid_over(LayeredSpec("other", 3, OTHER), other)
