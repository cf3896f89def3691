from __future__ import annotations

import pytest

from mab_gym.cohort import CANONICAL, TRAIN, generate

from .charts import Cohort


@pytest.fixture(scope="package")
def canonical() -> Cohort:
    return Cohort(generate(CANONICAL))


@pytest.fixture(scope="package")
def train() -> Cohort:
    return Cohort(generate(TRAIN))
