# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from torch import Tensor

from davss_ros.errors import DataError
from davss_ros.train.material.motion import (
    ARRAYS,
    MotionSettings,
    load_samples,
    make_samples,
    open_motion,
    save_samples,
    video_frames,
)


def stills(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    rng = np.random.default_rng(0)
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(parents=True)
    for number, size in enumerate(sizes):
        image = rng.integers(0, 255, (*size, 3), np.uint8)
        labels = np.zeros(size, np.uint8)
        labels[size[0] // 2 :] = 3
        cv2.imwrite(str(folder / 'images' / f'{number}.png'), image)
        cv2.imwrite(str(folder / 'labels' / f'{number}.png'), labels)
    return folder


def red_or_not(image: Tensor) -> Tensor:
    """A key network that tells red from the rest."""
    quarter = image[..., 1::4, 1::4]
    return torch.stack([quarter[:, 0], quarter[:, 1], quarter[:, 2] * 0], 1)


def nothing_moves(image: Tensor, previous: Tensor) -> Tensor:
    return torch.zeros(1, 2, image.shape[2] // 4, image.shape[3] // 4)


def test_samples_hold_what_the_networks_gave(tmp_path: Path) -> None:
    settings = MotionSettings(stills(tmp_path / 'data', [(32, 48)] * 3), rounds=1, longest=4, samples_per_video=2)
    samples = make_samples(settings, red_or_not, nothing_moves, 'step', 11, lambda _: None)
    assert len(samples) == 3 * 2
    assert samples.image.shape == (6, 32, 48, 3)
    assert samples.scores.shape == samples.teacher.shape == (6, 3, 8, 12)
    assert set(samples.distance) <= {1, 2, 3, 4}
    for index in range(len(samples)):
        now = torch.from_numpy(samples.image[index]).permute(2, 0, 1)[None] / 255
        np.testing.assert_allclose(samples.teacher[index], red_or_not(now)[0].numpy(), atol=1e-3)
        carried, current = (
            torch.nn.functional.interpolate(
                torch.from_numpy(scores[index : index + 1].astype(np.float32)), scale_factor=4, mode='bilinear'
            ).argmax(1)
            for scores in (samples.scores, samples.teacher)
        )
        wrong = (carried != current).float().unfold(1, 4, 4).unfold(2, 4, 4).mean((3, 4))[0]
        assert np.abs(samples.wrong[index] - wrong.numpy()).mean() < 0.02  # float16 scores may draw


def test_samples_survive_the_disk_and_depend_on_the_seed_only(tmp_path: Path) -> None:
    settings = MotionSettings(stills(tmp_path / 'data', [(32, 48)] * 2), rounds=1, longest=3, samples_per_video=1)
    made = make_samples(settings, red_or_not, nothing_moves, 'composed', 11, lambda _: None)
    assert load_samples(tmp_path / 'samples', {}) is None
    save_samples(made, tmp_path / 'samples', {})
    read = load_samples(tmp_path / 'samples', {})
    again = make_samples(settings, red_or_not, nothing_moves, 'composed', 11, lambda _: None)
    assert read is not None
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))


@pytest.mark.parametrize('sizes', [[(32, 48), (32, 52)], [(30, 48)]])
def test_stills_of_several_or_odd_sizes_are_refused(tmp_path: Path, sizes: list[tuple[int, int]]) -> None:
    settings = MotionSettings(stills(tmp_path / 'data', sizes))
    with pytest.raises(DataError, match='expected one size, a multiple of 4'):
        make_samples(settings, red_or_not, nothing_moves, 'step', 11)


def test_videos_may_be_bags_of_several_cameras_beside_others(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    kind, header, stamp = (
        store.types[name] for name in ('sensor_msgs/msg/Image', 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time')
    )
    bag, folder = tmp_path / 'bag', tmp_path / 'folder'
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for shade, topic in enumerate(('/left', '/right')):
            connection = writer.add_connection(topic, kind.__msgtype__, typestore=store)
            message = kind(header(stamp(1, 0), ''), 2, 2, 'mono8', 0, 2, np.full(4, shade, np.uint8))
            writer.write(connection, 10**9, store.serialize_cdr(message, kind.__msgtype__))
    folder.mkdir()
    assert cv2.imwrite(str(folder / '0.png'), np.full((2, 2, 3), 9, np.uint8))
    settings = MotionSettings(tmp_path, topic='/right')
    assert [frame.image.max() for path in (bag, folder) for frame in open_motion(path, settings)] == [1, 9]
    with pytest.raises(DataError, match='found image topics: /left, /right'):
        open_motion(bag, MotionSettings(tmp_path))


def test_of_videos_only_the_first_share_is_seen(tmp_path: Path) -> None:
    (tmp_path / 'video').mkdir()
    for t in range(10):
        assert cv2.imwrite(str(tmp_path / 'video' / f'{t}.png'), np.full((32, 48, 3), 10 * t, np.uint8))
    data = stills(tmp_path / 'data', [(32, 48)])
    every = MotionSettings(data, (tmp_path / 'video',), rounds=0, longest=2, samples_per_video=2, stride=1)
    for share, clips, brightest, middle in ((1.0, 8, 90, 50), (0.5, 3, 40, 20)):
        made = make_samples(replace(every, share=share), red_or_not, nothing_moves, 'composed', 11, lambda _: None)
        assert (len(made), made.image.max()) == (2 * clips, brightest)
        frames = video_frames(replace(every, share=share), 2, (16, 16))
        assert [(frame.shape, frame.max()) for frame in frames] == [((16, 16, 3), 0), ((16, 16, 3), middle)]
        assert len(video_frames(replace(every, share=share), 99, (16, 16))) == round(10 * share)
    assert video_frames(every, 0, (16, 16)) == []
