# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``make_bag``: a video, a folder of images, a labelled folder or one camera of a bag as a rosbag2 (mcap)."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from davss_ros.command_line import guarded
from davss_ros.core.classes import load_classes
from davss_ros.datasets.dataset import open_dataset
from davss_ros.datasets.folder import is_folder
from davss_ros.errors import DataError
from davss_ros.evaluate.bags.record import BagWriter, write_metadata
from davss_ros.evaluate.videos import dataset_videos
from davss_ros.recordings.arguments import add_topic
from davss_ros.recordings.arguments import rate as parse_rate
from davss_ros.recordings.bag import BagSource
from davss_ros.recordings.frame import FOLDER_RATE, Frame
from davss_ros.recordings.open import open_source

IMAGE, LABEL = '/image', '/label'
FRAME_ID = 'camera'  # where the source has none
BEGAN = 1_700_000_000 * 10**9  # ns since the epoch; a bag's stamps must not be 0
Image = NDArray[np.uint8]


def make_bag(
    source: Path, bag: Path, rate: float = 0.0, classes: str = 'camvid11', split: str = '', topic: str = ''
) -> int:
    """Write images to `IMAGE` and, where there are labels, class ids to `LABEL`; return the number of frames.

    Args:
        source: video, folder of images, bag, or labelled data that `davss_ros.datasets` knows.
        bag: folder to be made.
        rate: Hz of images; 0: 15, or the video's own times.
        classes: of the labels.
        split: of the data, where there are several.
        topic: of a bag with several cameras.

    Raises:
        DataError: the source cannot be read, or the bag is there already.
    """
    if bag.exists():
        raise DataError(f'{bag}: is there already; name another, or remove it')
    frames = _labelled(source, rate, classes, split) if is_folder(source) or split else _plain(source, rate, topic)
    first = next(frames, None)
    if first is None:
        raise DataError(f'{source}: holds no frame')
    bag.mkdir(parents=True)
    path = bag / f'{bag.name}_0.mcap'
    count = 0
    with path.open('wb') as file:
        writer = BagWriter(file)
        for frame, labels in tqdm(_chain(first, frames), unit='frame', desc=bag.name):
            times = frame.stamp, frame.frame_id or FRAME_ID, frame.received, count
            writer.write_image(IMAGE, frame.image, *times)
            if labels is not None:
                writer.write_image(LABEL, labels, *times)
            count += 1
        writer.finish()
    write_metadata(bag, path, writer)
    return count


_Frame = tuple[Frame, Image | None]


def _chain(first: _Frame, rest: Iterator[_Frame]) -> Iterator[_Frame]:
    yield first
    yield from rest


def _plain(source: Path, rate: float, topic: str) -> Iterator[_Frame]:
    opened = open_source(source, rate=rate, topic=topic)
    if isinstance(opened, BagSource):
        return ((frame, None) for frame in opened)
    return ((_at(BEGAN + frame.stamp, frame.image), None) for frame in opened)


def _at(stamp: int, image: Image) -> Frame:
    return Frame(stamp, image, FRAME_ID, stamp)


def _labelled(source: Path, rate: float, classes: str, split: str) -> Iterator[_Frame]:
    dataset = open_dataset(source, load_classes(classes), split=split)
    if dataset.problems:
        raise DataError('\n'.join(dataset.problems))
    place = 0
    for video in dataset_videos(dataset):
        for frame in video:
            image = frame.image()
            labels = None if frame.labels is None else frame.labels_of(image)
            yield _at(BEGAN + round(place * 1e9 / (rate or FOLDER_RATE)), image), labels
            place += 1
        place += int(rate or FOLDER_RATE) * 10  # the next drive is another time


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bag; return the exit status."""
    parser = argparse.ArgumentParser('make_bag', description=__doc__)
    parser.add_argument('source', type=Path, help='video file, folder of images, bag, or images/ beside labels/')
    parser.add_argument('bag', type=Path, help='folder to be made')
    add_topic(parser)
    parser.add_argument('--rate', type=parse_rate, default=0.0, help=f'Hz of images; default: {FOLDER_RATE:g}')
    parser.add_argument('--classes', default='camvid11', help='of the labels; default: camvid11')
    parser.add_argument('--split', default='', help='train, val or test, where there are several')
    options = parser.parse_args(arguments)
    return guarded('make_bag', lambda: _make(options))


def _make(options: argparse.Namespace) -> int:
    count = make_bag(options.source, options.bag, options.rate, options.classes, options.split, options.topic)
    print(f'{options.bag}: {count} frames')
    return 0
