# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Recording, video, junit.xml, picked frames, variants and comparison."""

import json
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.rosbag2.metadata import parse_qos

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.bags.command import main
from davss_ros.evaluate.bags.part import numbered_files
from davss_ros.recordings.open import open_source

from .conftest import FORMS, STORE, Drive, write

NO_CUT = ('-p', 'cut_distortion:=0.6')  # the map of pictures of noise is bright
SETTINGS = ('-p', 'precision:=float32', '-p', 'device:=cpu', '-p', 'key_interval:=6', '-p', 'engine:=torch', *NO_CUT)
CONFIG = SegmenterConfig(precision='float32', device='cpu', key_interval=6, engine='torch', cut_distortion=0.6)
TOPICS = ['/davss/distortion', '/davss/label', '/davss/label_names', '/davss/overlay']


@pytest.fixture(scope='module')
def bag(drive: Drive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FORMS['mcap'](drive, tmp_path_factory.mktemp('bags') / 'bag')


@pytest.fixture(scope='module')
def out(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('out')
    more = ['--record', '--video', '--pick', '4', '--set', 'mode=flow', '--set', 'key_interval=3,working_height=32']
    assert main([str(bag), '--out', str(folder), '--labels', '/truth', *SETTINGS, *more]) == 0
    return folder


def check_recording(folder: Path, drive: Drive) -> None:
    segmenter = VideoSegmenter(CONFIG)
    expected = [segmenter.step(i, s) for i, s in zip(drive.images, drive.stamps, strict=True)]
    with AnyReader([folder], default_typestore=STORE) as reader:
        assert sorted(reader.topics) == TOPICS
        counts: dict[str, int] = dict.fromkeys(TOPICS, 0)
        for connection, received, raw in reader.messages():
            message: Any = reader.deserialize(raw, connection.msgtype)
            number = counts[connection.topic]
            counts[connection.topic] += 1
            if connection.topic == '/davss/label_names':
                assert json.loads(message.data)['class_map'][0]['class_name'] == 'Sky'
                continue
            stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
            assert (stamp, received) == (drive.stamps[number], drive.stamps[number] + 5_000_000)
            assert message.header.frame_id == 'camera'
            if connection.topic == '/davss/label':
                assert message.encoding == 'mono8'
                np.testing.assert_array_equal(message.data.reshape(64, 96), expected[number].labels)
            if connection.topic == '/davss/distortion':
                assert message.encoding == '32FC1'
                pixels = message.data.view(np.float32).reshape(64, 96)
                np.testing.assert_array_equal(pixels, expected[number].distortion)
        assert counts == dict.fromkeys(TOPICS, 32) | {'/davss/label_names': 1}


def test_the_recording_holds_what_the_node_would_have_said(out: Path, drive: Drive) -> None:
    check_recording(out / 'record' / 'bag', drive)


def test_the_library_mcap_reads_the_recording_and_its_definitions(out: Path) -> None:
    with (out / 'record' / 'bag' / 'bag_0.mcap').open('rb') as file:
        summary = make_reader(file).get_summary()
    assert summary is not None and summary.statistics is not None
    assert summary.statistics.message_count == 97
    for schema in summary.schemas.values():
        assert schema.encoding == 'ros2msg' and schema.name.split('/')[1] == 'msg' and schema.data
    channels = {channel.topic: channel for channel in summary.channels.values()}
    assert sorted(channels) == TOPICS and {channel.message_encoding for channel in channels.values()} == {'cdr'}
    latched = parse_qos(channels['/davss/label_names'].metadata['offered_qos_profiles'])[0]
    assert latched.durability.name == 'TRANSIENT_LOCAL'


def test_replay_can_read_the_recording(out: Path, drive: Drive) -> None:
    source = open_source(out / 'record' / 'bag', topic='/davss/overlay')
    assert [frame.stamp for frame in source] == drive.stamps


@pytest.mark.parametrize('share', [0.4, 0.8])
def test_a_recording_that_was_cut_off_is_whole_after_all(
    bag: Path, out: Path, drive: Drive, tmp_path: Path, share: float
) -> None:
    command = [str(bag), '--out', str(tmp_path), '--labels', '/truth', '--no-report', *SETTINGS, '--record']
    assert main([*command, '--duration', '1.2']) == 0
    recorded = (tmp_path / 'record' / 'bag' / 'bag_0.mcap').read_bytes()
    assert main([*command, '--overwrite', '--duration', '0.1']) == 0
    run = json.loads((out / 'run.json').read_text()) | {'variants': [], 'record': ['label', 'distortion', 'overlay']}
    run['weights'] = {'': run['weights']['']}  # of the variants none
    (tmp_path / 'run.json').write_text(json.dumps(run))
    lines = (out / 'frames.jsonl').read_text().splitlines(keepends=True)
    (tmp_path / 'frames.jsonl').write_text(''.join(lines[:18]))  # more than is recorded
    (tmp_path / 'parts').mkdir(exist_ok=True)
    (tmp_path / 'parts' / 'bag.1.0.0.mcap').write_bytes(recorded[: int(share * len(recorded))])
    assert main([*command, '--resume']) == 0
    check_recording(tmp_path / 'record' / 'bag', drive)


def test_the_video_shows_every_frame_at_its_time(out: Path) -> None:
    capture = cv2.VideoCapture(str(out / 'video' / 'bag.mp4'))
    times, sizes = [], set()
    while True:
        good, picture = capture.read()
        if not good:
            break
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
        sizes.add(picture.shape)
    assert len(times) == 32 and sizes == {(64, 192, 3)}
    steps = np.diff(times)
    assert steps[:24] == pytest.approx(1000 / 15, abs=1.5) and steps[24] == pytest.approx(2000 + 1000 / 15, abs=2)


def test_picked_frames_are_pictures_of_the_bag_with_proposals(out: Path, drive: Drive) -> None:
    picked = json.loads((out / 'picked' / 'picked.json').read_text())
    assert len(picked) == 4 == len({frame['stamp'] for frame in picked})
    for frame in picked:
        number = drive.stamps.index(frame['stamp'])
        image = cv2.imread(str(out / 'picked' / 'images' / frame['file']))
        np.testing.assert_array_equal(image[..., ::-1], drive.images[number])
        proposal = cv2.imread(str(out / 'picked' / 'proposals' / frame['file']), cv2.IMREAD_UNCHANGED)
        assert proposal.shape == (64, 96) and proposal.max() < 11
    numbers = sorted(drive.stamps.index(frame['stamp']) for frame in picked)
    assert np.diff(numbers).min() >= 2


def test_variants_are_what_runs_of_their_own_give(bag: Path, out: Path, drive: Drive) -> None:
    results = json.loads((out / 'results.json').read_text())
    assert results['variants'].keys() == {'mode=flow', 'key_interval=3,working_height=32'}
    flow = drive.loop(replace(CONFIG, mode='flow'))
    assert results['variants']['mode=flow']['all']['miou'] == pytest.approx(100 * flow.miou(), abs=1e-6)
    other = replace(CONFIG, key_interval=3, working_height=32)
    expected = 100 * drive.loop(other).miou()
    assert results['variants']['key_interval=3,working_height=32']['all']['miou'] == pytest.approx(expected, abs=1e-6)


def test_junit_names_every_bag(out: Path) -> None:
    suite = ElementTree.parse(out / 'junit.xml').getroot().find('testsuite')
    assert suite is not None and (suite.attrib['tests'], suite.attrib['failures']) == ('1', '0')


def test_the_page_needs_nothing_else_and_shows_moments(out: Path) -> None:
    text = (out / 'report.html').read_text()
    assert text.count('class="spec"') >= 6 and 'data-moment="' in text and 'mode=flow' in text
    assert ' src="http' not in text and '<link' not in text


def test_a_run_against_itself_changes_nothing(bag: Path, out: Path, tmp_path: Path) -> None:
    command = [str(bag), '--out', str(tmp_path), '--labels', '/truth', '--no-report', *SETTINGS]
    assert main([*command, '--baseline', str(out / 'results.json'), '--max-loss', '0']) == 0
    change = json.loads((tmp_path / 'results.json').read_text())['comparison']['miou']
    assert (change['change'], change['interval']) == (0, [0, 0])


def test_a_loss_beyond_what_is_allowed_ends_with_1(bag: Path, out: Path, tmp_path: Path) -> None:
    results = json.loads((out / 'results.json').read_text())
    for block in results['all']['blocks']:  # a baseline that is right everywhere
        counts = np.array(block['counts']).reshape(-1, 2)
        counts[:, 0] = counts[:, 0] // 11 * 12
        total: dict[int, int] = {}
        for place, count in counts.tolist():
            total[place] = total.get(place, 0) + count
        block['counts'] = [value for pair in total.items() for value in pair]
    results['all']['miou'] = 100.0
    (tmp_path / 'best.json').write_text(json.dumps(results))
    command = [str(bag), '--labels', '/truth', '--no-report', *SETTINGS, '--baseline', str(tmp_path / 'best.json')]
    assert main([*command, '--out', str(tmp_path / 'a'), '--max-loss', '99.9']) == 0
    assert main([*command, '--out', str(tmp_path / 'b'), '--max-loss', '50']) == 1
    change = json.loads((tmp_path / 'b' / 'results.json').read_text())['comparison']['miou']
    low, high = change['interval']
    assert low <= change['change'] <= high < -50
    suite = ElementTree.parse(tmp_path / 'b' / 'junit.xml').getroot().find('testsuite')
    assert suite is not None and suite.attrib['failures'] == '1'


@pytest.mark.parametrize(
    ('change', 'more', 'complaint'),
    [
        ({}, ['--every', '2'], 'data: other every than in the baseline'),
        ({'classes': ['a']}, [], 'classes: expected'),
        ({'against': 'key network'}, [], 'labels are compared with: expected key network, found labels'),
        ({'partial': True}, [], 'partial'),
    ],
)
def test_unlike_runs_are_not_compared(
    bag: Path,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    more: list[str],
    complaint: str,
) -> None:
    results = json.loads((out / 'results.json').read_text()) | change
    (tmp_path / 'other.json').write_text(json.dumps(results))
    command = [str(bag), '--out', str(tmp_path / 'out'), '--labels', '/truth', '--no-report', *SETTINGS, *more]
    assert main([*command, '--baseline', str(tmp_path / 'other.json')]) == 1
    assert complaint in capsys.readouterr().err


def test_metadata_is_of_a_version_that_every_rosbag2_reads(out: Path) -> None:
    report = yaml.safe_load((out / 'record' / 'bag' / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    assert (report['version'], report['storage_identifier'], report['message_count']) == (5, 'mcap', 97)


def test_files_of_bags_whose_names_begin_alike_are_told_apart(tmp_path: Path) -> None:
    names = ['drive.0.0.mcap', 'drive.0.1.mcap', 'drive.10.0.mcap', 'drive.2.0.mcap', 'drive.1.0.0.mcap']
    names += ['drive.mcap.0.0.mcap', 'drive_0.0.0.mcap']
    for name in names:
        (tmp_path / name).touch()

    def found(name: str, numbers: int) -> list[str]:
        return [path.name for path in numbered_files(tmp_path, name, numbers)]

    assert found('drive', 2) == ['drive.0.0.mcap', 'drive.0.1.mcap', 'drive.2.0.mcap', 'drive.10.0.mcap']
    assert found('drive.1', 2) == ['drive.1.0.0.mcap'] and found('drive.mcap', 2) == ['drive.mcap.0.0.mcap']
    assert found('drive.0', 1) == ['drive.0.0.mcap', 'drive.0.1.mcap']


def test_parts_that_are_done_again_leave_nothing_in_the_recording(bag: Path, tmp_path: Path) -> None:
    """The map of noise shows cuts, so that parts begin elsewhere than was planned."""
    settings = [*SETTINGS, '-p', 'cut_distortion:=0.25', '--no-report', '--threads', '1', '--record', '--workers', '2']
    assert main([str(bag), '--out', str(tmp_path), '--labels', '/truth', '--part', '8', *settings]) == 0
    assert json.loads((tmp_path / 'results.json').read_text())['repaired_parts']
    rows = map(json.loads, (tmp_path / 'frames.jsonl').open())
    expected = {row['received']: row['labels'] for row in rows}
    with AnyReader([tmp_path / 'record' / 'bag'], default_typestore=STORE) as reader:
        connections = [connection for connection in reader.connections if connection.topic == '/davss/label']
        found = {
            received: blake2b(reader.deserialize(raw, connection.msgtype).data.tobytes(), digest_size=8).hexdigest()
            for connection, received, raw in reader.messages(connections)
        }
    assert found == expected


def test_frames_received_at_once_are_all_recorded_and_shown(drive: Drive, tmp_path: Path) -> None:
    """As a recorder writes what waited in its queue; over the whole bag the times make sense."""
    messages = [(topic, received, message) for topic, received, message in drive.messages() if topic != '/truth']
    burst = [(topic, messages[9][1], message) for topic, _, message in messages[10:14]]
    bag = write(tmp_path / 'bag', [*messages[:10], *burst, *messages[14:]])
    command = [str(bag), '--out', str(tmp_path / 'out'), '--no-report', '--no-agreement', *SETTINGS]
    assert main([*command, '--record', '--video']) == 0
    with AnyReader([tmp_path / 'out' / 'record' / 'bag'], default_typestore=STORE) as reader:
        for topic in TOPICS[:2] + TOPICS[3:]:
            connections = [connection for connection in reader.connections if connection.topic == topic]
            found = [reader.deserialize(raw, c.msgtype).header.stamp for c, _, raw in reader.messages(connections)]
            assert sorted(s.sec * 10**9 + s.nanosec for s in found) == drive.stamps
    assert int(cv2.VideoCapture(str(tmp_path / 'out' / 'video' / 'bag.mp4')).get(cv2.CAP_PROP_FRAME_COUNT)) == 32
