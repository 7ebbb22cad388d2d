# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Settings of the segmenter: one frozen dataclass, one to one with the node's parameters."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from davss_ros.errors import ConfigError


def _setting(default: Any, description: str, **limits: Any) -> Any:
    return field(default=default, metadata={'description': description, **limits})


@dataclass(frozen=True, kw_only=True)
class SegmenterConfig:
    """Everything that decides what a segmenter computes.

    Each field's metadata holds ``description`` and, where they apply, ``minimum``, ``maximum``, ``choices``,
    ``types`` (if there are others than the default's), ``changeable`` (while a segmenter is at work; the others are
    fixed once its model is loaded) and ``per_camera`` (cameras that share a model may differ in it).

    Raises:
        ConfigError: a value is out of range; the message names setting, expectation and value.
    """

    weights: str = _setting(
        'camvid_lite',
        'Shipped model by name, or a weights file; several, separated by commas, each give what they hold.',
    )
    classes: str = _setting(
        '', 'Class names and colours: camvid11, cityscapes19 or a YAML file. Empty: as the weights say.'
    )
    key: str = _setting(
        '',
        'Key network. Empty: as the weights say. One of your own: onnx:FILE, hf:FOLDER (transformers), '
        'torchscript:FILE, pt2:FILE (torch.export), openvino:FILE.xml.',
    )
    key_description: str = _setting(
        '', 'Own key network: YAML or JSON that says how it takes frames and what it gives. Empty: a file beside it.'
    )
    key_options: str = _setting(
        '', 'Own key network: the same, NAME=VALUE separated by spaces, as "mean=imagenet std=imagenet channels=bgr".'
    )
    flow: str = _setting(
        '', 'Flow: dis, dis_even, dis_coarse, dis_medium, dis_fast, dis_ultrafast, flownets. Empty: as the weights say.'
    )
    distortion: str = _setting('', 'Distortion network. Empty: as the weights say.')
    correction: str = _setting('', 'Correction network; key: the key network; none. Empty: as the weights say.')
    gate: str = _setting(
        '',
        'Gate network, which joins what was carried and the correction of the whole frame; the key network then redoes '
        'windows of the outcome. Empty: as the weights say, but none where correction is set; none: without.',
    )
    key_views: int = _setting(
        0,
        'What the key network sees of a key frame: 1, the frame; 2, also its mirror image. 0: as the weights say.',
        minimum=0,
        maximum=2,
    )
    propagation: str = _setting(
        '',
        'Carry scores frame by frame (step), along the chained flow (composed), or frame by frame from what was '
        'redone (renewed). Empty: as the weights say.',
        choices=('', 'step', 'composed', 'renewed'),
    )
    correction_gain: float = _setting(
        0.0,
        'The correction counts by gain x distortion, at most 1; 1 is as published. 0: as the weights say.',
        minimum=0.0,
        maximum=100.0,
    )
    correction_share: float = _setting(
        0.0,
        'Share of the frame that the correction network redoes, in windows where the distortion is largest; 1: the '
        'whole frame, as published. 0: as the weights say.',
        minimum=0.0,
        maximum=1.0,
    )
    correction_interval: int = _setting(
        0,
        'With a gate, the correction network looks at the frame after a key frame and at every n-th from there; what '
        'it gave is carried to those between. 0: as the weights say.',
        minimum=0,
        maximum=1000,
    )
    correction_scale: float = _setting(
        0.0,
        'With a gate, share of its height and width at which a frame is looked at: a look costs about its square. 0: '
        'as the weights say.',
        minimum=0.0,
        maximum=1.0,
    )
    window_worth: float = _setting(
        0.0,
        'Share of a window that must be expected wrong for it to be redone. 0: as the weights say.',
        minimum=0.0,
        maximum=1.0,
    )
    window_floor: int = _setting(
        0,
        'Windows that are redone on every frame, however little is wrong.',
        minimum=0,
        maximum=1000,
        changeable=True,
        per_camera=True,
    )
    window_budget: float = _setting(
        0.0,
        'Time that windows may take on a frame, ms, in place of correction_share; 0: as that says.',
        minimum=0.0,
        maximum=1e6,
        changeable=True,
        per_camera=True,
    )
    window_cost: float = _setting(
        0.0,
        'What a window takes, ms, so that replays under window_budget repeat; 0: measured at the start.',
        minimum=0.0,
        maximum=1e6,
        changeable=True,
        per_camera=True,
    )
    align_corners: bool = _setting(False, 'Resampling convention; True is what the published training used.')
    device: str = _setting('auto', 'auto (CUDA where there is one), cpu, cuda or cuda:N.')
    precision: str = _setting(
        'auto',
        'Arithmetic of the networks; auto is half precision on CUDA, and on a CPU bfloat16 if it has instructions for '
        'that, else float32.',
        choices=('auto', 'float32', 'bfloat16', 'float16'),
    )
    engine: str = _setting(
        'auto',
        'What computes the networks: torch, openvino, onnxruntime, perhaps with a device (openvino:GPU). auto: the '
        'fastest that is installed and agrees with torch.',
    )
    working_height: int = _setting(
        360,
        'Frames that are higher are scaled down to this height, px, to be segmented; 0 keeps their own.',
        minimum=0,
        maximum=4320,
        per_camera=True,
    )
    mode: str = _setting(
        'davss',
        'davss; or, to compare: per_frame (key network always), hold (key labels kept), flow (propagation alone), '
        'correct_all (correction everywhere).',
        choices=('davss', 'per_frame', 'hold', 'flow', 'correct_all'),
    )
    key_interval: int = _setting(
        10, 'Every n-th frame is a key frame.', minimum=1, maximum=1000, changeable=True, per_camera=True
    )
    key_frame_mode: str = _setting(
        'inline',
        'inline: a key frame waits for the key network; background: the frames go on from the old key frame meanwhile, '
        'and its scores take over when they are there.',
        choices=('inline', 'background'),
        changeable=True,
        per_camera=True,
    )
    key_frame_lag: int = _setting(
        0,
        'Background: frames after which the new scores take over, so that replays repeat; 0: once they are there.',
        minimum=0,
        maximum=1000,
        changeable=True,
        per_camera=True,
    )
    key_frame_policy: str = _setting(
        'auto',
        'fixed: key frames every key_interval frames; adaptive: when the distortion map asks, on average no more '
        'often; auto: adaptive where there is no correction, fixed elsewhere.',
        choices=('auto', 'fixed', 'adaptive'),
        changeable=True,
        per_camera=True,
    )
    key_frame_distortion: float = _setting(
        0.05,
        'Adaptive: a mean distortion above this asks for a key frame.',
        minimum=0.0,
        maximum=1.0,
        changeable=True,
        per_camera=True,
    )
    key_frame_reach: float = _setting(
        0.05,
        'Adaptive: a distortion above 0.5 on more than this share of the frame asks for a key frame.',
        minimum=0.0,
        maximum=1.0,
        changeable=True,
        per_camera=True,
    )
    key_frame_growth: float = _setting(
        0.02,
        'Adaptive: a mean above that of the first frame after the key frame by more than this asks for a key frame.',
        minimum=0.0,
        maximum=1.0,
        changeable=True,
        per_camera=True,
    )
    key_frame_classes: str = _setting(
        '',
        'Adaptive: names of classes, separated by commas; only where they were carried does the map count. Empty: all.',
        changeable=True,
        per_camera=True,
    )
    key_frame_age: int = _setting(
        30,
        'Adaptive: a key frame comes at the latest so many frames after the last one.',
        minimum=1,
        maximum=10000,
        changeable=True,
        per_camera=True,
    )
    longest_gap: float = _setting(
        1.0,
        'A gap between stamps longer than this, s, forces a key frame; 0: none does.',
        minimum=0.0,
        maximum=3600.0,
        changeable=True,
        per_camera=True,
    )
    cut_distortion: float = _setting(
        0.3,
        'A mean distortion above this is taken for a cut in the scene, unless the frame is as the one before: it '
        'becomes a key frame; 1: none does.',
        minimum=0.0,
        maximum=1.0,
        changeable=True,
        per_camera=True,
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            check_setting(setting.name, getattr(self, setting.name), type(self))


def keyed_every(config: SegmenterConfig, interval: int, mode: str) -> SegmenterConfig:
    """Return the settings with a key frame every ``interval`` frames, inline, and never else: for measurements."""
    return replace(
        config,
        mode=mode,
        key_interval=interval,
        cut_distortion=1.0,
        key_frame_mode='inline',
        key_frame_policy='fixed',
    )


def changed_settings(before: Any, after: Any, *, changeable: bool) -> list[str]:
    """Return the names of the settings, changeable ones or fixed ones, that differ between two configurations."""
    return [
        setting.name
        for setting in fields(before)
        if setting.metadata.get('changeable', False) == changeable
        and getattr(before, setting.name) != getattr(after, setting.name)
    ]


def check_setting(name: str, value: Any, config: type[Any]) -> None:
    """Raise `ConfigError` unless ``value`` is of the right type and in range for the field ``name`` of ``config``."""
    described = {setting.name: setting for setting in fields(config)}
    if name not in described:
        raise ConfigError(f'{name}: no such setting; known: {", ".join(described)}')
    limits, kind = described[name].metadata, type(described[name].default)
    if type(value) not in limits.get('types', (kind,)):
        way = f'; write {value}.0' if kind is float and type(value) is int else ''
        raise ConfigError(f'{name}: expected {kind.__name__}, found {value!r}{way}')
    if 'choices' in limits and value not in limits['choices']:
        choices = ', '.join(str(choice) for choice in limits['choices'] if choice)
        raise ConfigError(f'{name}: expected one of {choices}, found {value!r}')
    if 'minimum' in limits and not limits['minimum'] <= value <= limits['maximum']:
        raise ConfigError(f'{name}: expected {limits["minimum"]} to {limits["maximum"]}, found {value}')
