"""Whether a network is crop-safe: a part of a frame gets the labels that it has in the whole frame.

Only then can it redo windows (`davss_ros.core.windows`). Networks with attention over the whole frame, or a pooling of
all of it, may not be; a run tells.
"""

from pathlib import Path

import torch
from torch import Tensor

from davss_ros.images.files import read_image
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.resample import SCALE, pad_to_multiple

WINDOW = (28, 32)  # 1/4-size pixels, those of a window with its margin
MARGIN = 2  # 1/4-size pixels of it that do not count
APART = 14  # 1/4-size pixels from window to window, at least
ENOUGH = 0.9  # share of equal labels; the shipped key network has 0.96 on the picture below and 0.98 on CamVid
STREET = Path(__file__).parent / 'street.jpg'  # a picture as any other: what counts is that it is no noise


def street() -> Tensor:
    """Return a photograph (1, 3, 272, 640) RGB in [0, 1]."""
    return pad_to_multiple(torch.from_numpy(read_image(STREET).copy()).permute(2, 0, 1)[None].float() / 255)


def crop_agreement(key: KeyNetwork, image: Tensor) -> float:
    """Return the share of labels inside windows all over ``image`` that are the same as in the whole.

    Args:
        key: the network.
        image: (1, 3, H, W) RGB in [0, 1], sides multiples of 4, larger than a window.
    """
    with torch.inference_mode():
        whole = key(image).argmax(1)[0]
        height, width = WINDOW
        places = [(t, left) for t in _starts(whole.shape[0], height) for left in _starts(whole.shape[1], width)]
        parts = torch.cat(
            [image[:, :, SCALE * t : SCALE * (t + height), SCALE * x : SCALE * (x + width)] for t, x in places]
        )
        labels = torch.cat([key(part.contiguous()) for part in parts.split(4)]).argmax(1)
    inside = slice(MARGIN, -MARGIN)
    same = [
        (own[inside, inside] == whole[t : t + height, x : x + width][inside, inside]).float().mean()
        for own, (t, x) in zip(labels, places, strict=True)
    ]
    return float(torch.stack(same).mean())


def _starts(length: int, side: int) -> list[int]:
    """Return where windows of that ``side`` begin, from end to end."""
    count = max(1, round((length - side) / APART) + 1)
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]
