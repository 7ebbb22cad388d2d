# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.correction import Looked, correct, join
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.core.windows import SHAPE, WORTH, choose_windows, window_count
from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import down

CLASSES = 3
SIZE = 40, 48  # 1/4-size pixels
CONFIG = SegmenterConfig(device='cpu', key_interval=10, cut_distortion=1.0, working_height=0)


def colours(image: Tensor) -> Tensor:
    """Scores that are the colour: what is red is of class 0, and so on."""
    return 10 * down(image)


def model(**changes: Any) -> Model:
    defaults: dict[str, Any] = {
        'key': colours,
        'flow': lambda image, previous: torch.zeros(len(image), 2, *down(image).shape[2:]),
        'distortion': lambda propagated, image: (propagated.image - image).abs().amax(1, keepdim=True),
        'correction': lambda image, propagated: colours(image),
        'classes': (),
        'propagation': 'renewed',
        'correction_gain': 10.0,
        'correction_share': 0.2,
        'align_corners': False,
        'device': torch.device('cpu'),
        'precision': torch.float32,
        'name': 'colours',
    }
    return Model(**{**defaults, **changes})


def frame(*blocks: tuple[int, int], colour: int = 1) -> NDArray[np.uint8]:
    """A red frame with squares of another colour, 8 1/4-size pixels wide."""
    image = np.zeros((4 * SIZE[0], 4 * SIZE[1], 3), np.uint8)
    image[..., 0] = 255
    for y, x in blocks:
        image[4 * y : 4 * y + 32, 4 * x : 4 * x + 32] = np.eye(3)[colour] * 255
    return image


def test_a_window_is_redone_and_the_rest_is_what_was_carried() -> None:
    image = torch.from_numpy(frame((4, 4))).permute(2, 0, 1)[None] / 255
    now, generator = down(image), torch.Generator().manual_seed(0)
    carried = Propagated(torch.rand(1, CLASSES, *SIZE, generator=generator), torch.rand(1, 3, *SIZE))
    distortion = torch.zeros(1, 1, *SIZE)
    distortion[..., 4:12, 4:12], distortion[..., 12, 4:12] = 1.0, 0.05
    colours_model = model(correction_share=(SHAPE[0] * SHAPE[1]) / (SIZE[0] * SIZE[1]))
    redone = correct(colours_model, image, now, carried, distortion)
    for result, was, new in zip(redone, carried, (colours(image), now), strict=True):
        torch.testing.assert_close(result[..., 4:12, 4:12], new[..., 4:12, 4:12])
        torch.testing.assert_close(result[..., 12, 4:12], (was + new)[..., 12, 4:12] / 2)  # gain 10
        torch.testing.assert_close(result[..., 14:, 14:], was[..., 14:, 14:])
        changed = (result != was).any(1)[0]
        assert changed.sum() == 8 * 9


def test_a_window_is_redone_with_what_was_carried_there_in_sight() -> None:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 3, 4 * SIZE[0], 4 * SIZE[1], generator=generator)
    carried = Propagated(torch.rand(1, CLASSES, *SIZE, generator=generator), torch.rand(1, 3, *SIZE))
    distortion = torch.zeros(1, 1, *SIZE)
    distortion[..., 4:12, 20:30] = 1
    added = model(correction=lambda _, propagated: propagated.scores + propagated.image)
    redone = correct(added, image, down(image), carried, distortion)
    torch.testing.assert_close(redone.scores, carried.scores + distortion * carried.image)


def test_nothing_is_redone_where_nothing_is_wrong() -> None:
    def never(*_: Any) -> Tensor:
        raise AssertionError

    carried = Propagated(torch.rand(1, CLASSES, *SIZE), torch.rand(1, 3, *SIZE))
    image = torch.rand(1, 3, 4 * SIZE[0], 4 * SIZE[1])
    distortion = torch.full((1, 1, *SIZE), 0.001)
    redone = correct(model(correction=never), image, down(image), carried, distortion)
    assert all(map(torch.equal, redone, carried))


def test_frames_of_a_batch_have_their_own_windows() -> None:
    frames = [frame((2, 2)), frame((20, 30), (2, 30)), frame()]
    image = torch.stack([torch.from_numpy(image).permute(2, 0, 1) / 255 for image in frames])
    red = torch.from_numpy(frame()).permute(2, 0, 1)[None].expand(3, -1, -1, -1) / 255
    carried = Propagated(colours(red), down(red))
    colours_model = model(correction_share=0.6)
    distortion = colours_model.distortion(carried, down(image))
    together = correct(colours_model, image, down(image), carried, distortion)
    torch.testing.assert_close(together.scores, colours(image))
    for i in range(3):
        part = Propagated(carried.scores[i : i + 1], carried.image[i : i + 1])
        own = image[i : i + 1]
        alone = correct(colours_model, own, down(own), part, distortion[i : i + 1])
        torch.testing.assert_close(alone.scores, together.scores[i : i + 1])


@pytest.mark.parametrize(('propagation', 'again'), [('renewed', 0), ('step', 1), ('composed', 1)])
def test_what_was_redone_is_redone_again_unless_it_is_carried_on(propagation: str, again: int) -> None:
    """Something appears and stays: only renewed propagation keeps what the correction found."""
    calls: list[int] = []

    def correction(image: Tensor, propagated: Propagated) -> Tensor:
        calls.append(len(image))
        return colours(image)

    video = VideoSegmenter(CONFIG, model=model(propagation=propagation, correction=correction))
    video.step(frame())
    first, second = video.step(frame((4, 4))), video.step(frame((4, 4)))
    assert len(calls) == 1 + again
    for result in (first, second):
        assert (result.labels[20:44, 20:44] == 1).all() and (result.labels[60:] == 0).all()
    assert first.distortion_quarter[8, 8] == 1  # the map tells what was carried, before it was redone
    assert second.distortion_quarter[8, 8] == again


def wrong_everywhere(image: Tensor, propagated: Propagated) -> Tensor:
    return colours(image).roll(1, 1)


@pytest.mark.parametrize('change', [{'correction_share': 1.0}, {'correction_share': 0.2}], ids=str)
def test_correct_all_redoes_the_whole_frame(change: dict[str, float]) -> None:
    video = VideoSegmenter(replace(CONFIG, mode='correct_all'), model=model(correction=wrong_everywhere, **change))
    video.step(frame())
    assert (video.step(frame()).labels == 1).all()
    assert (video.step(frame()).labels == 1).all()


def test_flow_alone_redoes_nothing() -> None:
    never: Callable[..., Tensor] = wrong_everywhere
    video = VideoSegmenter(replace(CONFIG, mode='flow'), model=model(correction=never))
    video.step(frame())
    assert (video.step(frame((4, 4))).labels == 0).all()


@pytest.mark.parametrize(('count', 'expected'), [(1, [2, 1]), (3, [2, 6, 1])])  # the last where fewer are worth it
def test_warming_up_runs_the_correction_in_windows_too(count: int, expected: list[int]) -> None:
    calls: list[Tensor] = []

    def correction(image: Tensor, propagated: Propagated) -> Tensor:
        calls.append(image)
        return colours(image)

    careful = model(correction=correction, correction_share=0.6, window_worth=1.0)
    VideoSegmenter(CONFIG, model=replace(careful, distortion=lambda _, now: now[:, :1] * 0)).warm_up((160, 192), count)
    assert [len(image) for image in calls] == expected  # an engine may compile for each number anew


def joined_plainly(
    carried: Propagated, correction: Tensor, weight: Tensor, wrong: Tensor, key: Tensor, gain: float, places: list[Any]
) -> NDArray[np.float32]:
    """The scores of one frame by loops over pixels: the gate's mixture, then the key network's in windows."""
    scores = np.empty(carried.scores.shape[1:], np.float32)
    for y in range(scores.shape[1]):
        for x in range(scores.shape[2]):
            share = float(weight[0, 0, y, x])
            mixed = ((1 - share) * carried.scores[0, :, y, x] + share * correction[0, :, y, x]).numpy()
            if any(p.top <= y < p.top + p.height and p.left <= x < p.left + p.width for p in places):
                share = min(1.0, gain * float(wrong[0, 0, y, x]))
                mixed = (1 - share) * mixed + share * key[0, :, y, x].numpy()
            scores[:, y, x] = mixed
    return scores


@pytest.mark.parametrize('share', [0.0, 0.7])
def test_with_a_look_the_whole_frame_is_joined_and_windows_are_redone_on_top(share: float) -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, 4 * SIZE[0], 4 * SIZE[1], generator=generator)
    carried = Propagated(torch.rand(1, CLASSES, *SIZE, generator=generator), torch.rand(1, 3, *SIZE))
    correction = torch.rand(1, CLASSES, *SIZE, generator=generator)
    weight, wrong = torch.rand(1, 1, *SIZE, generator=generator), 0.2 * torch.rand(1, 1, *SIZE, generator=generator)
    colours_model = model(window=lambda image, _: colours(image), correction_share=share, correction_gain=2.0)
    looked, distortion = Looked(correction, weight, wrong), torch.rand(1, 1, *SIZE)
    redone = correct(colours_model, image, down(image), carried, distortion, looked)
    places = choose_windows(wrong[0, 0].numpy(), window_count(SIZE, share), worth=WORTH)
    assert len(places) == (2 if share else 0)
    expected = joined_plainly(carried, correction, weight, wrong, colours(image), 2.0, places)
    np.testing.assert_allclose(redone.scores[0].numpy(), expected, atol=1e-5)


def test_of_a_batch_each_frame_is_joined_by_its_own_weight() -> None:
    generator = torch.Generator().manual_seed(2)
    small = torch.rand(3, 3, *SIZE, generator=generator)
    carried = Propagated(torch.rand(3, CLASSES, *SIZE, generator=generator), torch.rand(3, 3, *SIZE))
    correction = torch.rand(3, CLASSES, *SIZE, generator=generator)
    weights = 0.25, 0.0, 0.75
    each = torch.tensor(weights)[:, None, None, None].expand(3, 1, *SIZE)
    joined = join(carried, Looked(correction, each, each), small)
    for i, weight in enumerate(weights):
        mixed = (1 - weight) * carried.scores[i] + weight * correction[i]
        torch.testing.assert_close(joined.scores[i], mixed)
        torch.testing.assert_close(joined.image[i], (1 - weight) * carried.image[i] + weight * small[i])


@pytest.mark.parametrize('cut', [1.0, 0.3])
def test_the_first_map_of_the_gate_is_published_and_decides_about_cuts(cut: float) -> None:
    """The others are the look's weight and what is still wrong; the distortion network by itself is not called."""
    asked: list[Any] = []

    def gate(*inputs: Any) -> Tensor:
        asked.append(inputs)
        carried, now = inputs[:2]
        doubt = (carried.image - now).abs().amax(1, keepdim=True)
        return torch.cat([doubt, torch.ones_like(doubt), torch.zeros_like(doubt)], 1)

    gated = model(gate=gate, distortion=wrong_everywhere, window=wrong_everywhere, propagation='composed')
    video = VideoSegmenter(replace(CONFIG, cut_distortion=cut), model=gated)
    video.step(frame())
    everywhere = [(y, x) for y in range(0, SIZE[0], 8) for x in range(0, SIZE[1], 8)]
    for number, blocks in enumerate(([(4, 4)], everywhere), 1):
        image = frame(*blocks)
        result = video.step(image)
        assert len(asked) == number
        assert result.is_key == (number == 2 and cut < 1)
        if not result.is_key:
            carried, now, correction, distance = asked[-1]
            small = down(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
            torch.testing.assert_close(now, small)
            torch.testing.assert_close(correction, 10 * small)
            assert distance.tolist() == [number]
            expected = (carried.image - small).abs().amax(1)[0]
            np.testing.assert_allclose(result.distortion_quarter, expected.numpy(), atol=1e-6)
            assert (result.labels == image.argmax(2)).mean() > 0.99
    before = len(asked)
    after = video.step(frame(*everywhere))  # and what is carried begins anew
    assert len(asked) == before + 1 and asked[-1][3].tolist() == [1 if cut < 1 else 3]
    assert (after.distortion_quarter == 0).all() == (cut < 1)


def test_a_gate_goes_with_the_correction_that_it_came_with() -> None:
    assert load_model(SegmenterConfig(device='cpu')).gate is not None
    assert load_model(SegmenterConfig(device='cpu', correction='key')).gate is None
    assert load_model(SegmenterConfig(device='cpu', correction='key', gate='gate_any')).gate is not None
