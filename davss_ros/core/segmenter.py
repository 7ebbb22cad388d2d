"""`VideoSegmenter`: one camera's video in, labels and distortion out, frame by frame."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.labels import merge_dense, merge_sparse
from davss_ros.core.model import Model, load_model
from davss_ros.core.propagation import PROPAGATIONS, Propagation
from davss_ros.core.resample import SCALE, down, pad_to_multiple
from davss_ros.core.result import FrameResult
from davss_ros.core.timing import StageTimer
from davss_ros.errors import FrameError
from davss_ros.networks.interface import Propagated

SMALLEST, LARGEST = 16, 8192  # px, of a frame's sides


@dataclass
class _Cache:
    """What is kept from frame to frame."""

    size: tuple[int, ...]  # of the frames, (H, W)
    propagation: Propagation
    image: Tensor  # the last frame
    labels: Tensor  # of the key frame
    distance: int = 0


class VideoSegmenter:
    """Segments a video by the key frames' scores, the flow and a distortion-aware correction (DAVSS).

    Not for several threads at once; one camera, one segmenter. Segmenters may share a model.

    Args:
        config: settings.
        model: an already loaded model, to share; otherwise loaded as ``config`` says.

    Raises:
        ConfigError, WeightsError: as `load_model` does.
    """

    def __init__(self, config: SegmenterConfig | None = None, *, model: Model | None = None) -> None:
        self.config = config or SegmenterConfig()
        self.model = model or load_model(self.config)
        self.key_interval = self.config.key_interval  # may be changed between steps
        self._cache: _Cache | None = None
        self._reason = 'first'

    def step(self, frame: NDArray[np.uint8], stamp: int = 0) -> FrameResult:
        """Segment the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB; both sides `SMALLEST` to `LARGEST` px.
            stamp: handed through to the result (the node: ns since the epoch).

        Raises:
            FrameError: the frame is not of that form. The cache stays as it was; whatever else fails drops it.
        """
        _check(frame)
        try:
            return self._step(frame, stamp)
        except Exception:
            self.reset()
            raise

    def reset(self) -> None:
        """Forget what came before: the next frame is a key frame."""
        self._cache = None
        self._reason = 'reset'

    def warm_up(self, size: tuple[int, int] = (480, 640)) -> None:
        """Run every network once on a frame of that (H, W), so that the first real frame does not wait; then reset."""
        grey = np.full((*size, 3), 127, np.uint8)
        interval, self.key_interval = self.key_interval, 2
        try:
            for _ in range(2):
                self.step(grey)
        finally:
            self.key_interval = interval
            self._cache, self._reason = None, 'first'

    def _step(self, frame: NDArray[np.uint8], stamp: int) -> FrameResult:
        timer = StageTimer(self.model.device)
        with self.model.inference():
            image = self._prepare(frame)
            timer.lap('prepare')
            reason = self._key_reason(frame.shape[:2])
            if reason:
                labels, distortion = self._key_step(image, frame.shape[:2], timer)
            else:
                labels, distortion = self._propagated_step(image, timer)
            labels_here, distortion_here = labels.cpu().numpy(), distortion.float().cpu().numpy()
        full = self._to_frame_size(labels_here, frame.shape[:2])
        timer.lap('labels')
        return FrameResult(
            labels=full,
            distortion_quarter=distortion_here,
            is_key=bool(reason),
            key_reason=reason,
            distance=self._cache.distance if self._cache else 0,
            stamp=stamp,
            timings=timer.milliseconds(),
        )

    def _key_reason(self, size: tuple[int, ...]) -> str:
        if self._cache is None:
            return self._reason
        if self._cache.size != size:
            return 'size'
        due = self._cache.distance + 1 >= self.key_interval or self.config.mode == 'per_frame'
        return 'interval' if due else ''

    def _key_step(self, image: Tensor, size: tuple[int, ...], timer: StageTimer) -> tuple[Tensor, Tensor]:
        scores = self.model.key(image).float()
        timer.lap('key')
        labels = self._merge(scores)
        key = Propagated(scores, down(image, self.model.align_corners))
        self._cache = _Cache(size, PROPAGATIONS[self.model.propagation](key), image, labels)
        return labels, torch.zeros_like(scores[0, 0])

    def _propagated_step(self, image: Tensor, timer: StageTimer) -> tuple[Tensor, Tensor]:
        cache, model, mode = self._cache, self.model, self.config.mode
        assert cache is not None
        trusted = torch.zeros_like(image[:, :1, ::SCALE, ::SCALE])
        cache.distance += 1
        if mode == 'hold':
            return cache.labels, trusted[0, 0]
        flow = model.flow(image, cache.image).float()
        cache.image = image
        timer.lap('flow')
        propagated = cache.propagation.advance(flow)
        timer.lap('propagation')
        if mode == 'flow':
            return self._merge(propagated.scores), trusted[0, 0]
        if mode == 'correct_all':
            distortion = trusted + 1
        else:
            distortion = model.distortion(propagated, down(image, model.align_corners)).float()
        timer.lap('distortion')
        correction = model.correction(image, propagated).float()
        timer.lap('correction')
        weight = (distortion * model.correction_gain).clamp(max=1)
        return self._merge(propagated.scores, correction, weight), distortion[0, 0]

    def _merge(self, scores: Tensor, correction: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        if scores.device.type == 'cpu' and not self.model.align_corners:
            return merge_sparse(scores, correction, weight)[0]
        return merge_dense(scores, correction, weight, self.model.align_corners)[0]

    def _prepare(self, frame: NDArray[np.uint8]) -> Tensor:
        """Return the frame at working size, sides padded to multiples of 4: (1, 3, H', W') float32 in [0, 1]."""
        height, width = self._working_size(frame.shape[:2])
        if (height, width) != frame.shape[:2]:
            frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        # a message's bytes are read-only, which torch warns of; nothing here writes to them, but a copy is cheap
        pixels = torch.from_numpy(np.require(frame, requirements=('C', 'W'))).to(self.model.device)
        return pad_to_multiple(pixels.permute(2, 0, 1)[None].float().div_(255))

    def _working_size(self, size: tuple[int, ...]) -> tuple[int, int]:
        height, width = size
        wanted = self.config.working_height
        if not wanted or wanted >= height:
            return height, width
        return wanted, max(SMALLEST, SCALE * round(width * wanted / height / SCALE))

    def _to_frame_size(self, labels: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
        height, width = self._working_size(size)
        labels = labels[:height, :width]
        if labels.shape == size:
            return np.ascontiguousarray(labels)
        return cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)


def _check(frame: NDArray[np.uint8]) -> None:
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        found = f'{frame.dtype} {frame.shape}' if isinstance(frame, np.ndarray) else type(frame).__name__
        raise FrameError(f'frame: expected (H, W, 3) uint8 RGB, found {found}')
    if not all(SMALLEST <= side <= LARGEST for side in frame.shape[:2]):
        raise FrameError(
            f'frame: expected sides of {SMALLEST} to {LARGEST} px, found {frame.shape[1]}x{frame.shape[0]}'
        )
