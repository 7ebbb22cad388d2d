# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Our decoder against cv_bridge, whichever is installed, and what is left to it."""

import sys
from array import array
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.errors import FrameError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.messages import ENCODINGS, decode

HEIGHT, WIDTH = 8, 12
BYTES = {'rgb8': 3, 'bgr8': 3, '8UC3': 3, 'rgba8': 4, 'bgra8': 4, '8UC4': 4, 'mono16': 2, '16UC1': 2}
BYTES |= {'rgb16': 6, 'bgr16': 6, '16UC3': 6, 'rgba16': 8, 'bgra16': 8, '16UC4': 8, 'nv24': 1}
BYTES |= {f'bayer_{pattern}16': 2 for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')}
BYTES |= {'yuv422': 2, 'uyvy': 2, 'yuv422_yuy2': 2, 'yuyv': 2}


def message(encoding: str, pixel_bytes: int) -> Any:
    rows = {'nv12': HEIGHT * 3 // 2, 'nv21': HEIGHT * 3 // 2, 'nv24': HEIGHT * 3}.get(encoding, HEIGHT)
    data = np.random.default_rng(0).integers(0, 256, rows * WIDTH * pixel_bytes, np.uint8)
    fields = {'height': HEIGHT, 'width': WIDTH, 'encoding': encoding, 'is_bigendian': 0, 'step': WIDTH * pixel_bytes}
    return SimpleNamespace(**fields, data=array('B', data.tobytes()))


def test_both_make_the_same_of_every_encoding_that_both_know() -> None:
    bridge = pytest.importorskip('cv_bridge').CvBridge()
    try:
        bridge.imgmsg_to_cv2(message('rgb8', 3), desired_encoding='rgb8')
    except Exception as error:  # as the port of ROS 1 does since numpy 2.4
        pytest.skip(f'this cv_bridge does not work beside numpy {np.__version__}: {error}')
    compared = set()
    for encoding in ENCODINGS:
        settings = message(encoding, BYTES.get(encoding, 1))
        try:
            expected = np.asarray(bridge.imgmsg_to_cv2(settings, desired_encoding='rgb8'))
        except Exception:  # it knows fewer; which ones depends on its version
            continue
        if expected.shape == (HEIGHT, WIDTH, 3):
            difference = abs(decode(settings, BitDepth(16)).astype(int) - expected).max()
            assert difference <= (2 if encoding.startswith(('yuv', 'uyvy', 'yuyv', 'mono16')) else 0), encoding
            compared.add(encoding)
    assert {'rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'bayer_rggb8'} <= compared


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A cv_bridge that answers as it is told: ``answer`` (an array, or an error), and notes what it was ``asked``."""
    report: dict[str, Any] = {'asked': []}

    class CvBridge:
        def imgmsg_to_cv2(self, settings: Any, desired_encoding: str) -> NDArray[Any]:
            report['asked'].append((settings.encoding, desired_encoding))
            if isinstance(report['answer'], Exception):
                raise report['answer']
            return np.asarray(report['answer'])

    module = ModuleType('cv_bridge')
    module.CvBridge = CvBridge  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, 'cv_bridge', module)
    return report


def test_what_our_table_lacks_is_left_to_cv_bridge_and_nothing_else(bridge: dict[str, Any]) -> None:
    bridge['answer'] = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
    assert (decode(message('yuv420', 2)) == 7).all()
    decode(message('rgb8', 3))
    assert bridge['asked'] == [('yuv420', 'rgb8')]


@pytest.mark.parametrize(
    'answer',
    [
        KeyError('yuv420'),
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.uint16),
        np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8),
    ],
)
def test_what_cv_bridge_cannot_convert_or_converts_wrongly_is_refused(bridge: dict[str, Any], answer: Any) -> None:
    bridge['answer'] = answer
    with pytest.raises(FrameError, match=r"^encoding: expected rgb, bgr.*found 'yuv420'"):
        decode(message('yuv420', 2))


def test_cv_bridge_is_given_no_message_whose_sizes_do_not_fit(bridge: dict[str, Any]) -> None:
    bridge['answer'] = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for field, value in (('step', 5), ('height', HEIGHT + 1), ('data', array('B', bytes(10)))):
        settings = message('yuv420', 2)
        setattr(settings, field, value)
        with pytest.raises(FrameError, match=r'^data: expected \d+ rows'):
            decode(settings)
    assert bridge['asked'] == []


def test_without_cv_bridge_an_encoding_beyond_the_table_is_refused_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)  # importing it fails
    with pytest.raises(FrameError, match='cv_bridge, which knows more, is not installed'):
        decode(message('yuv420', 2))
