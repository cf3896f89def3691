from __future__ import annotations

import pytest

from mab_gym.cohort.generate import generate
from mab_gym.cohort.spec import CANONICAL, TRAIN

from .charts import Cohort


@pytest.fixture(scope="package")
def canonical() -> Cohort:
    return Cohort(generate(CANONICAL))


@pytest.fixture(scope="package")
def train() -> Cohort:
    return Cohort(generate(TRAIN))
