# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Where bytes become pixels, and nowhere else: messages, picture files, label files.

One rule for all of them:

- orientation: pixels as they are stored. EXIF and TIFF orientations are never applied, since camera_info, labels and
  stamps speak of stored pixels; see `davss_ros.images.orientation` for who asks what they are.
- bit depth: 8 bits come out; of 16, those that `davss_ros.images.bit_depth.BitDepth` says.
- alpha: left out, never blended.
- palette: a picture shows its colours, a label file gives its indices (`davss_ros.images.labels`).
- byte order: of 16-bit messages as ``is_bigendian`` says; files know their own.
- size: sides up to `davss_ros.images.header.LARGEST_SIDE`, looked at before anything is decoded.
"""

import os
from typing import Any

import cv2

if 'OPENCV_LOG_LEVEL' not in os.environ:
    # of a broken picture it prints its own sources; what it means is said by our errors
    _logging: Any = cv2 if hasattr(cv2, 'setLogLevel') else vars(cv2.utils)['logging']  # OpenCV 4, or 5
    _logging.setLogLevel(0)
