# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Two thousand damaged files, each read by a process of its own: none may end it, hang it or surprise it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name('fuzz.py')
ROOT = Path(__file__).parents[2]
EACH = 160


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=1500)


def test_two_thousand_damaged_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    done = run('--each', str(EACH), '--seed', '0', '--keep', str(tmp_path / 'found'))
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    counts = report['counts']
    with capsys.disabled():
        names = sorted({outcome for kind in counts.values() for outcome in kind})
        outcomes = {name: sum(kind.get(name, 0) for kind in counts.values()) for name in names}
        files, peak = sum(outcomes.values()), report['peak_mib']
        print(f'\nfuzz: {files} damaged files of {len(counts)} kinds: {outcomes}, at most {peak} MiB')
    assert report['found'] == []
    assert files == EACH * len(counts) >= 2000
    assert all(kind.get('refused', 0) + kind.get('skipped', 0) >= 10 for kind in counts.values())  # it does damage
    assert all(kind.get('same', 0) + kind.get('other', 0) for name, kind in counts.items() if name != 'png')


DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import fuzz
from pathlib import Path
def whole(folder, rng):
    (folder / 'x').write_bytes(b'whole')
    return folder / 'x'
fuzz.SECONDS, fuzz.WORKER = 2.0, Path(sys.argv[2])
fuzz.KINDS.clear()
fuzz.KINDS.update({name: whole for name in ('crash', 'hang', 'memory', 'error')})
fuzz.mutated = lambda data, rng: ('cut', data[:-1])
found = fuzz.fuzz(0, 1, list(fuzz.KINDS))['found']
print(json.dumps([(finding['kind'], finding['text'].strip().splitlines()[-1]) for finding in found]))
"""
WORKER = """
import os, sys
sys.path.insert(0, {folder!r})
import worker
def outcome(kind, path):
    if path.read_bytes() != b'whole':
        if kind == 'crash': os.abort()
        if kind == 'memory': bytearray(2 * worker.MEMORY)
        if kind == 'error': raise KeyError('field')
        while kind == 'hang': pass
    return {{'outcome': 'read', 'digest': '', 'frames': 0}}
worker.outcome = outcome
worker.main()
"""


def test_what_is_to_be_found_is_found(tmp_path: Path) -> None:
    """A worker that crashes, hangs, takes memory or raises an error of another kind is seen to do so, and replaced."""
    worker = tmp_path / 'worker.py'
    worker.write_text(WORKER.format(folder=str(SCRIPT.parent)))
    command = [sys.executable, '-c', DRIVER, str(SCRIPT.parent), str(worker)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=600)
    assert done.stdout, done.stderr
    found = dict(json.loads(done.stdout))
    assert found.keys() == {'crash', 'hang', 'memory', 'error'}
    assert found['memory'] == 'MemoryError' and found['error'] == "KeyError: 'field'"
