# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from davss_ros.core.windows import (
    SHAPE,
    Window,
    choose_windows,
    cut,
    cut_image,
    grown,
    paste,
    window_count,
    without_margin,
)


def test_the_first_window_holds_the_most_that_any_could() -> None:
    maps = np.random.default_rng(0).random((30, 40)).astype(np.float32) ** 8
    (window,) = choose_windows(maps, 1, shape=(8, 8))
    sums = [maps[y : y + 8, x : x + 8].sum() for y in range(0, 23, 2) for x in range(0, 33, 2)]
    assert window.of(torch.from_numpy(maps)).sum() == pytest.approx(max(sums), rel=1e-5)


def test_the_next_window_does_not_count_what_is_covered() -> None:
    maps = np.zeros((32, 48), np.float32)
    maps[4:12, 4:12], maps[20:28, 30:38] = 1.0, 0.5
    first, second = choose_windows(maps, 2, shape=(8, 8))
    assert (first, second) == (Window(4, 4, 8, 8), Window(20, 30, 8, 8))


def test_greedy_choice_equals_a_slow_obvious_one() -> None:
    maps = np.random.default_rng(1).random((21, 27)).astype(np.float32)
    rest, expected = maps.astype(np.float64), []
    for _ in range(5):
        places = [(y, x) for y in [*range(0, 16, 2), 15] for x in [*range(0, 22, 2), 21]]
        y, x = max(places, key=lambda place: rest[place[0] : place[0] + 6, place[1] : place[1] + 6].sum())
        rest[y : y + 6, x : x + 6] = 0
        expected.append(Window(y, x, 6, 6))
    assert choose_windows(maps, 5, shape=(6, 6)) == expected


def test_windows_reach_every_border() -> None:
    for y, x in ((0, 0), (0, 30), (22, 0), (22, 30)):  # sides are odd: the last place is off the grid
        maps = np.zeros((23, 31), np.float32)
        maps[y, x] = 1
        (window,) = choose_windows(maps, 1, shape=(4, 4))
        assert window.of(torch.from_numpy(maps)).sum() == 1


def test_a_map_smaller_than_a_window_is_one_window() -> None:
    assert choose_windows(np.ones((5, 40), np.float32), 1, shape=(8, 8)) == [Window(0, 0, 5, 8)]


def test_what_is_not_worth_the_work_is_left() -> None:
    maps = np.zeros((32, 32), np.float32)
    assert choose_windows(maps, 3, shape=(8, 8), worth=1 / 64) == []
    maps[10, 10], maps[25, 25] = 2.0, 0.9
    assert len(choose_windows(maps, 3, shape=(8, 8), worth=1 / 64)) == 1


@pytest.mark.parametrize(('share', 'count'), [(0.001, 1), (0.1, 2), (0.15, 2), (0.25, 4), (1.0, 16)])
def test_windows_have_that_share_of_the_area(share: float, count: int) -> None:
    assert window_count((90, 120), share) == count
    assert count == 1 or count * (SHAPE[0] * SHAPE[1]) / (90 * 120) == pytest.approx(share, abs=0.04)


def test_parts_go_back_where_they_came_from() -> None:
    maps = torch.rand(2, 3, 20, 24)
    image = torch.rand(2, 3, 80, 96)
    places = [[Window(2, 4, 8, 8), Window(10, 16, 8, 8)], [Window(0, 0, 8, 8)]]
    parts = cut(places, maps)
    assert parts.shape == (3, 3, 8, 8)
    assert torch.equal(parts[1], maps[0, :, 10:18, 16:24])
    assert torch.equal(cut_image(places, image)[2], image[1, :, :32, :32])
    assert torch.equal(paste(places, parts, maps), maps)
    changed = paste(places, parts + 1, maps)
    covered = torch.zeros(2, 1, 20, 24)
    covered[0, :, 2:10, 4:12] = covered[0, :, 10:18, 16:24] = covered[1, :, :8, :8] = 1
    torch.testing.assert_close(changed, maps + covered)
    assert changed is not maps


def test_where_windows_overlap_the_first_counts() -> None:
    places = [[Window(0, 0, 4, 4), Window(2, 2, 4, 4)]]
    parts = torch.stack([torch.full((1, 4, 4), 1.0), torch.full((1, 4, 4), 2.0)])
    result = paste(places, parts, torch.zeros(1, 1, 6, 6))
    assert (result[0, 0, :4, :4] == 1).all() and result[0, 0, 5, 5] == 2 and result.sum() == 16 + 2 * 12


@pytest.mark.parametrize(
    ('window', 'expected'),
    [
        (Window(5, 6, 4, 4), Window(3, 4, 8, 8)),
        (Window(0, 16, 4, 4), Window(0, 12, 8, 8)),  # flush with the top and the right
        (Window(15, 1, 4, 4), Window(12, 0, 8, 8)),
    ],
)
def test_a_margin_stays_within_the_frame(window: Window, expected: Window) -> None:
    assert window.grown(2, (20, 20)) == expected
    maps = torch.rand(1, 2, 20, 20)
    assert torch.equal(window.inside(expected).of(expected.of(maps)), window.of(maps))


def test_a_frame_smaller_than_window_and_margin_is_seen_whole() -> None:
    assert Window(2, 0, 4, 6).grown(2, (7, 6)) == Window(0, 0, 7, 6)


def test_margins_are_cut_off_again() -> None:
    maps = torch.rand(3, 2, 20, 24)
    places = [[Window(0, 0, 6, 6), Window(9, 9, 6, 6)], [], [Window(14, 18, 6, 6)]]
    views = grown(places, 3, (20, 24))
    assert [len(windows) for windows in views] == [2, 0, 1]
    assert torch.equal(without_margin(places, views, cut(views, maps)), cut(places, maps))


def test_no_place_is_chosen_twice_however_many_may_be() -> None:
    for floor in (0, 1000):
        for distortion in (np.zeros((40, 48), np.float32), np.ones((40, 48), np.float32)):
            chosen = choose_windows(distortion, 1000, floor=floor)
            assert len(set(chosen)) == len(chosen) < 40
            covered = np.zeros((40, 48), bool)
            for window in chosen:
                covered[window.top : window.top + window.height, window.left : window.left + window.width] = True
            assert covered.all()
