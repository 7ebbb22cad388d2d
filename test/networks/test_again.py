# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.again import Joined, KeyAgain, Mirrored, Smaller, at_scale, smaller_side
from davss_ros.networks.interface import Propagated


def left_of(image: Tensor) -> Tensor:
    """Scores that are not the same from left to right as from right to left."""
    return F.avg_pool2d(image, 4).cumsum(3)


def test_the_key_network_corrects_without_looking_at_what_was_propagated() -> None:
    image = torch.rand(2, 3, 16, 20)
    for value in (0.0, 1.0):
        carried = Propagated(torch.full((2, 3, 4, 5), value), torch.full((2, 3, 4, 5), value))
        assert torch.equal(KeyAgain(left_of)(image, carried), left_of(image))


def test_a_second_look_is_the_mean_of_both() -> None:
    image = torch.rand(2, 3, 16, 20)
    columns = F.avg_pool2d(image, 4)
    expected = torch.stack(  # what is left of a column, and what is right of it, with the column itself
        [(columns[..., : x + 1].sum(3) + columns[..., x:].sum(3)) / 2 for x in range(5)], 3
    )
    torch.testing.assert_close(Mirrored(left_of)(image), expected)


def test_joined_networks_give_their_mean() -> None:
    image = torch.rand(2, 3, 16, 20)
    pools = [nn.AvgPool2d(4), nn.MaxPool2d(4), nn.AvgPool2d(4)]
    expected = (2 * F.avg_pool2d(image, 4) + F.max_pool2d(image, 4)) / 3
    torch.testing.assert_close(Joined(*pools)(image), expected)


def test_a_mirrored_frame_has_mirrored_scores() -> None:
    image = torch.rand(1, 3, 16, 20)
    torch.testing.assert_close(Mirrored(left_of)(image.flip(3)), Mirrored(left_of)(image).flip(3))


def test_a_smaller_frame_has_scores_in_the_same_places() -> None:
    rows, columns = torch.meshgrid(torch.arange(96.0), torch.arange(128.0), indexing='ij')
    image = torch.stack([rows, columns, rows + columns])[None] / 256  # linear, so that resampling keeps it

    def quarter(frame: Tensor) -> Tensor:
        return F.avg_pool2d(frame, 4)

    sizes = []

    class Seen(nn.Module):
        def forward(self, frame: Tensor) -> Tensor:
            sizes.append(tuple(frame.shape[2:]))
            return quarter(frame)

    for scale, size in ((0.5, (48, 64)), (0.67, (64, 80)), (0.05, (16, 16))):
        found = Smaller(Seen(), scale)(image)
        assert sizes[-1] == size
        assert found.shape == quarter(image).shape
        if scale > 0.1:  # what lies further out than the outermost small pixels is as these are
            torch.testing.assert_close(found[..., 3:-3, 3:-3], quarter(image)[..., 3:-3, 3:-3])


def test_a_frame_at_its_own_size_is_not_resampled() -> None:
    network = nn.Identity()
    assert at_scale(network, 1.0) is network
    assert [smaller_side(side, 0.75) for side in (360, 480, 20)] == [272, 352, 16]
