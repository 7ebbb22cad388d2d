# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import Tensor

from davss_ros.core.propagation import PROPAGATIONS, ComposedPropagation, RenewedPropagation, StepPropagation
from davss_ros.networks.interface import Propagated


def key(height: int = 12, width: int = 16) -> Propagated:
    generator = torch.Generator().manual_seed(0)
    return Propagated(
        torch.rand(1, 4, height, width, generator=generator), torch.rand(1, 3, height, width, generator=generator)
    )


def shift(dx: float, dy: float, like: Propagated) -> Tensor:
    flow = torch.zeros(1, 2, *like.image.shape[2:])
    flow[:, 0], flow[:, 1] = dx, dy
    return flow


def test_whole_pixel_motion_is_carried_exactly_by_all() -> None:
    start = key()
    for propagation in (make(start) for make in PROPAGATIONS.values()):
        propagation.advance(shift(1, 0, start))
        moved = propagation.advance(shift(1, -2, start))
        # seen from the new frame, the key frame lies at (+2, -2)
        assert torch.allclose(moved.scores[..., 2:, :-2], start.scores[..., :-2, 2:], atol=1e-5)
        assert torch.allclose(moved.image[..., 2:, :-2], start.image[..., :-2, 2:], atol=1e-5)


def test_composition_samples_once_where_steps_blur() -> None:
    start = key()
    step, composed = StepPropagation(start), ComposedPropagation(start)
    for flow in (shift(0.5, 0, start), shift(0.5, 0, start)):
        blurred, sharp = step.advance(flow), composed.advance(flow)
    assert torch.allclose(sharp.scores[..., :-2], start.scores[..., 1:-1], atol=1e-5)
    assert (blurred.scores[..., :-2] - start.scores[..., 1:-1]).abs().max() > 0.1


def test_a_pole_between_two_pixels_survives_composition_only() -> None:
    """A column of 1.8 among zeros, moved by half a pixel: bilinear leaves 0.9, less than the 1 of the other class."""
    scores = torch.zeros(1, 2, 8, 12)
    scores[:, 0], scores[:, 1, :, 5] = 1.0, 1.8
    start = Propagated(scores, torch.zeros(1, 3, 8, 12))
    step, composed = (kind(start).advance(shift(0.5, 0, start)) for kind in (StepPropagation, ComposedPropagation))
    assert (step.scores.argmax(1) == 0).all()
    assert (composed.scores.argmax(1)[0, :, 4:6] == 1).all() and composed.scores.argmax(1).sum() == 16


def test_images_are_resampled_without_overshooting() -> None:
    image = torch.zeros(1, 3, 8, 12)
    image[..., 6:] = 1
    start = Propagated(torch.rand(1, 2, 8, 12), image)
    for name, make in PROPAGATIONS.items():
        moved = make(start).advance(shift(0.25, 0, start)).image
        assert moved.min() >= 0 and moved.max() <= 1
        if name != 'renewed':  # which is sharper
            torch.testing.assert_close(moved[..., 5], torch.full((1, 3, 8), 0.25))


def test_composition_follows_the_flow_of_where_a_point_was() -> None:
    start = key()
    first, second = torch.zeros(1, 2, 12, 16), torch.zeros(1, 2, 12, 16)
    first[0, 0, :, 8:] = 3  # the right half came from 3 px further right
    second[0, 0] = 4  # everything came from 4 px further right
    composed = ComposedPropagation(start)
    composed.advance(first)
    moved = composed.advance(second)
    assert torch.allclose(moved.scores[..., 0:3], start.scores[..., 4:7], atol=1e-5)  # was in the left half
    assert torch.allclose(moved.scores[..., 5:8], start.scores[..., 12:15], atol=1e-5)  # was in the right half


def test_renewed_keeps_a_pole_that_steps_smear() -> None:
    """A column of 1 among zeros, after four steps of half a pixel: bilinear leaves 6/16 of it (binomial)."""
    scores = torch.zeros(1, 1, 4, 24)
    scores[..., 12] = 1
    start = Propagated(scores, scores.expand(1, 3, 4, 24))
    step, renewed = StepPropagation(start), RenewedPropagation(start)
    for _ in range(4):
        smeared, kept = step.advance(shift(0.5, 0, start)), renewed.advance(shift(0.5, 0, start))
    torch.testing.assert_close(smeared.scores[0, 0, 0, 10], torch.tensor(6 / 16))
    assert kept.scores[0, 0, 0, 10] > 0.45
    assert 0 <= kept.image.min() <= kept.image.max() <= 1


def test_only_renewed_carries_on_what_was_redone() -> None:
    start = key()
    redone = Propagated(start.scores + 1, 1 - start.image)
    for name, make in PROPAGATIONS.items():
        propagation, untouched = make(start), make(start)
        propagation.advance(shift(0, 0, start))
        propagation.renew(redone)
        after = propagation.advance(shift(1, 0, start))
        untouched.advance(shift(0, 0, start))
        before = untouched.advance(shift(1, 0, start))
        if name == 'renewed':
            torch.testing.assert_close(after.scores[..., :-1], redone.scores[..., 1:], atol=1e-5, rtol=0)
            torch.testing.assert_close(after.image[..., :-1], redone.image[..., 1:], atol=1e-5, rtol=0)
        else:
            assert torch.equal(after.scores, before.scores)


def test_names() -> None:
    expected = {'step': StepPropagation, 'composed': ComposedPropagation, 'renewed': RenewedPropagation}
    assert expected == PROPAGATIONS
