# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The parts of a training; each makes or loads what it needs of the others."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.drives import halves, split_drive, without_drive
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import ConfigError, DataError
from davss_ros.networks.again import KeyAgain, at_scale
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.layers import fuse
from davss_ros.networks.registry import KEY_AGAIN, depends_on_classes
from davss_ros.networks.weights import Weights, write_weights
from davss_ros.train.material.clips import Clip, load_clips
from davss_ros.train.material.labelled import open_labelled
from davss_ros.train.material.motion import (
    MotionSamples,
    MotionSettings,
    load_samples,
    make_samples,
    save_samples,
    video_frames,
)
from davss_ros.train.parts.flow import train_flow
from davss_ros.train.parts.gate import gate_samples, load_gate, train_gate
from davss_ros.train.parts.key import KeyTraining, train_key
from davss_ros.train.parts.on_stills import StillsTraining, train_correction_on_stills
from davss_ros.train.parts.published import (
    FlowAndCorrection,
    train_correction_on_triplets,
    train_distortion_on_triplets,
)
from davss_ros.train.parts.stages import StageTraining, train_correction, train_distortion
from davss_ros.train.recipe import KEY, LIGHT, Recipe
from davss_ros.train.runs import identity, parallel
from davss_ros.train.runs.compute import Compute, choose_compute


@dataclass(frozen=True)
class Run:
    """The parts of a recipe; each makes or loads what it needs of the others."""

    recipe: Recipe
    device: torch.device
    data: Dataset
    validation: Dataset | None
    left_out: tuple[LabelledImage, ...] = ()  # stills of the drive that is not trained on

    def key(self) -> nn.Module:
        """Train or load the key network, and before it those it starts from or follows."""
        return self._key_networks()[KEY]

    def _key_networks(self) -> dict[str, nn.Module]:
        """Return the key network, and those before it, by the recipe's sections."""
        return self._trained_in_turn((*self.recipe.key_before, self.recipe.key), {})

    def light(self) -> nn.Module:
        """Train or load the light network; one that starts from a section of the key network has that first."""
        if self.recipe.light is None:
            raise ConfigError('light: expected a section of the recipe, found none')
        return self._trained_in_turn((*self.recipe.light_before, self.recipe.light), self._key_networks())[LIGHT]

    def gate(self) -> nn.Module:
        """Train the gate on the drive that is left out, or load the one that it starts from."""
        settings, out = self.recipe.gate, self.recipe.out / 'gate'
        if settings is None:
            raise ConfigError('gate: expected a section of the recipe, found none')
        if not self.left_out:
            return load_gate(settings, self._classes())
        light, distortion = self._on_cpu(self.light), self._on_cpu(self.distortion)
        look = at_scale(light, self.recipe.export.correction_scale)
        stills = halves(self.left_out, settings.share)[0]
        motion = self._samples('samples_left_out', stills, self._motion())
        samples = gate_samples(motion, KeyAgain(look), distortion)
        return train_gate(settings, samples, out, say, self._compute())

    def _trained_in_turn(self, parts: Sequence[KeyTraining], before: dict[str, nn.Module]) -> dict[str, nn.Module]:
        """Return ``before`` and the networks of ``parts``, each of which may follow all before it, by section."""
        trained = dict(before)
        for settings in parts:
            trained[settings.out.name] = self._trained_key(settings, trained)
        return trained

    def _trained_key(self, settings: KeyTraining, trained: Mapping[str, nn.Module]) -> nn.Module:
        validation = self.validation.stills if self.validation else ()
        frames = video_frames(self._motion(), settings.video_frames, self.data.stills[0].size())
        return train_key(settings, say, self._compute(torch.bfloat16), self.data.stills, validation, frames, trained)

    def _motion(self) -> MotionSettings:
        """Return what motion is trained on: beside a drive that is left out, the first part of every video only."""
        motion, gate = self.recipe.motion, self.recipe.gate
        return replace(motion, share=gate.share) if gate is not None and self.left_out else motion

    def samples(self) -> MotionSamples:
        """Make or load the samples of motion."""
        return self._samples('samples', self.data.stills, self._motion())

    def _samples(self, name: str, stills: Sequence[LabelledImage], motion: MotionSettings) -> MotionSamples:
        folder = self.recipe.out / name
        if load_samples(folder, self._made_of(stills, motion)) is None:
            key, flow = self._fused_key(), self.flow().cpu()
            if parallel.rank() == 0:
                made = make_samples(motion, key, flow, self.recipe.export.propagation, self._classes(), say, stills)
                save_samples(made, folder, self._made_of(stills, motion))
            parallel.wait_for_all()
        samples = load_samples(folder, self._made_of(stills, motion))
        if samples is None:
            raise DataError(
                f'{folder}: expected what the first process made, found nothing; share --out among machines'
            )
        return samples

    def _made_of(self, stills: Sequence[LabelledImage], motion: MotionSettings) -> dict[str, object]:
        """Return what samples of motion come from; of networks as far as they are trained."""
        own = {name: value for name, value in asdict(motion).items() if name not in ('stills', 'videos', 'strict')}
        networks = {name: self.recipe.out / name / 'checkpoint.pt' for name in (KEY, 'flow')}
        return {
            **own,
            'propagation': self.recipe.export.propagation,
            'network of the flow': self.recipe.flow.network,
            'data': identity.of_stills(stills),
            'videos': identity.of_videos(motion.videos),
            **{name: identity.of_file(path) for name, path in networks.items() if path.is_file()},
        }

    def flow(self) -> nn.Module:
        """Train or load the flow network, if it has weights."""
        settings, out = self.recipe.flow, self.recipe.out / 'flow'
        return train_flow(settings, self._clips, out, say, self._compute())

    def distortion(self) -> nn.Module:
        """Train or load the distortion network."""
        settings, out = self.recipe.distortion, self.recipe.out / 'distortion'
        if isinstance(settings, StageTraining):
            return train_distortion(settings, self.samples(), out, say, self._compute())
        return train_distortion_on_triplets(settings, self.key(), self.flow(), self._clips(), out, say, self._compute())

    def correction(self) -> FlowAndCorrection:
        """Train or load the correction network, and with it the flow if it is trained on."""
        settings, out = self.recipe.correction, self.recipe.out / 'correction'
        compute, distortion, flow = self._compute(), self.distortion(), self.flow()
        if isinstance(settings, KeyTraining):
            return FlowAndCorrection(flow, KeyAgain(cast(KeyNetwork, self.light())))
        if settings is None:
            say(f'correction: {KEY_AGAIN} is the key network, there is nothing to train')
            return FlowAndCorrection(flow, nn.Identity())
        if self.recipe.correction_coarse is not None:
            self._on_stills(self.recipe.correction_coarse, 'correction_coarse')
        if isinstance(settings, StillsTraining):
            return FlowAndCorrection(flow, self._on_stills(settings, 'correction'))
        if isinstance(settings, StageTraining):
            return FlowAndCorrection(flow, train_correction(settings, distortion, self.samples(), out, say, compute))
        clips = self._clips()
        return train_correction_on_triplets(settings, self.key(), flow, distortion, clips, out, say, compute)

    def _on_stills(self, settings: StillsTraining, name: str) -> nn.Module:
        out, scores = self.recipe.out / name, self.recipe.out / 'key_scores.npy'
        return train_correction_on_stills(
            settings, self._fused_key, self.data.stills, out, scores, say, self._compute()
        )

    def _fused_key(self) -> KeyNetwork:
        return cast(KeyNetwork, self._on_cpu(self.key))

    def _on_cpu(self, make: Callable[[], nn.Module]) -> Any:
        network = make().cpu()
        fuse(network)
        return network

    def export(self) -> None:
        """Write ``model.safetensors``, values as float16."""
        recipe = self.recipe
        names = {
            'key': recipe.key.network,
            'flow': recipe.flow.network,
            'distortion': recipe.distortion.network,
            'correction': recipe.correction.network if recipe.correction else KEY_AGAIN,
        }
        makers = {
            'key': self.key,
            'flow': lambda: self.correction().flow,
            'distortion': self.distortion,
            'correction': lambda: self.correction().correction,
            'gate': self.gate,
        }
        roles = [*recipe.export.networks]
        if recipe.gate is not None:
            names['gate'] = recipe.gate.network
            roles += ['gate'] * ('gate' not in roles)
        made = [role for role in roles if role not in recipe.export.borrow]
        states = {role: makers[role]().cpu().state_dict() for role in made}
        if parallel.rank():
            return
        weights = Weights(
            source='',
            networks={role: names[role] for role in roles},
            states={role: state for role, state in states.items() if state},
            classes=self.data.classes if any(depends_on_classes(role, names[role]) for role in made) else (),
            settings={
                'propagation': recipe.export.propagation,
                'correction_gain': recipe.export.correction_gain,
                'correction_share': recipe.export.correction_share,
                'correction_interval': recipe.export.correction_interval,
                'correction_scale': recipe.export.correction_scale,
                'window_worth': recipe.export.window_worth,
                'key_views': recipe.export.key_views,
            },
            borrowed=dict(recipe.export.borrow),
        )
        path = recipe.out / 'model.safetensors'
        write_weights(path, weights, eight_bits=recipe.export.eight_bits)
        say(f'{path}: {path.stat().st_size / 1e6:.1f} MB')

    def _clips(self) -> list[Clip]:
        return load_clips(self.recipe.motion, self._classes(), self.data)

    def _classes(self) -> int:
        return len(self.data.classes)

    def _compute(self, cpu: torch.dtype = torch.float32) -> Compute:
        return choose_compute(self.device, self.recipe.general.precision, cpu)


def open_run(recipe: Recipe, device: torch.device) -> Run:
    """Return the parts of a recipe with the data opened, every file of it read once; `DataError` if it does not do."""
    general = recipe.general
    assert general.data is not None
    how: Any = {'say': say, 'strict': general.strict, 'bit_depth': general.bit_depth}
    left_out: tuple[LabelledImage, ...] = ()
    data = open_labelled(general.data, general.classes, general.layout, general.split, **how)
    if not data.stills:
        raise DataError(f'{general.data}: expected labelled images, found none with labels')
    if general.leave_out:
        left_out, data = split_drive(data.stills, general.leave_out)[0], without_drive(data, general.leave_out)
    validation = None
    if general.validation is not None:
        validation = open_labelled(general.validation, general.classes, general.layout, general.validation_split, **how)
    return Run(recipe, device, data, validation, left_out)


def say(text: str) -> None:
    """Print a line of the training log, of the first process only."""
    if parallel.rank() == 0:
        print(time.strftime('%H:%M:%S'), text, flush=True)
