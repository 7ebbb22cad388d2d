"""The demo on a short folder of images: three processes over DDS."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def test_files_are_left_and_counts_add_up(processes: Any, street: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    images, out = tmp_path / 'images', tmp_path / 'out'
    images.mkdir()
    for number in range(24):
        cv2.imwrite(str(images / f'{number:02}.png'), street[number % len(street)])
    words = ['--video', str(images), '--out', str(out), '--rate', '8', '--param', 'policy:=every_frame']
    demo = processes.start('-m', 'davss_ros', 'demo', *words)
    assert demo.process.wait(timeout=180) == 0, demo.said()
    summary = json.loads((out / 'summary.json').read_text())
    assert json.loads(demo.out.read_text()) == summary
    assert summary['frames_sent'] == 24
    assert summary['frames_sent'] == summary['frames_out'] + summary['dropped']
    assert summary['dropped'] == sum(summary['dropped_by_reason'].values())
    assert 12 <= summary['frames_out'] <= summary['frames_in'] == 24
    assert 1 <= summary['key_frames'] <= summary['frames_out']
    latency = summary['latency_ms']
    assert 0 < latency['p50'] <= latency['p95'] <= latency['p99']
    assert {'key', 'flow', 'correction', 'total'} <= summary['stage_ms'].keys()
    assert 0 < summary['mean_distortion'] < 1
    assert (summary['model'], summary['device'][:3]) == ('camvid_lite', 'cpu')
    video = cv2.VideoCapture(str(out / 'overlay.mp4'))
    shown = 0
    while video.read()[0]:
        shown += 1
    assert shown == summary['frames_out']
    sheet = cv2.imread(str(out / 'contact_sheet.png'))
    assert sheet is not None and sheet.shape[1] == 1440


def test_what_is_no_video_is_said(processes: Any, tmp_path: Path) -> None:
    demo = processes.start('-m', 'davss_ros', 'demo', '--video', str(tmp_path / 'nothing'), '--out', str(tmp_path))
    assert demo.process.wait(timeout=60) == 1
    assert 'no such file or folder' in demo.said()
    assert 'Traceback' not in demo.said()
