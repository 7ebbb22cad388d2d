# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Damaged files by the thousand, each read by a process of its own kind: ``python test/fuzz/fuzz.py --each 160``.

Prints counts by kind and outcome as JSON, and what was found: an error that is not ours, a crash, more than `SECONDS`
of computing for one file, memory beyond the limit of `worker`, frames that are lost without a word, or other pixels in
spite of checksums. A worker that was ended by its file is started anew. Outcomes: ``same`` as the whole file, ``other``
frames or values, as damage within uncompressed pixels gives, ``skipped`` and said, ``refused`` by an error of ours.
"""

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mutations import mutated
from samples import KINDS

WORKER = Path(__file__).with_name('worker.py')
SECONDS = 5.0  # of one core, for one file
LONGEST_WAIT = 60.0  # s, whatever else the machine does
CHECKED = ('png', 'label')  # with checksums, so that damage is seen or does not matter
PER_SAMPLE = 16  # damaged files made of one whole one


class Worker:
    """The process that reads, and the file that its messages go to."""

    def __init__(self, log: Path) -> None:
        self._log = log.open('ab')
        command = [sys.executable, '-X', 'faulthandler', str(WORKER)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        assert self._answer(LONGEST_WAIT)['outcome'] == 'ready'

    def read(self, kind: str, path: Path) -> dict[str, Any]:
        """Return the worker's answer; ``crash`` or ``hang`` if there is none, after which it is no more."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({'kind': kind, 'path': str(path)}).encode() + b'\n')
        self._process.stdin.flush()
        return self._answer(SECONDS)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        start, computed = time.monotonic(), self._computed()
        while not select.select([self._process.stdout], [], [], 0.5)[0]:
            waited = time.monotonic() - start
            if waited > LONGEST_WAIT or self._computed() - computed > seconds:
                return {'outcome': 'hang', 'text': f'{waited:.1f} s'}
        line = self._process.stdout.readline()
        if not line:
            return {'outcome': 'crash', 'text': f'exit status {self._process.wait()}'}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _computed(self) -> float:
        """Return the seconds that all its threads have computed."""
        try:
            fields = Path(f'/proc/{self._process.pid}/stat').read_text().rpartition(')')[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def fuzz(seed: int, each: int, kinds: list[str], keep: Path | None = None) -> dict[str, Any]:
    """Read ``each`` damaged files of every kind; return counts by kind and outcome, and what was found."""
    counts = {kind: Counter[str]() for kind in kinds}
    found: list[dict[str, str]] = []
    peak = 0
    with TemporaryDirectory(prefix='davss_fuzz_') as folder:
        log = Path(folder) / 'stderr'
        worker = Worker(log)
        for kind in kinds:
            rng = np.random.default_rng((seed, sorted(KINDS).index(kind)))
            whole = Path(folder) / kind
            for number in range(each):
                if number % PER_SAMPLE == 0:
                    shutil.rmtree(whole, ignore_errors=True)
                    whole.mkdir()
                    path = KINDS[kind](whole, rng)
                    data = path.read_bytes()
                    path.write_bytes(data)
                    answer = worker.read(kind, path)
                    assert answer['outcome'] == 'read', (kind, answer)
                    first = answer
                how, content = mutated(data, rng)
                path.write_bytes(content)
                answer = worker.read(kind, path)
                if answer['outcome'] == 'read':
                    answer |= _compared(kind, answer, first)
                counts[kind][answer['outcome']] += 1
                peak = max(peak, int(answer.get('peak', 0)))
                if answer['outcome'] in ('found', 'crash', 'hang'):
                    text = answer['text'] + log.read_text(errors='replace')[-2000:] * (answer['outcome'] == 'crash')
                    found.append({'kind': kind, 'number': str(number), 'how': how, 'text': text})
                    if keep:
                        keep.mkdir(parents=True, exist_ok=True)
                        shutil.copy(path, keep / f'{kind}_{seed}_{number}_{path.name}')
                if answer['outcome'] in ('crash', 'hang'):
                    worker.close()
                    worker = Worker(log)
        worker.close()
    return {'seed': seed, 'counts': counts, 'found': found, 'peak_mib': peak}


def _compared(kind: str, answer: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of what was read without a word, by what came of the whole file."""
    if answer['digest'] == whole['digest']:
        return {'outcome': 'same'}
    if kind in CHECKED:
        return {'outcome': 'found', 'text': 'other pixels in spite of checksums'}
    if answer['frames'] < whole['frames']:
        return {'outcome': 'found', 'text': f'{answer["frames"]} of {whole["frames"]} frames without a word'}
    return {'outcome': 'other'}


def main() -> None:
    """Print the report; exit with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--each', type=int, default=160, help='damaged files of every kind')
    parser.add_argument('--kinds', nargs='*', choices=KINDS, default=list(KINDS))
    parser.add_argument('--keep', type=Path, help='folder for the files that something was found with')
    options = parser.parse_args()
    report = fuzz(options.seed, options.each, options.kinds, options.keep)
    print(json.dumps(report, indent=1))
    sys.exit(bool(report['found']))


if __name__ == '__main__':
    main()
