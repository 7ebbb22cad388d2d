# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.look import Look, look_again
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter, step_together
from davss_ros.engines.engine_network import plain
from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import down

SIZE = 24, 28  # 1/4-size pixels
CONFIG = SegmenterConfig(device='cpu', key_interval=7, cut_distortion=1.0, working_height=0)


class Counting:
    """A correction network that gives what is red, and keeps how many frames each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, image: Tensor, propagated: Propagated) -> Tensor:
        self.calls.append(len(image))
        return 10 * down(image)


def believing(propagated: Propagated, image: Tensor, correction: Tensor, distance: Tensor) -> Tensor:
    """A gate that believes the correction everywhere, and knows nothing to be wrong before or after."""
    nothing = torch.zeros_like(image[:, :1])
    return torch.cat([nothing, nothing + 1, nothing], 1)


def model(correction: Counting, interval: int, shift: int = 0) -> Model:
    """Frames are their own scores; whatever moves goes ``shift`` 1/4-size pixels to the right."""

    def flow(image: Tensor, previous: Tensor) -> Tensor:
        back = torch.tensor([-float(shift), 0.0])[:, None, None]
        return back.expand(len(image), 2, image.shape[2] // 4, image.shape[3] // 4).clone()

    return Model(
        key=lambda image: 10 * down(image),
        flow=flow,
        distortion=lambda propagated, image: torch.zeros_like(image[:, :1]),
        correction=correction,
        classes=(),
        propagation='composed',
        correction_gain=1.0,
        correction_share=0.2,
        correction_interval=interval,
        align_corners=False,
        device=torch.device('cpu'),
        precision=torch.float32,
        name='red',
        gate=believing,
        window=correction,
    )


def square(column: int) -> np.ndarray:
    """A red frame with a green square of 8 1/4-size pixels, its left side at that column."""
    image = np.zeros((4 * SIZE[0], 4 * SIZE[1], 3), np.uint8)
    image[..., 0] = 255
    image[32:64, 4 * column : 4 * column + 32] = (0, 255, 0)
    return image


@pytest.mark.parametrize(('interval', 'looks'), [(1, 6), (2, 3), (3, 2), (7, 1)])
def test_there_is_a_look_right_after_the_key_frame_and_every_so_many_from_there(interval: int, looks: int) -> None:
    correction = Counting()
    video = VideoSegmenter(CONFIG, model=model(correction, interval))
    looked = []
    for frame in range(7):
        before = len(correction.calls)
        result = video.step(square(4))
        looked += [frame] * (len(correction.calls) - before)
        assert ('look' in result.timings) == (frame in looked)
    assert looked == [1 + interval * n for n in range(looks)]
    assert video.step(square(4)).is_key  # and then it begins anew
    video.step(square(4))
    assert len(correction.calls) == looks + 1


def test_a_look_is_carried_along_the_flow() -> None:
    """The square is there from the frame after the key frame on, the first of two looks, and goes on by a pixel."""
    correction = Counting()
    video = VideoSegmenter(CONFIG, model=model(correction, 2, shift=1))
    video.step(np.full_like(square(0), (255, 0, 0)))
    labels = [video.step(square(column)).labels for column in (4, 5)]
    assert correction.calls == [1]
    for column, found in zip((4, 5), labels, strict=True):
        true = square(column)[..., 1] > 0
        inner = np.zeros_like(true)
        inner[36:60, 4 * column + 4 : 4 * column + 28] = True
        assert (found[inner] == 1).all() and (found[8:24] == 0).all()
        assert (found == true).mean() > 0.98


def test_the_carried_look_is_what_a_frame_by_frame_walk_finds() -> None:
    """Against the chain of nearest pixels, for a flow of whole pixels that differs from frame to frame."""
    scores = torch.rand(1, 2, *SIZE)
    look = Look()
    assert look.due(1000)
    look.advance(torch.zeros(1, 2, *SIZE))
    look.renew(scores)
    torch.testing.assert_close(look.carried(), scores)
    plain = scores
    for dx, dy in ((1, 0), (-2, 1)):
        flow = torch.tensor([float(dx), float(dy)])[None, :, None, None].expand(1, 2, *SIZE).clone()
        look.advance(flow)
        rows = (torch.arange(SIZE[0]) + dy).clamp(0, SIZE[0] - 1)
        columns = (torch.arange(SIZE[1]) + dx).clamp(0, SIZE[1] - 1)
        plain = plain[..., rows[:, None], columns]
    carried = look.carried()
    assert look.age == 2
    torch.testing.assert_close(carried[..., 3:-3, 3:-3], plain[..., 3:-3, 3:-3])


def test_a_new_look_is_carried_from_where_it_was_made() -> None:
    look = Look()
    right = torch.tensor([-1.0, 0])[None, :, None, None].expand(1, 2, *SIZE).clone()
    for _ in range(2):
        look.advance(right)
        scores = torch.rand(1, 2, *SIZE)
        look.renew(scores)
        torch.testing.assert_close(look.carried(), scores)
        look.advance(right)
        torch.testing.assert_close(look.carried()[..., 1:], scores[..., :-1])


def test_only_those_that_are_due_are_looked_at_in_a_batch() -> None:
    correction = Counting()
    images = torch.rand(3, 3, 4 * SIZE[0], 4 * SIZE[1])
    propagated = Propagated(10 * down(images), down(images))
    looks = [Look(), Look(), Look()]
    for look, age in zip(looks, (0, 1, 0), strict=True):
        look.renew(torch.zeros(1, 3, *SIZE))
        look.age = age
    flow = torch.zeros(3, 2, *SIZE)
    found = look_again(model(correction, 2), images, propagated, looks, flow)
    assert correction.calls == [1]
    expected = 10 * down(images) * torch.tensor([0.0, 1, 0])[:, None, None, None]
    torch.testing.assert_close(found, expected)
    found = look_again(model(correction, 2), images, propagated, looks, flow)
    assert correction.calls == [1, 2]
    torch.testing.assert_close(found, 10 * down(images))


def test_cameras_out_of_step_get_what_each_gets_alone() -> None:
    correction = Counting()
    shared = model(correction, 2)
    together = [VideoSegmenter(CONFIG, model=shared) for _ in range(2)]
    alone = [VideoSegmenter(CONFIG, model=shared) for _ in range(2)]
    together[0].step(square(2))
    alone[0].step(square(2))
    for column in range(3, 9):
        frames = [square(column), square(column + 4)]
        found = step_together(together, frames, [0, 0])
        for video, frame, result in zip(alone, frames, found, strict=True):
            np.testing.assert_array_equal(result.labels, video.step(frame).labels)


@pytest.mark.parametrize('mode', ['inline', 'background'])
def test_warming_up_comes_to_a_look_at_once(mode: str) -> None:
    correction = Counting()
    config = replace(CONFIG, key_frame_mode=mode)
    windows = Counting()
    VideoSegmenter(config, model=replace(model(correction, 1000), window=windows)).warm_up((96, 112))
    assert correction.calls == [1] and windows.calls  # and to windows, however little a window is wrong


def test_a_look_may_be_at_less_than_the_frames_size() -> None:
    config = SegmenterConfig(device='cpu', precision='float32', engine='torch')
    whole, half = load_model(config), load_model(replace(config, correction_scale=0.5))
    assert (whole.correction_scale, half.correction_scale) == (1.0, 0.5)
    image = torch.rand(1, 3, 64, 96)
    propagated = Propagated(torch.zeros(1, 11, 16, 24), torch.zeros(1, 3, 16, 24))
    with torch.inference_mode():
        found = half.correction(image, propagated)
        scores = plain(whole.correction).key(F.avg_pool2d(image, 2))  # which is what bilinear halving is
    expected = F.interpolate(scores, size=(16, 24), mode='bilinear', align_corners=False)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert load_model(replace(config, correction_scale=0.5, gate='none', correction='key')).correction_scale == 1.0
