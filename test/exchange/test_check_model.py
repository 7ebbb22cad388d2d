# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The check of a network: the table, the picture, the shift of labels, crops, and what is written beside it."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.exchange.check_model import main
from davss_ros.images.files import read_image

COLOURS = [(0, 0, 0), (200, 0, 0), (0, 0, 200)]
DESCRIBED = {'scale': 1 / 255, 'mean': 0, 'std': 1, 'channels': 'rgb', 'classes': ['dark', 'red', 'blue']}


class Nearest(nn.Module):
    """Scores at 1/4 size: how near the colour is to that of each class."""

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Parameter(torch.tensor(COLOURS) / 255)

    def forward(self, image: Tensor) -> Tensor:
        small = nn.functional.avg_pool2d(image, 4)
        return -10 * (small[:, None] - self.colours[None, :, :, None, None]).square().sum(2)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / 'net.ts'
    torch.jit.trace(Nearest(), torch.rand(1, 3, 64, 96)).save(str(path))
    path.with_suffix('.json').write_text(json.dumps(DESCRIBED))
    return path


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, NDArray[np.uint8]]:
    """A picture (160, 200) of patches in the classes' colours, and their ids."""
    ids = np.kron(np.random.default_rng(0).integers(0, 3, (4, 5)), np.ones((40, 40))).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'scene.png'), np.array(COLOURS, np.uint8)[ids][..., ::-1])
    return tmp_path / 'scene.png', ids


@pytest.fixture
def check(network: Path, scene: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*more: str, code: int = 0) -> str:
        words = ['--engine', 'torch', '--precision', 'float32', '--device', 'cpu', '--out', str(tmp_path / 'out.png')]
        assert main([f'torchscript:{network}', '--image', str(scene[0]), *words, *more]) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    return run


def test_the_table_the_picture_and_the_figures(check: Any, scene: Any, tmp_path: Path) -> None:
    said = check()
    rows = {line.split()[0]: line for line in said.splitlines() if line}
    assert rows['mean'].split() == ['mean', '0,', '0,', '0', 'net.json']
    assert rows['stride'].endswith('a trial run')
    assert 'crop_safe' in rows and 'true' in rows['crop_safe'] and 'windows of this picture' in rows['crop_safe']
    assert '100.00% of the labels as by torch, float32' in said
    assert 'as key network: ' in said and 'two windows: ' in said and 'ms for 200x160' in said
    overlay, image = read_image(tmp_path / 'out.png'), read_image(scene[0])
    assert overlay.shape == image.shape
    model = load_model(SegmenterConfig(key=f'torchscript:{tmp_path / "net.ts"}', device='cpu', engine='torch'))
    colours = np.array([semantic_class.color for semantic_class in model.classes])
    middle = (scene[1][20::40, 20::40], overlay[20::40, 20::40], image[20::40, 20::40])
    for number, painted, plain in zip(*(part.reshape(-1, *part.shape[2:]) for part in middle), strict=True):
        np.testing.assert_allclose(painted, (colours[number] + plain) / 2, atol=1)


@pytest.mark.parametrize('offset', [-1, 0, 1])
def test_labels_that_are_shifted_are_noticed(check: Any, scene: Any, tmp_path: Path, offset: int) -> None:
    ids = scene[1].astype(np.int64) + offset
    ids[ids < 0] = 255
    ids[:10] = 255
    cv2.imwrite(str(tmp_path / 'labels.png'), ids.astype(np.uint8))
    said = check('--labels', str(tmp_path / 'labels.png'))
    scores = next(line for line in said.splitlines() if line.startswith('mIoU')).partition('shifted by ')[2]
    by_shift = {int(part.split(':')[0]): float(part.split(':')[1]) for part in scores.split(', ')}
    assert list(by_shift) == [-1, 0, 1]
    assert max(by_shift, key=lambda shift: by_shift[shift]) == -offset
    assert ('warning: ' in said) == (offset != 0)
    if offset:
        assert f'set key_options to "label_offset={offset}"' in said
        mended = check('--labels', str(tmp_path / 'labels.png'), '--key-options', f'label_offset={offset}')
        assert 'warning: ' not in mended


def test_what_was_found_can_be_written_beside_it(check: Any, network: Path) -> None:
    network.with_suffix('.json').rename(network.parent / 'elsewhere.json')
    settings = ['--key-description', str(network.parent / 'elsewhere.json'), '--write']
    assert f'written: {network.with_suffix(".yaml")}' in check(*settings)
    said = check()
    assert all('net.yaml' in line for line in said.splitlines() if line.startswith(('mean ', 'stride ', 'crop_safe ')))
    assert 'is there already' in check('--write', code=1)


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['deeplab_fine1'], "network: expected onnx:FILE, .*found 'deeplab_fine1'"),
        (['onnx:nowhere.onnx'], 'key: expected an ONNX file, found no file'),
        (['onnx:nowhere.onnx', '--labels', 'x.png'], '--labels: expected --image'),
        (['torchscript:NETWORK', '--image', 'nowhere.png'], 'nowhere.png'),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    network: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    import re

    assert main([word.replace('NETWORK', str(network)) for word in arguments]) == 1
    said = capsys.readouterr().err
    assert re.search(reason, said) and said.count('\n') == 1


def test_evaluation_honours_the_offset_of_the_ids(network: Path, scene: Any, tmp_path: Path) -> None:
    from davss_ros.evaluate.measure import evaluate

    scores = []
    for offset in (0, 1):
        folder = tmp_path / str(offset)
        for part in ('images', 'labels'):
            (folder / part).mkdir(parents=True)
        ids = scene[1] + offset
        ids[:40] = 0 if offset else 255
        for number in range(3):
            (folder / 'images' / f'{number}.png').write_bytes(scene[0].read_bytes())
            cv2.imwrite(str(folder / 'labels' / f'{number}.png'), ids)
        config = SegmenterConfig(
            key=f'torchscript:{network}',
            key_options=f'label_offset={offset} unlabelled={0 if offset else 255}',
            device='cpu',
            engine='torch',
        )
        scores.append(evaluate(folder, config, (), (), layout='stills').results['modes']['per_frame']['miou']['0'])
    assert scores[0] == scores[1] > 80
