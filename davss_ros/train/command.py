"""``train``: the default model, part by part; each goes on where it was cut off.

key         the key network on labelled stills
distortion  samples of motion (made once), then the distortion network (stage 1 of DAVSS)
correction  the correction network (stage 2)
export      all of them into one weights file
all         these four in turn
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from davss_ros.allocator import keep_freed_memory
from davss_ros.core.classes import load_classes
from davss_ros.errors import DavssError
from davss_ros.networks.dis import DisFlow
from davss_ros.networks.layers import fuse
from davss_ros.networks.weights import Weights, write_weights
from davss_ros.train.key import KeyTraining, train_key
from davss_ros.train.motion import MotionSamples, MotionSettings, load_samples, make_samples, save_samples
from davss_ros.train.stages import StageTraining, train_correction, train_distortion

PROPAGATION = 'composed'
# The distortion map is a calibrated probability, so it stays low where the correction is already the better bet. Of
# 1, 2, 3, 4, 6 and 10, 2 gave the best mIoU against the true labels of the synthetic training samples.
CORRECTION_GAIN = 2.0


@dataclass(frozen=True)
class Run:
    """What is trained, from what, and where it goes."""

    data: Path
    videos: tuple[Path, ...]
    out: Path
    classes: str
    encoder: str
    distortion: str
    correction: str
    key_epochs: int
    distortion_epochs: int
    correction_epochs: int
    seed: int

    def key(self) -> nn.Module:
        """Train or load the key network."""
        count = len(load_classes(self.classes))
        settings = KeyTraining(self.data, self.out / 'key', count, self.encoder, epochs=self.key_epochs, seed=self.seed)
        return train_key(settings, say)

    def samples(self) -> MotionSamples:
        """Make or load the samples of motion."""
        folder = self.out / 'samples'
        samples = load_samples(folder)
        if samples is None:
            key = self.key()
            fuse(key)
            settings = MotionSettings(self.data, self.videos, seed=self.seed)
            made = make_samples(settings, key, DisFlow(), PROPAGATION, len(load_classes(self.classes)), say)
            save_samples(made, folder)
            samples = load_samples(folder)
            assert samples is not None
        return samples

    def train_distortion(self) -> nn.Module:
        """Train or load the distortion network."""
        settings = self._stage(self.distortion, self.distortion_epochs)
        return train_distortion(settings, self.samples(), self.out / 'distortion', say)

    def train_correction(self) -> nn.Module:
        """Train or load the correction network."""
        settings = self._stage(self.correction, self.correction_epochs)
        return train_correction(settings, self.train_distortion(), self.samples(), self.out / 'correction', say)

    def export(self) -> None:
        """Write ``model.safetensors``, values as float16."""
        networks = {'key': self.key(), 'distortion': self.train_distortion(), 'correction': self.train_correction()}
        weights = Weights(
            source='',
            networks={
                'key': 'deeplab_' + self.encoder.removeprefix('efficientnet_'),
                'flow': 'dis',
                'distortion': self.distortion,
                'correction': self.correction,
            },
            states={role: network.state_dict() for role, network in networks.items()},
            classes=load_classes(self.classes),
            settings={'propagation': PROPAGATION, 'correction_gain': CORRECTION_GAIN},
        )
        path = self.out / 'model.safetensors'
        write_weights(path, weights)
        say(f'{path}: {path.stat().st_size / 1e6:.1f} MB')

    def _stage(self, network: str, epochs: int) -> StageTraining:
        return StageTraining(network, len(load_classes(self.classes)), epochs, seed=self.seed)


def say(text: str) -> None:
    """Print a line of the training log."""
    print(time.strftime('%H:%M:%S'), text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; return the exit status."""
    parser = argparse.ArgumentParser('train', description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('part', choices=('key', 'distortion', 'correction', 'export', 'all'))
    parser.add_argument('--data', type=Path, required=True, help='labelled stills: images/ and labels/')
    parser.add_argument('--videos', type=Path, nargs='*', default=[], help='unlabelled motion: videos, folders, bags')
    parser.add_argument('--out', type=Path, required=True, help='checkpoints, samples and the exported model')
    parser.add_argument('--classes', default='camvid11')
    parser.add_argument('--encoder', default='efficientnet_lite1')
    parser.add_argument('--distortion', default='dmnet_lite')
    parser.add_argument('--correction', default='cfnet_lite')
    parser.add_argument('--key-epochs', type=int, default=20)
    parser.add_argument('--distortion-epochs', type=int, default=8)
    parser.add_argument('--correction-epochs', type=int, default=6)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(arguments)
    keep_freed_memory()
    settings = {name: value for name, value in vars(options).items() if name != 'part'}
    run = Run(**{**settings, 'videos': tuple(options.videos)})
    parts = {
        'key': run.key,
        'distortion': run.train_distortion,
        'correction': run.train_correction,
        'export': run.export,
        'all': run.export,  # needs all the others
    }
    try:
        parts[options.part]()
    except (DavssError, ImportError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
