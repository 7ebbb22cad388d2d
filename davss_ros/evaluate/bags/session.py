# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A whole call of ``evaluate_bag``: plans, the work, results and what is made of them."""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from davss_ros.command_line import INTERRUPTED
from davss_ros.core.parameters import settings_of
from davss_ros.errors import ConfigError, DataError, DavssError
from davss_ros.evaluate.bags.compare import comparison, load_baseline, loss
from davss_ros.evaluate.bags.evaluation import Crew, Outcome, evaluate_bags, remove_parts
from davss_ros.evaluate.bags.job import Job, policies_named
from davss_ros.evaluate.bags.junit import write_junit, wrong_in
from davss_ros.evaluate.bags.live import check_live, differs
from davss_ros.evaluate.bags.outputs import optional, write_picked, write_recordings, write_report
from davss_ros.evaluate.bags.part import PARTS, model_of, set_threads
from davss_ros.evaluate.bags.plan import BagPlan, plan_bag
from davss_ros.evaluate.bags.request import (
    Variant,
    bag_names,
    find_bags,
    label_sources,
    parameters,
    parse_named,
    parse_values,
    topics_of,
)
from davss_ros.evaluate.bags.results import figures_of, fingerprint, provenance_of
from davss_ros.evaluate.bags.store import ROWS
from davss_ros.evaluate.bags.table import summary
from davss_ros.evaluate.bags.workers import Workers

RESULTS, RUN = 'results.json', 'run.json'
LEFT_BY_A_RUN = (RESULTS, RUN, ROWS)
REPLACED = (*LEFT_BY_A_RUN, 'report.html', 'junit.xml', PARTS, 'variants', 'record', 'video', 'picked', 'live.json')
SHORTEST_PART = 100  # frames; below, running ahead costs more than it saves


class Session:
    """One call.

    Args:
        options: of the command line.
        arguments: as typed, for the provenance.
    """

    def __init__(self, options: argparse.Namespace, arguments: list[str]) -> None:
        self._options, self._arguments = options, arguments
        self._failed: dict[str, str] = {}
        self._threads = options.threads or torch.get_num_threads()

    def run(self) -> int:
        """Do it all; return the exit status.

        Raises:
            DavssError: settings, bags or labels are wrong.
            OSError: something cannot be written.
        """
        options = self._options
        if options.resume and options.overwrite:
            raise ConfigError('--resume and --overwrite do not go together')
        if options.live and (options.start or options.duration or options.every > 1):
            raise ConfigError('--live plays whole bags: leave --start, --duration and --every out')
        if options.max_loss is not None and not options.baseline:
            raise ConfigError('--max-loss: expected --baseline as well')
        baseline = load_baseline(options.baseline) if options.baseline else None
        values, remarks = parameters(options.params_file, options.node, options.param)
        variants = [Variant(text, parse_values(text)) for text in options.set]
        for variant in variants:
            settings_of({**values, **variant.changes})
        for line in remarks:
            print(line, file=sys.stderr)
        job = self._job(values)
        set_threads(job.threads)
        model = model_of(job.settings.segmenter)
        job = replace(job, values=policies_named(values, corrects=model.corrects))
        plans = self._plans(job, model.classes)
        frozen = fingerprint(job, plans, model, {variant.name: variant.changes for variant in variants})
        self._prepare_folder(frozen)
        results: dict[str, Any] = {
            'classes': [c.name for c in model.classes],
            'against': job.against,
            'provenance': provenance_of(job, model, frozen, self._arguments),
        }
        if baseline is not None:
            comparison(baseline, results | {'all': None})  # refuses before the work
        outcome = self._evaluate(job, plans, 'as given' if variants else '')
        results |= self._figures(job, plans, outcome)
        jobs = {variant.name: self._variant(job, variant) for variant in variants}
        for name, other in jobs.items():
            if outcome.interrupted:
                break
            plans_of_other = self._plans(other, model_of(other.settings.segmenter).classes)
            outcome = self._evaluate(other, plans_of_other, name)
            changed = self._figures(other, plans_of_other, outcome)
            results.setdefault('variants', {})[name] = changed | {
                'settings': dict(variants[[*jobs].index(name)].changes)
            }
        return self._finish(job, jobs, plans, results, outcome, baseline)

    def _job(self, values: Mapping[str, Any]) -> Job:
        options = self._options
        bags = find_bags(options.bags)
        sources = label_sources(options.labels, options.label_classes, options.tolerance)
        named = dict(parse_named(text) for text in options.topic)
        wanted = [parse_named(text)[1] for text in options.topic]
        topics = {}
        for bag in bags:
            try:
                topics[bag] = topics_of(bag, wanted, sources)
            except DavssError as error:
                self._fail(bag.name, error, alone=len(bags) == 1)
        names = bag_names(list(topics))
        record = ('label', 'distortion', 'overlay') if options.record else ('distortion', 'overlay')
        named.pop('', None)
        return Job(
            values,
            topics,
            options.out,
            names,
            named,
            sources,
            not options.no_agreement,
            options.start,
            options.duration,
            options.every,
            self._threads,
            record if options.record or options.video else (),
        )

    def _variant(self, job: Job, variant: Variant) -> Job:
        values = {**job.values, **variant.changes}
        values = policies_named(values, corrects=model_of(settings_of(values).segmenter).corrects)
        return replace(job, values=values, out=job.out / 'variants' / variant.folder, record=())

    def _plans(self, job: Job, classes: Any) -> dict[Path, BagPlan]:
        plans = {}
        for bag in job.topics:
            try:
                plans[bag] = plan_bag(bag, job, classes)
            except DavssError as error:
                self._fail(job.name(bag), error, alone=len(job.topics) == 1)
        if not plans:
            raise DataError('\n'.join(self._failed.values()))
        return plans

    def _fail(self, name: str, error: DavssError, *, alone: bool) -> None:
        """Note a bag that cannot be evaluated; of several the others go on."""
        if alone:
            raise error
        if name not in self._failed:
            print(error, file=sys.stderr)
        self._failed[name] = str(error)

    def _prepare_folder(self, frozen: Mapping[str, Any]) -> None:
        out, options = self._options.out, self._options
        if out.exists() and not out.is_dir():
            raise DataError(f'{out}: expected a folder for the results, found a file')
        earlier = [name for name in LEFT_BY_A_RUN if (out / name).exists()]
        if earlier and options.overwrite:
            for name in REPLACED:
                path = out / name
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        elif earlier and not options.resume:
            raise DataError(
                f'{out}: holds an earlier run ({", ".join(earlier)}); --resume goes on with it, --overwrite replaces '
                'it, or take another --out'
            )
        elif earlier:
            self._check_same(out / RUN, frozen)
        out.mkdir(parents=True, exist_ok=True)
        (out / RUN).write_text(json.dumps(frozen, indent=1) + '\n')

    @staticmethod
    def _check_same(path: Path, frozen: Mapping[str, Any]) -> None:
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DataError(f'{path}: cannot be read, so the run cannot go on: --overwrite starts anew') from error
        now = json.loads(json.dumps(frozen))
        differing = [key for key in now if before.get(key) != now[key]]
        if differing:
            raise DataError(f'{path}: the earlier run had other {", ".join(differing)}; --overwrite starts anew')

    def _evaluate(self, job: Job, plans: Mapping[Path, BagPlan], name: str) -> Outcome:
        options = self._options
        total = sum(plan.count for plan in plans.values())
        crew, pieces = self._crew(), {}
        if crew is not None:
            aim = options.part or max(SHORTEST_PART, total // (2 * crew.size))
            pieces = {bag: max(1, round(plan.count / aim)) for bag, plan in plans.items()}
        with tqdm(total=total, unit='frame', desc=name or None, mininterval=0.5, smoothing=0.05) as bar:
            bar.update(_rows(job.out / ROWS))
            # parts run ahead of their frames, which are no progress
            outcome = evaluate_bags(job, dict(plans), lambda n: bar.update(min(n, total - bar.n)), crew, pieces)
        for bag, line in outcome.failed.items():
            print(line, file=sys.stderr)
            self._failed[bag] = line
        if outcome.interrupted:
            print(f'interrupted; go on with: evaluate_bag ... --out {options.out} --resume', file=sys.stderr)
        return outcome

    def _crew(self) -> Crew | None:
        options = self._options
        if options.ray:
            from davss_ros.evaluate.bags.cluster import RayCrew

            return RayCrew(options.ray, self._threads)
        return Workers(options.workers) if options.workers > 1 or options.part else None

    def _figures(self, job: Job, plans: Mapping[Path, BagPlan], outcome: Outcome) -> dict[str, Any]:
        figures = figures_of(job, plans, job.out / ROWS)
        figures['partial'] = outcome.interrupted or bool(outcome.failed) or bool(self._failed)
        figures['failed'] = {**self._failed, **outcome.failed}
        figures['repaired_parts'] = outcome.repaired
        return figures

    def _finish(
        self,
        job: Job,
        variants: Mapping[str, Job],
        plans: Mapping[Path, BagPlan],
        results: dict[str, Any],
        outcome: Outcome,
        baseline: dict[str, Any] | None,
    ) -> int:
        options, model = self._options, model_of(job.settings.segmenter)
        code = int(bool(wrong_in(results)))
        write_whole(options.out / RESULTS, json.dumps(results, indent=1) + '\n')  # whatever the comparisons say
        if baseline is not None and not outcome.interrupted:
            results['comparison'] = comparison(baseline, results)
            if options.max_loss is not None and loss(results['comparison']) > options.max_loss:
                code = 1
        if options.live and not outcome.interrupted:
            results['live'] = check_live(job, plans)
            code = max(code, int(differs(results['live'])))
        write_whole(options.out / RESULTS, json.dumps(results, indent=1) + '\n')
        print(summary(results))
        if outcome.interrupted:
            return INTERRUPTED
        optional('junit.xml', write_junit, options.out / 'junit.xml', results, options.max_loss)
        if job.record:
            write_recordings(job, plans, model, record=options.record, video=options.video)
        if options.pick:
            write_picked(job, plans, model, options.pick)
        if not options.no_report:
            optional('report.html', write_report, options.out / 'report.html', results, job, plans, model)
        for done in (job, *variants.values()):
            remove_parts(done.out)
        return code


def _rows(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open('rb') as file:
        return sum(line.endswith(b'\n') for line in file)


def write_whole(path: Path, text: str) -> None:
    """Replace a file, whole or not at all."""
    partial = path.with_name(path.name + '.partial')
    partial.write_text(text, encoding='utf-8')
    partial.replace(path)
