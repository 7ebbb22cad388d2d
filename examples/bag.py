# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A table of a bag's frames: ``python examples/bag.py BAG TABLE.csv [TOPIC]``.

The node's own figures of a bag, with what it would have dropped, come from ``python -m davss_ros evaluate_bag``.
"""

import csv
import sys
from pathlib import Path

from davss_ros import SegmenterConfig, VideoSegmenter
from davss_ros.errors import DavssError
from davss_ros.recordings.open import open_source


def main(bag: str, table: str, topic: str = '') -> None:
    """Write a line for every frame: stamp, why it was a key frame, distortion, confidence, time."""
    segmenter = VideoSegmenter(SegmenterConfig())
    with Path(table).open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['stamp', 'key_reason', 'distance', 'mean_distortion', 'mean_confidence', 'ms'])
        for frame in open_source(bag, topic=topic):
            result = segmenter.step(frame.image, frame.stamp)
            figures = result.mean_distortion, result.confidence.mean(), result.timings['total']
            writer.writerow([frame.stamp, result.key_reason, result.distance, *(f'{figure:.4f}' for figure in figures)])


if __name__ == '__main__':
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:4])
    except DavssError as error:
        sys.exit(str(error))
