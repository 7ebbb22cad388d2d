# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass
from davss_ros.datasets.dataset import open_dataset
from davss_ros.errors import DataError
from davss_ros.evaluate.videos import EvaluationFrame, Run, Video, check_videos, dataset_videos, plan_runs


def frame(labelled: bool = True) -> EvaluationFrame:
    def unread() -> NDArray[np.uint8]:
        raise AssertionError('a plan reads nothing')

    return EvaluationFrame('x', unread, unread if labelled else None)


def needed(videos: list[Video], longest: int, interval: int) -> set[tuple[int, int, int]]:
    """Every (video, key frame, frame) that is asked for, found one by one."""
    steps = set()
    for number, video in enumerate(videos):
        for t in range(longest, len(video)):
            if video[t].labels is not None:
                steps |= {(number, t - d, t) for d in range(longest + 1)}
                if interval and t >= interval:
                    steps.add((number, t - interval, t - 1))
    return steps


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize(('longest', 'interval'), [(0, 0), (1, 0), (3, 2), (3, 4)])
def test_runs_reach_all_that_is_needed_and_end_there(seed: int, longest: int, interval: int) -> None:
    rng = np.random.default_rng(seed)
    videos = [[frame(bool(rng.random() < 0.4)) for _ in range(12)] + [frame()] for _ in range(2)]
    runs = plan_runs(videos, longest, interval)
    assert len({(run.video, run.start) for run in runs}) == len(runs)
    reached = {(run.video, run.start, t) for run in runs for t in range(run.start, run.last + 1)}
    wanted = needed(videos, longest, interval)
    assert wanted <= reached
    for run in runs:
        assert run.last - run.start <= longest
        if interval <= longest:  # otherwise a run may go on to the frame before a labelled one, if only that is there
            assert (run.video, run.start, run.last) in wanted


def test_stills_are_runs_of_one_frame() -> None:
    assert plan_runs([[frame(), frame(False), frame()]], 0) == [Run(0, 0, 0), Run(0, 2, 2)]


@pytest.mark.parametrize('videos', [[], [[]], [[frame()] * 3], [[frame(False)] * 9]])
def test_nothing_to_count_is_refused(videos: list[Video]) -> None:
    with pytest.raises(ValueError, match='expected labelled ones with 3 frames before them'):
        plan_runs(videos, 3)


CLASSES = [SemanticClass(name, (0, 0, 0)) for name in 'abcd']


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ('images', 'labels'):
        (tmp_path / part).mkdir()
    for name in 'abcd':
        cv2.imwrite(str(tmp_path / 'images' / f'{name}.png'), np.full((20, 30, 3), ord(name), np.uint8))
        cv2.imwrite(str(tmp_path / 'labels' / f'{name}.png'), np.full((20, 30), ord(name) - ord('a'), np.uint8))
    return tmp_path


def test_a_folder_is_a_video_of_labelled_frames(folder: Path) -> None:
    (video,) = dataset_videos(open_dataset(folder, CLASSES))
    check_videos([video])
    assert [frame.name for frame in video] == [*'abcd']
    for number, frame in enumerate(video):
        image = frame.image()
        assert (image == ord(frame.name)).all() and (frame.labels_of(image) == number).all()


def test_every_wrong_file_is_named(folder: Path) -> None:
    cv2.imwrite(str(folder / 'labels' / 'a.png'), np.zeros((20, 31), np.uint8))
    (folder / 'labels' / 'b.png').write_bytes(b'no image')
    (folder / 'images' / 'd.png').write_bytes(b'no image')
    with pytest.raises(DataError) as raised:
        check_videos(dataset_videos(open_dataset(folder, CLASSES[:2])))
    unread = 'expected a jpeg, png, webp, tiff or bmp image, found 8 bytes starting 6e6f20696d616765'
    assert str(raised.value).splitlines() == [
        f'{folder}/labels/a.png: expected the size of its image, 30x20, found 31x20',
        f'{folder}/labels/b.png: cannot be read as labels: {unread}',
        f'{folder}/labels/c.png: expected ids 0..1 or 255 (void), found [2]',
        f'{folder}/images/d.png: cannot be read as an image: {unread}',
    ]


def test_frames_without_labels_are_not_checked() -> None:
    check_videos([[frame(labelled=False)]])


def test_frames_between_the_labelled_ones_belong_to_the_video(tmp_path: Path) -> None:
    for part in ('images', 'labels'):
        (tmp_path / part).mkdir()
    for number in range(6):
        cv2.imwrite(str(tmp_path / 'images' / f'{number:06d}.png'), np.full((20, 30, 3), number, np.uint8))
    cv2.imwrite(str(tmp_path / 'labels' / '000004.png'), np.ones((20, 30), np.uint8))
    (video,) = dataset_videos(open_dataset(tmp_path, CLASSES, partly_labelled=True))
    assert [frame.labels is not None for frame in video] == [False] * 4 + [True, False]
    assert [int(frame.image()[0, 0, 0]) for frame in video] == list(range(6))
