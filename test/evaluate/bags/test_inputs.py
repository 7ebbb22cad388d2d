# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Labels and bags as they come: other sizes, other ids, too many, too few; several cameras; folders; no labels."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from davss_ros.core.classes import load_classes
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.errors import DataError
from davss_ros.evaluate.bags import part
from davss_ros.evaluate.bags.command import main
from davss_ros.evaluate.bags.job import Job, LabelSource
from davss_ros.evaluate.bags.labels import LabelReader, TopicLabels
from davss_ros.evaluate.bags.plan import plan_bag, tasks_of
from davss_ros.evaluate.bags.run import run_task
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.networks.dis import DisFlow

from .conftest import BEGAN, PERIOD, Drive, Message, png, raw, write


def shades(image: Tensor) -> Tensor:
    """Scores (N, 11, h, w) whose best class is the shade of red, in elevenths."""
    shade = functional.avg_pool2d(image, 4)[:, :1]
    return -(shade * 11 - torch.arange(11).view(1, -1, 1, 1) - 0.5).abs()


MODEL = Model(
    key=shades,
    flow=DisFlow(),
    distortion=lambda propagated, image: (propagated.image - image).abs().mean(1, keepdim=True).clamp(max=0.2),
    correction=lambda image, propagated: shades(image),
    classes=load_classes('camvid11'),
    propagation='composed',
    correction_gain=1.0,
    align_corners=False,
    device=torch.device('cpu'),
    precision=torch.float32,
    name='tiny',
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of no weight."""
    monkeypatch.setattr(part, '_loaded', lambda config: MODEL)


def run(bag: Path, out: Path, *more: str, status: int = 0) -> dict[str, Any]:
    assert main([str(bag), '--out', str(out), '--no-report', '-p', 'key_interval:=4', *more]) == status
    return json.loads((out / 'results.json').read_text())


def frames(drive: Drive, count: int = 8) -> list[Message]:
    return [('/image', s, raw(i, s)) for i, s in zip(drive.images[:count], drive.stamps[:count], strict=True)]


def label(pixels: Any, stamp: int, make: Any = raw) -> Message:
    return '/truth', stamp, make(pixels, stamp)


def test_labels_that_are_no_good_are_counted_and_the_others_count(drive: Drive, tmp_path: Path) -> None:
    stamps, truth = drive.stamps, drive.labels
    odd = truth[2].copy()
    odd[0, 0] = 40
    messages = [
        *frames(drive),
        label(truth[0], stamps[0]),
        label(truth[1][:10], stamps[1]),  # of another size
        label(odd, stamps[2]),  # an id outside the list
        label(truth[3], stamps[3] + 2_000_000),  # 2 ms off
        label(truth[4], stamps[4]),
        label(truth[5], stamps[4]),  # a second one of that stamp
        label(truth[6], stamps[6] + PERIOD // 2),  # of no frame
        label(truth[7].astype(np.uint16), stamps[7]),
    ]
    results = run(write(tmp_path / 'bag', messages), tmp_path / 'out', '--labels', '/truth')
    assert results['bags']['bag']['labels']['/image'] == {
        'labels': 8,
        'labels_of_one_stamp': 1,
        'matched': 6,
        'frames_without_label': 2,
        'labels_without_frame': 1,
    }
    assert results['all']['unlabelled'] == {
        'labels: expected the size of the image, 96x64, found 96x10': 1,
        'labels: expected ids 0..10 or 255, found [40]': 1,
    }
    assert results['all']['counted'] == 4
    assert results['all']['miou'] == pytest.approx(100 * loop(drive, {0: 0, 3: 3, 4: 4, 7: 7}).miou(), abs=1e-6)


@pytest.mark.parametrize('broken', [0, 50, 1999])
def test_a_label_that_cannot_be_read_is_the_only_one_lost(drive: Drive, broken: int) -> None:
    messages = (None if n == broken else raw(np.full((4, 6), n % 11, np.uint8), BEGAN) for n in range(2000))
    labels = TopicLabels(messages, {n: n for n in range(2000)}, LabelReader(MODEL.classes, MODEL.classes))
    for n in range(2000):
        if n == broken:
            with pytest.raises(DataError, match='the message cannot be read'):
                labels.labels(n, (4, 6))
        else:
            found = labels.labels(n, (4, 6))
            assert found is not None and (found == n % 11).all()


def test_pictures_of_one_stamp_are_picked_by_their_number(drive: Drive, tmp_path: Path) -> None:
    """As of drivers that leave stamps zero, and of bags whose names differ by what looks like a suffix."""
    bags = []
    for name, images in (('drive.1', drive.images[:8]), ('drive.2', drive.images[18:26])):
        bags.append(write(tmp_path / name, [('/image', BEGAN + n * PERIOD, raw(i, 0)) for n, i in enumerate(images)]))
    out = tmp_path / 'out'
    assert main([*map(str, bags), '--out', str(out), '--no-report', '--no-agreement', '--pick', '6']) == 0
    picked = json.loads((out / 'picked' / 'picked.json').read_text())
    assert len(picked) == 6 == len(list((out / 'picked' / 'images').iterdir()))
    assert len({(out / 'picked' / 'images' / frame['file']).read_bytes() for frame in picked}) == 6


def test_labels_of_frames_that_are_not_asked_for_are_no_labels_without_a_frame(drive: Drive, tmp_path: Path) -> None:
    messages = [*frames(drive), *(label(drive.labels[n], drive.stamps[n]) for n in range(8))]
    results = run(write(tmp_path / 'bag', messages), tmp_path / 'out', '--labels', '/truth', '--every', '2')
    counts = results['bags']['bag']['labels']['/image']
    assert (counts['matched'], counts['frames_without_label'], counts['labels_without_frame']) == (4, 0, 0)


def loop(drive: Drive, label_of: dict[int, int], count: int = 8, interval: int = 4) -> ConfusionMatrix:
    from davss_ros.core.config import SegmenterConfig

    segmenter, confusion = VideoSegmenter(SegmenterConfig(key_interval=interval), model=MODEL), ConfusionMatrix(11)
    for n in range(count):
        labels = segmenter.step(drive.images[n], drive.stamps[n]).labels
        if n in label_of:
            confusion.add(labels, drive.labels[label_of[n]])
    return confusion


def test_labels_as_png_and_in_the_ids_of_another_list(drive: Drive, tmp_path: Path) -> None:
    other = tmp_path / 'other.yaml'
    names = ['Car', 'Road', 'Sky', 'Spaceship']
    other.write_text('\n'.join(f'- {{name: {name}, color: [{n}, 0, 0]}}' for n, name in enumerate(names)))
    table = np.full(256, 3, np.uint8)
    table[[8, 3, 0, 255]] = [0, 1, 2, 255]
    messages = [*frames(drive), *(label(table[drive.labels[n]], drive.stamps[n], png) for n in range(8))]
    more = ['--labels', '/truth', '--label-classes', str(other)]
    results = run(write(tmp_path / 'bag', messages), tmp_path / 'out', *more)
    assert results['all']['miou'] == pytest.approx(100 * loop(drive, {n: n for n in range(8)}).miou(), abs=1e-6)


@pytest.mark.parametrize('names', ['{stamp}', 'left_{seconds}.{rest:09d}', 'frame{n}', 'cam0_{n:09d}'])
def test_labels_in_a_folder_by_stamp_or_in_order(drive: Drive, tmp_path: Path, names: str) -> None:
    folder = tmp_path / 'labels'
    folder.mkdir()
    for n, stamp in enumerate(drive.stamps[:12]):
        seconds, rest = divmod(stamp, 10**9)
        name = names.format(stamp=stamp, seconds=seconds, rest=rest, n=n)
        cv2.imwrite(str(folder / f'{name}.png'), drive.labels[n])
    results = run(write(tmp_path / 'bag', frames(drive, 12)), tmp_path / 'out', '--labels', str(folder))
    expected = loop(drive, {n: n for n in range(12)}, 12)
    assert results['all']['miou'] == pytest.approx(100 * expected.miou(), abs=1e-6)


@pytest.mark.parametrize(
    ('more', 'complaint'),
    [
        (['--labels', '/nothing'], 'labels: /nothing is neither a topic of the bag nor a folder; topics: /image'),
        (['--topic', '/nothing'], 'no messages on /nothing; topics: /image'),
        (['--start', '99'], 'no frame is asked for: it lasts 0.5 s, --start is 99'),
        (['--set', 'key_intervall=3'], 'key_intervall: no such parameter; did you mean key_interval?'),
        (['--set', 'key_interval=0'], 'key_interval: expected 1 to 1000, found 0'),
        (['-p', 'mode=flow'], "expected NAME:=VALUE, found 'mode=flow'"),
        (['--max-loss', '1'], '--max-loss: expected --baseline as well'),
        (['--baseline', '/nowhere.json'], '/nowhere.json: cannot be read'),
        (['--params-file', '/nowhere.yaml'], '/nowhere.yaml: no such file'),
        (['--live', '--every', '2'], '--live plays whole bags'),
        (['--label-classes', 'nolist', '--labels', '/image'], 'classes: expected'),
    ],
)
def test_what_is_asked_for_wrongly_is_one_line_before_the_work(
    drive: Drive, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], complaint: str
) -> None:
    bag = write(tmp_path / 'bag', frames(drive))
    assert main([str(bag), '--out', str(tmp_path / 'out'), *more]) == 1
    said = capsys.readouterr().err
    assert complaint in said and 'Traceback' not in said
    assert not (tmp_path / 'out').exists()


def test_without_labels_it_is_agreement_and_called_nothing_else(drive: Drive, tmp_path: Path) -> None:
    bag = write(tmp_path / 'bag', frames(drive))
    text = json.dumps(run(bag, tmp_path / 'out'))
    results = json.loads(text)
    assert results['against'] == 'key network' and 'miou' not in text and '"iou' not in text
    single = VideoSegmenter(part.SegmenterConfig(mode='per_frame'), model=MODEL)
    segmenter = VideoSegmenter(part.SegmenterConfig(key_interval=4), model=MODEL)
    confusion = ConfusionMatrix(11)
    for image, stamp in zip(drive.images[:8], drive.stamps[:8], strict=True):
        confusion.add(segmenter.step(image, stamp).labels, single.step(image).labels)
    assert results['all']['agreement'] == pytest.approx(100 * confusion.miou(), abs=1e-6)
    assert results['all']['by_distance']['0']['agreement'] == 100
    alone = run(bag, tmp_path / 'alone', '--no-agreement')
    assert alone['against'] == 'nothing' and 'agreement' not in alone['all']


def test_several_cameras_have_their_own_parameters_and_labels(drive: Drive, tmp_path: Path) -> None:
    file = tmp_path / 'own.yaml'
    file.write_text('davss: {ros__parameters: {cameras: [front, left], key_interval: 4, left: {key_interval: 2}}}')
    messages: list[Message] = []
    for n in range(8):
        stamp = drive.stamps[n]
        messages += [('/front/image', stamp, raw(drive.images[n], stamp))]
        messages += [('/left/image', stamp + 1, raw(drive.images[n + 8], stamp + 1))]
        messages += [('/truth', stamp, raw(drive.labels[n], stamp))]
    bag = write(tmp_path / 'bag', messages)
    command = [str(bag), '--out', str(tmp_path / 'out'), '--no-report', '--params-file', str(file)]
    assert main([*command, '--labels', 'front=/truth']) == 0
    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert results['bags']['bag']['cameras'] == ['/front/image', '/left/image']
    assert results['all']['frames'] == 16 and results['all']['counted'] == 8
    rows = [json.loads(line) for line in (tmp_path / 'out' / 'frames.jsonl').open()]
    keys = {
        camera: [bool(r.get('key')) for r in rows if r['camera'] == camera]
        for camera in results['bags']['bag']['cameras']
    }
    phases = {'/front/image': (4, 0), '/left/image': (2, 1)}
    for camera, (interval, phase) in phases.items():
        assert keys[camera] == [n == 0 or (n + phase) % interval == 0 for n in range(8)]


def test_a_broken_picture_is_counted_and_the_others_go_on(drive: Drive, tmp_path: Path) -> None:
    messages = frames(drive)
    topic, when, message = messages[3]
    messages[3] = (topic, when, replace(message, data=message.data[:100]))
    results = run(write(tmp_path / 'bag', messages), tmp_path / 'out')
    assert results['all']['frames'] == 7 and sum(results['all']['skipped'].values()) == 1


def test_memory_does_not_grow_with_the_length_of_a_bag(drive: Drive, tmp_path: Path) -> None:
    messages: list[Message] = []
    for n in range(400):
        stamp = BEGAN + n * PERIOD
        messages.append(('/image', stamp, raw(drive.images[n % 18], stamp)))
        messages.append(label(drive.labels[n % 18], stamp))
    bag = write(tmp_path / 'bag', messages)
    job = Job({'key_frame_policy': 'fixed'}, {bag: ('/image',)}, tmp_path, labels={'': LabelSource(topic='/truth')})
    plan = plan_bag(bag, job, MODEL.classes)
    sizes = []
    tracemalloc.start()
    try:
        for n, _ in enumerate(run_task(tasks_of(plan, job.cameras(bag))[0], plan, job, MODEL)):
            if n in (100, 390):
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 300_000  # labels alone would be 1.8 MB
