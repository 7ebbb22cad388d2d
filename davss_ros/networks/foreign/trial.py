# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a network shows when it runs: which sizes it takes, how its output is laid out, and what that means."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.foreign.onnx_file import pick_output
from davss_ros.networks.foreign.settings import Settled

Outputs = Mapping[str, Tensor]
Run = Callable[[Tensor], Outputs]  # RGB in [0, 1], (N, 3, H, W) -> what the network gives of it, as it is
MULTIPLES = (4, 8, 14, 16, 28, 32, 56, 64)  # of sides, tried in this order; 14: vision transformers
SMALLEST = 96  # px, height of the trial
STRIDES = (1, 2, 4, 8, 16, 32)
NEARLY = 1e-3
SOURCE = 'a trial run'


def try_out(run_with: Callable[[Mapping[str, Any]], Run], settled: Settled, where: str, trained_size: str) -> None:
    """Find out what nothing has said and a run can tell, and check what was said against it.

    Args:
        run_with: makes a `Run` from the values that are settled.
        settled: what was found; what is found here is added.
        where: the network, for messages.
        trained_size: the size that its pictures were brought to, if it takes no other; empty if not known.

    Raises:
        ConfigError: something cannot be told by a run either.
        WeightsError: the network does not run, or gives something that no segmentation network gives.
    """
    run = run_with(settled.values)
    image, outputs = _first_that_runs(run, settled, where, trained_size)
    if 'output' not in settled.values:
        picked = pick_output(list(outputs), {name: value.ndim for name, value in outputs.items()})
        if not picked:
            raise ConfigError(f'key_options: expected output=NAME, which of {", ".join(outputs)} holds the scores')
        settled.fill(SOURCE, {'output': picked})
    names = settled.values['output'].split(',')
    unknown = [name for name in names if name not in outputs]
    if unknown:
        raise ConfigError(f'output: expected one of {", ".join(outputs)}, found {unknown[0]!r}')
    if len(names) == 2:
        _look_at_queries(outputs[names[0]], outputs[names[1]], image, settled, where)
    else:
        _look_at_scores(outputs[names[0]], image, settled, where)


def trial_image(height: int, width: int, count: int = 1) -> Tensor:
    """Return something like a picture: (count, 3, height, width) RGB in [0, 1], the same every time."""
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    waves = [torch.sin(9 * rows + 4 * columns), torch.cos(13 * columns - 5 * rows), torch.sin(31 * rows * columns)]
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    image = (torch.stack([wave.expand(height, width) for wave in waves]) * 0.35 + 0.5 + 0.15 * (noise - 0.5)).clamp(
        0, 1
    )
    return image.expand(count, -1, -1, -1)


def _first_that_runs(run: Run, settled: Settled, where: str, trained_size: str) -> tuple[Tensor, Outputs]:
    """Return the trial's image and what came of it; of networks that take any size, at sides of the least multiple."""
    if any(settled.values.get('size', (0, 0))):
        settled.fill('its fixed size', {'multiple': 1})
        image = trial_image(*settled.values['size'])
        return image, _ran(run, image, where)
    multiples = [settled.values['multiple']] if 'multiple' in settled.values else MULTIPLES
    ran: list[tuple[int, Tensor, Outputs]] = []
    failure: Exception | None = None
    for multiple in multiples:
        rows = multiple * _odd(-(-SMALLEST // multiple))
        image = trial_image(rows, rows + 2 * multiple)
        try:
            ran.append((multiple, image, _ran(run, image, where)))
        except WeightsError as error:
            failure = error
            continue
        if _proportioned(ran[-1][2], image):
            break
    else:
        if trained_size:
            settled.fill('the size it was trained at, as it takes no other', {'size': trained_size, 'multiple': 1})
            image = trial_image(*settled.values['size'])
            return image, _ran(run, image, where)
    if not ran:
        raise failure or WeightsError(f'{where}: does not run')
    multiple, image, outputs = ran[-1]
    settled.fill(SOURCE, {'multiple': multiple, 'size': 'any'})
    return image, outputs


def _proportioned(outputs: Outputs, image: Tensor) -> bool:
    """Return whether some output has the image's proportions; networks may run on other sides and cut some off."""
    maps = [output for output in outputs.values() if output.ndim == 4]
    return not maps or any(_stride(size, image) for output in maps for size in (output.shape[2:], output.shape[1:3]))


def _odd(number: int) -> int:
    """Return the next odd number: a multiple of sides, and of nothing larger."""
    return number + 1 - number % 2


def _ran(run: Run, image: Tensor, where: str) -> Outputs:
    try:
        with torch.inference_mode():
            outputs = run(image)
    except Exception as error:  # of whatever library computes it
        # the last line says it in TorchScript, the first elsewhere
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        reason = ' '.join((lines[-1] if 'Traceback' in lines[0] else ' '.join(lines)).split())
        raise WeightsError(
            f'{where}: does not run on an image of {image.shape[3]}x{image.shape[2]}: {reason[:240]}'
        ) from error
    if not outputs:
        raise WeightsError(f'{where}: gives no tensor')
    return outputs


def _look_at_scores(scores: Tensor, image: Tensor, settled: Settled, where: str) -> None:
    if scores.is_floating_point() and scores.ndim == 4 and 'output_layout' not in settled.values:
        settled.fill(SOURCE, {'output_layout': _layout(scores, image, settled, where)})
    if not scores.is_floating_point() or scores.ndim != 4:
        ids = scores.ndim == 3 or not scores.is_floating_point()
        advice = '; ids (argmax) cannot be carried along the flow: export the scores' if ids else ''
        found = f'{str(scores.dtype).removeprefix("torch.")} {tuple(scores.shape)}'
        raise WeightsError(f'{where}: expected scores of 4 dimensions (N, C, h, w), found {found}{advice}')
    if settled.values['output_layout'] == 'nhwc':
        scores = scores.permute(0, 3, 1, 2)
    _refuse_what_is_no_score(scores, where)
    _check_count(scores.shape[1], settled)
    _settle_stride(scores.shape[2:], image, settled, where)
    if 'output_kind' not in settled.values:
        settled.fill(SOURCE, {'output_kind': _kind(scores)})


def _look_at_queries(classes: Tensor, masks: Tensor, image: Tensor, settled: Settled, where: str) -> None:
    if classes.ndim != 3 or masks.ndim != 4 or classes.shape[1] != masks.shape[1]:
        raise WeightsError(
            f'{where}: expected queries, classes (N, Q, C + 1) and masks (N, Q, h, w), '
            f'found {tuple(classes.shape)} and {tuple(masks.shape)}'
        )
    settled.fill(SOURCE, {'output_kind': 'queries', 'output_layout': 'nchw'})
    _check_count(classes.shape[2] - 1, settled)
    _settle_stride(masks.shape[2:], image, settled, where)


def _layout(scores: Tensor, image: Tensor, settled: Settled, where: str) -> str:
    """Return which axes have the proportions of the image; where both may, which has as many as there are classes."""
    fits = {'nchw': _stride(scores.shape[2:], image) > 0, 'nhwc': _stride(scores.shape[1:3], image) > 0}
    count = len(settled.values.get('classes', ()))
    if all(fits.values()) and count:
        fits = {'nchw': scores.shape[1] == count, 'nhwc': scores.shape[3] == count}
    if fits['nchw'] == fits['nhwc']:
        raise WeightsError(
            f'{where}: expected scores at 1/1 to 1/32 of the image of {image.shape[3]}x{image.shape[2]}, '
            f'found {tuple(scores.shape)}'
        )
    return next(layout for layout, fit in fits.items() if fit)


def _settle_stride(size: Sequence[int], image: Tensor, settled: Settled, where: str) -> None:
    stride = _stride(size, image)
    if not stride:
        raise WeightsError(
            f'{where}: expected scores at 1/1 to 1/32 of the image of {image.shape[3]}x{image.shape[2]}, '
            f'found {size[1]}x{size[0]}'
        )
    if settled.values.get('stride', stride) != stride:
        raise ConfigError(
            f'{settled.sources["stride"]}: stride: expected {stride}, as a run shows, found {settled.values["stride"]}'
        )
    settled.fill(SOURCE, {'stride': stride})


def _stride(size: Sequence[int], image: Tensor) -> int:
    """Return the image's sides over the output's; 0 if that is none of `STRIDES`."""
    for stride in STRIDES:
        if all(
            side in (whole // stride, -(-whole // stride)) for side, whole in zip(size, image.shape[2:], strict=True)
        ):
            return stride
    return 0


def _refuse_what_is_no_score(scores: Tensor, where: str) -> None:
    if not scores.isfinite().all():
        raise WeightsError(f'{where}: gives NaN or infinity on a plain picture')
    if scores.shape[1] == 1 and scores.equal(scores.round()):
        raise WeightsError(f'{where}: gives one whole number a pixel (argmax), no scores; export the scores')
    if scores.shape[1] == 1:
        raise WeightsError(
            f'{where}: gives one channel, so that one class is always the best; export two, as torch.cat([-x, x], 1) '
            'of scores x, or torch.cat([1 - p, p], 1) of probabilities p'
        )


def _check_count(count: int, settled: Settled) -> None:
    if 'classes' not in settled.values:
        raise ConfigError(
            f'classes: expected the names of the {count} classes, found none with the network; set classes to a '
            'YAML file or a shipped list, or write them into a file beside the network'
        )
    found = len(settled.values['classes'])
    if found != count:
        raise ConfigError(
            f'classes: expected {count}, as many as the network gives, found {found} ({settled.sources["classes"]})'
        )


def _kind(scores: Tensor) -> str:
    """Return ``probabilities`` for what is at least 0 and adds up to 1; `ConfigError` for what might be either."""
    if scores.min() >= 0 and (scores.sum(1) - 1).abs().max() < NEARLY:
        return 'probabilities'
    if scores.min() >= 0 and scores.max() <= 1:
        raise ConfigError(
            'key_options: expected output_kind=scores or output_kind=probabilities: all values lie in 0 to 1, but '
            'those of a pixel do not add up to 1'
        )
    return 'scores'
