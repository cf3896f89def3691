from __future__ import annotations

import numpy as np

from mab_gym.cohort._streams import apportion, counted, integers, pick, pick_rows, stream


def test_streams_are_frozen() -> None:
    assert integers(stream(20231113, 0), 0, 1 << 40, 2).tolist() == [120479104067, 681464718283]
    assert integers(stream(20231113, 0, 1), 0, 100, 4).tolist() != integers(stream(20231113, 0, 2), 0, 100, 4).tolist()


def test_parts_sum_up_to_the_total_and_follow_the_weights() -> None:
    parts = apportion(1001, np.array([1, 2, 7]), least=10)
    assert parts.tolist() == [107, 204, 690]
    assert apportion(100, np.array([34, 33, 33])).tolist() == [34, 33, 33]


def test_picks_follow_the_weights() -> None:
    drawn = pick(stream(1), (0, 1, 3), 40_000)
    assert abs((drawn == 2).mean() - 0.75) < 0.01
    rows = np.repeat([0, 1], 20_000)
    drawn = pick_rows(stream(1), np.array([[1.0, 0.0, 1.0], [0.0, 5.0, 0.0]]), rows)
    assert set(drawn[:20_000].tolist()) == {0, 2}
    assert set(drawn[20_000:].tolist()) == {1}


def test_elements_are_counted_group_by_group() -> None:
    group, place = counted(np.array([2, 0, 3]))
    assert group.tolist() == [0, 0, 2, 2, 2]
    assert place.tolist() == [0, 1, 0, 1, 2]
