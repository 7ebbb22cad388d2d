# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.datasets.dataset import open_dataset
from davss_ros.errors import DataError
from davss_ros.train.material.augment import fit_to
from davss_ros.train.material.clips import load_clips
from davss_ros.train.material.motion import MotionSettings

Image = NDArray[np.uint8]


def write(folder: Path, name: str, size: tuple[int, int], labelled: bool = True) -> None:
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    labels = np.zeros(size, np.uint8)
    labels[size[0] // 2 :] = 3
    cv2.imwrite(str(folder / 'images' / f'{name}.png'), np.repeat(labels[..., None] * 60, 3, 2))
    if labelled:
        cv2.imwrite(str(folder / 'labels' / f'{name}.png'), labels)


def test_clips_are_synthetic_videos_and_real_ones_with_what_labels_there_are(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / 'stills', str(number), (32, 48))
    for number in range(5):
        write(tmp_path / 'video', str(number), (64, 96), labelled=number == 3)
        write(tmp_path / 'plain', str(number), (40, 40))
    settings = MotionSettings(
        tmp_path / 'stills', (tmp_path / 'video', tmp_path / 'plain' / 'images'), rounds=2, longest=4
    )
    clips = load_clips(settings, 11)
    assert [len(clip.images) for clip in clips] == [5] * 6
    assert all(image.shape == (32, 48, 3) for clip in clips for image in clip.images)
    assert all(labels is not None and labels.shape == (32, 48) for clip in clips[:4] for labels in clip.labels)
    video, plain = clips[4:]
    assert [labels is not None for labels in video.labels] == [False, False, False, True, False]
    assert video.labels[3] is not None
    assert np.array_equal(video.labels[3], np.repeat([[0], [3]], 16, 0).repeat(48, 1))
    assert plain.labels == [None] * 5
    again = load_clips(settings, 11)
    assert all(
        np.array_equal(a, b) for x, y in zip(clips, again, strict=True) for a, b in zip(x.images, y.images, strict=True)
    )


def test_labels_of_a_video_may_be_colours_as_those_of_the_data(tmp_path: Path) -> None:
    write(tmp_path / 'data', 'a', (32, 48))
    for number in range(3):
        write(tmp_path / 'video', str(number), (32, 48), labelled=False)
    dataset = open_dataset(tmp_path / 'data', layout='stills')
    shown = np.full((32, 48, 3), dataset.classes[3].color[::-1], np.uint8)
    cv2.imwrite(str(tmp_path / 'video' / 'labels' / '1.png'), shown)
    clips = load_clips(MotionSettings(tmp_path, (tmp_path / 'video',), rounds=0), 11, dataset)
    found = clips[-1].labels[1]
    assert found is not None and (found == 3).all()


def test_sequences_of_a_dataset_are_clips(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path, f'{number:06d}', (32, 48))
    dataset = open_dataset(tmp_path, layout='folder')
    clips = load_clips(MotionSettings(tmp_path, rounds=1, longest=2), 11, dataset)
    assert [len(clip.images) for clip in clips] == [3, 3, 3, 3, 4]
    for clip_labels, name in zip(clips[4].labels, sorted((tmp_path / 'labels').iterdir()), strict=True):
        assert np.array_equal(clip_labels, cv2.imread(str(name), cv2.IMREAD_UNCHANGED))


def test_the_middle_is_cut_and_scaled() -> None:
    image = np.zeros((20, 60), np.uint8)
    image[:, 20:40] = 7
    assert (fit_to(image, (10, 10), labels=True) == 7).all()
    assert set(np.unique(fit_to(image, (10, 20), labels=True))) == {0, 7}
    assert fit_to(np.zeros((20, 60, 3), np.uint8), (8, 12)).shape == (8, 12, 3)


def test_stills_of_two_sizes_are_refused(tmp_path: Path) -> None:
    write(tmp_path, '0', (32, 48))
    write(tmp_path, '1', (32, 52))
    with pytest.raises(DataError, match='expected images of one size'):
        load_clips(MotionSettings(tmp_path), 11)
