# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Label a video file, without ROS: ``python examples/video_file.py VIDEO OVERLAY.mp4``."""

import sys
from collections import Counter

import cv2
import numpy as np

from davss_ros import SegmenterConfig, VideoSegmenter
from davss_ros.core.visualize import Painter
from davss_ros.errors import DavssError
from davss_ros.recordings.open import open_source


def main(source: str, out: str) -> None:
    """Write the labels over the video, and print how much of it each class takes."""
    segmenter = VideoSegmenter(SegmenterConfig(key_interval=10))
    classes = segmenter.model.classes
    painter, pixels, frames = Painter(classes), Counter[int](), open_source(source)
    writer: cv2.VideoWriter | None = None
    for frame in frames:
        result = segmenter.step(frame.image, frame.stamp)
        overlay = painter.overlay(frame.image, result.labels, opacity=0.5)
        if writer is None:
            height, width = overlay.shape[:2]
            writer = cv2.VideoWriter(out, cv2.VideoWriter.fourcc(*'mp4v'), frames.rate, (width, height))
        writer.write(cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
        pixels.update(dict(zip(*map(np.ndarray.tolist, np.unique(result.labels, return_counts=True)), strict=True)))
    if writer is not None:
        writer.release()
    for number, count in pixels.most_common():
        print(f'{classes[number].name:12} {100 * count / pixels.total():5.1f} %')


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:3])
    except DavssError as error:
        sys.exit(str(error))
