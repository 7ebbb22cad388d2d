# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Time per stage of a step."""

import time

import torch


def wait_for(device: torch.device) -> None:
    """Return once the device is through with all that it was given."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


class StageTimer:
    """Splits a step into named stages.

    On CUDA the marks are events in the stream, read at the end, so that timing a stage does not wait for it.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, float | torch.cuda.Event]] = []
        self.lap('start')

    def lap(self, stage: str) -> None:
        """End the stage that began at the last call."""
        if self._device.type == 'cuda':
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))
            self._marks.append((stage, event))
        else:
            self._marks.append((stage, time.perf_counter()))

    def milliseconds(self) -> dict[str, float]:
        """Return the time of every stage, in ms, and their ``total``; on CUDA this waits for the last stage."""
        last = self._marks[-1][1]
        if isinstance(last, torch.cuda.Event):
            last.synchronize()  # the time between events that are not through is an error
        times = {
            stage: _between(before, now)
            for (_, before), (stage, now) in zip(self._marks, self._marks[1:], strict=False)
        }
        return {**times, 'total': sum(times.values())}


def _between(before: float | torch.cuda.Event, now: float | torch.cuda.Event) -> float:
    if isinstance(before, torch.cuda.Event) and isinstance(now, torch.cuda.Event):
        return before.elapsed_time(now)
    assert isinstance(before, float) and isinstance(now, float)
    return (now - before) * 1000
