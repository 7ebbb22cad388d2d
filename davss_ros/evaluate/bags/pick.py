# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``--pick``: the frames that a better model could learn most from, ready to be labelled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from davss_ros.core.model import Model
from davss_ros.errors import DataError
from davss_ros.evaluate.bags.job import Job
from davss_ros.evaluate.bags.moments import Moment, made_again, moments
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.rows import FrameRow, read_rows


def telling(rows: Path, count: int) -> list[Moment]:
    """Return the ``count`` most telling frames: of most distortion, of least sure labels, apart in time.

    Distortion and the share of unsure pixels count alike, each against its mean over all frames; a key frame, which
    has no distortion map, by its unsure pixels alone.
    """
    frames, distortion, unsure = 0, 0.0, 0.0
    for row in read_rows(rows):
        if not row.skipped:
            frames, distortion, unsure = frames + 1, distortion + row.distortion, unsure + row.unsure
    scale = [frames / total if total else 0.0 for total in (distortion, unsure)]

    def score(row: FrameRow) -> float:
        return row.distortion * scale[0] + row.unsure * scale[1]

    apart = max(1, frames // (2 * count))
    found = moments(rows, score, count, apart)
    while len(found) < min(count, frames) and apart > 1:
        apart //= 2
        found = moments(rows, score, count, apart)
    return found


def pick(folder: Path, count: int, job: Job, plans: Mapping[Path, BagPlan], rows: Path, model: Model) -> int:
    """Write the frames to ``images``, the model's labels of them to ``proposals``, and where they are from.

    Once the proposals are corrected and lie in ``labels``, the folder is one that ``train`` takes.

    Returns:
        How many were written.

    Raises:
        DataError: a picture cannot be written.
    """
    for name in ('images', 'proposals', 'labels'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    origins: list[dict[str, Any]] = []
    for moment, segmented in made_again(telling(rows, count), job, plans, model):
        row = moment.row
        camera = row.camera.strip('/').replace('/', '_')
        name = f'{row.bag}_{camera}_{row.n:06d}_{row.stamp:019d}.png'
        assert segmented.frame.image is not None
        bgr = cv2.cvtColor(segmented.frame.image, cv2.COLOR_RGB2BGR)
        for path, pixels in ((folder / 'images' / name, bgr), (folder / 'proposals' / name, segmented.result.labels)):
            if not cv2.imwrite(str(path), pixels):
                raise DataError(f'{path}: cannot be written')
        origins.append(
            {
                'file': name,
                'bag': row.bag,
                'camera': row.camera,
                'stamp': row.stamp,
                'distortion': row.distortion,
                'unsure': row.unsure,
            }
        )
    (folder / 'picked.json').write_text(json.dumps(origins, indent=1) + '\n')
    return len(origins)
