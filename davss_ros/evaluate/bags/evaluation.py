# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""All tasks of a job, one after the other or side by side, joined into one file of rows."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from davss_ros.errors import DavssError
from davss_ros.evaluate.bags.job import Job
from davss_ros.evaluate.bags.join import Joiner
from davss_ros.evaluate.bags.part import PARTS, Work, appended_rows, do, recordings
from davss_ros.evaluate.bags.plan import BagPlan, tasks_of
from davss_ros.evaluate.bags.rows import FrameRow, read_rows, to_line
from davss_ros.evaluate.bags.store import ROWS, append, mend


class Crew(Protocol):
    """Processes, here or elsewhere, that do tasks side by side."""

    size: int

    def do_all(self, works: Iterable[Work], tick: Callable[[], None]) -> Iterator[tuple[Work, str]]:
        """Yield each work when it is done, with what went wrong in the end ('' if nothing), in any order."""
        ...


@dataclass
class Outcome:
    """What became of a job.

    Attributes:
        failed: bag -> what went wrong.
        repaired: parts that were done again, since the part before had other key frames than expected.
        interrupted: by Ctrl-C.
    """

    failed: dict[str, str] = field(default_factory=dict)
    repaired: int = 0
    interrupted: bool = False


def evaluate_bags(
    job: Job,
    plans: dict[Path, BagPlan],
    progress: Callable[[int], None],
    crew: Crew | None = None,
    pieces: dict[Path, int] | None = None,
) -> Outcome:
    """Go through all bags; rows go to ``frames.jsonl``.

    Args:
        job: what to do.
        plans: of the bags.
        progress: is told how many more rows there are.
        crew: does the tasks; without, they are done here, in turn.
        pieces: into how many tasks a bag is parted; 1 by default, and without a crew.
    """
    outcome = Outcome()
    job.out.mkdir(parents=True, exist_ok=True)
    mend(job.out / ROWS)
    with contextlib.suppress(FileExistsError):
        (job.out / ROWS).touch()
    try:
        if crew is None:
            _in_turn(job, plans, progress, outcome)
        else:
            _side_by_side(job, plans, progress, crew, pieces or {}, outcome)
    except KeyboardInterrupt:
        outcome.interrupted = True
    return outcome


def _in_turn(job: Job, plans: dict[Path, BagPlan], progress: Callable[[int], None], outcome: Outcome) -> None:
    for bag, plan in plans.items():
        for task in tasks_of(plan, job.cameras(bag)):
            try:
                for _ in appended_rows(Work(task, plan, job), job.out / ROWS):
                    progress(1)
            except DavssError as error:
                outcome.failed[job.name(bag)] = str(error)


def _side_by_side(
    job: Job,
    plans: dict[Path, BagPlan],
    progress: Callable[[int], None],
    crew: Crew,
    pieces: dict[Path, int],
    outcome: Outcome,
) -> None:
    counts = _row_counts(job.out / ROWS)
    works = {
        bag: [Work(task, plan, job) for task in tasks_of(plan, job.cameras(bag), pieces.get(bag, 1))]
        for bag, plan in plans.items()
        if counts.get(job.name(bag), 0) < plan.count  # else an earlier run has joined it already
    }
    done: dict[str, str] = {}
    watcher = _Watcher([work.rows for group in works.values() for work in group], progress)
    waiting = dict(works)
    for work, error in crew.do_all([work for group in works.values() for work in group], watcher.look):
        done[work.task.name] = error
        for bag, group in list(waiting.items()):
            if all(part.task.name in done for part in group):
                wrong = [done[part.task.name] for part in group if done[part.task.name]]
                if wrong:
                    outcome.failed[job.name(bag)] = wrong[0]
                else:
                    try:
                        outcome.repaired += _joined(job, plans[bag], group, begun=job.name(bag) in counts)
                    except DavssError as error:
                        outcome.failed[job.name(bag)] = str(error)
                del waiting[bag]
    watcher.look()


def _joined(job: Job, plan: BagPlan, group: list[Work], *, begun: bool) -> int:
    """Append the rows of all parts of a bag that count; return how many parts had to be done again.

    With ``begun`` an earlier run has some of them, wherever it was cut off.
    """
    joiner, repaired = Joiner(plan), 0
    there = {row.place for row in read_rows(job.out / ROWS) if row.bag == plan.name} if begun else ()
    with (job.out / ROWS).open('ab', buffering=0) as file:
        for work in group:
            mended = joiner.misfit(work.task, _ahead(work, plan))
            if mended is not None:
                repaired += 1
                for path in (work.rows, *recordings(work)):
                    path.unlink()
                work = replace(work, task=mended)  # noqa: PLW2901  # the same part, begun elsewhere
                do(work)
            for row in _counting(work, plan):
                joiner.add(row)
                if row.place not in there:
                    append(file, job.out / ROWS, to_line(row).encode())
    return repaired


def _ahead(work: Work, plan: BagPlan) -> dict[str, dict[int, FrameRow]]:
    """Return the rows of frames before those that count."""
    ahead: dict[str, dict[int, FrameRow]] = {topic: {} for topic in work.task.spans}
    early = _early(work, plan)
    if any(early.values()):
        for row in read_rows(work.rows):
            if row.n in early[row.camera]:
                ahead[row.camera][row.n] = row
    return ahead


def _counting(work: Work, plan: BagPlan) -> Iterator[FrameRow]:
    early = _early(work, plan)
    return (row for row in read_rows(work.rows) if row.n not in early[row.camera])


def _early(work: Work, plan: BagPlan) -> dict[str, set[int]]:
    """Return the numbers of the messages that a part segments before its own, by topic."""
    return {
        topic: set(plan.numbers[topic][span.first : span.begin].tolist()) for topic, span in work.task.spans.items()
    }


def _row_counts(path: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in read_rows(path):
        counts[row.bag] = counts.get(row.bag, 0) + 1
    return counts


class _Watcher:
    """Counts rows that others write."""

    def __init__(self, paths: list[Path], progress: Callable[[int], None]) -> None:
        self._places = dict.fromkeys(paths, 0)
        self._progress = progress

    def look(self) -> None:
        for path, place in self._places.items():
            if path.is_file() and path.stat().st_size > place:
                with path.open('rb') as file:
                    file.seek(place)
                    new = file.read()
                self._places[path] = place + len(new)
                self._progress(new.count(b'\n'))


def remove_parts(out: Path) -> None:
    """Take away the files of the parts, once they are joined."""
    folder = out / PARTS
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
