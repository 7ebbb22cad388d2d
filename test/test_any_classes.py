# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The shipped distortion network for any classes, beside key networks of other class lists."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.datasets.dataset import open_dataset
from davss_ros.evaluate.distance import distance_curves
from davss_ros.evaluate.videos import EvaluationFrame, Video, dataset_videos
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.weights import SHIPPED, read_weights
from davss_ros.train.material.regroup import merged

THREE = [0, 1, 1, 2, 2, 0, 1, 1, 1, 1, 1]  # of camvid11: what is far, what stands, what is driven on
SEVEN = [0, 1, 2, 3, 3, 4, 2, 1, 5, 6, 6]


@pytest.fixture(scope='module')
def model() -> Model:
    """The shipped key network with one view and no correction."""
    config = SegmenterConfig(weights='camvid_lite,distortion_any', distortion='dmnet_any', key_views=1, device='cpu')
    return load_model(replace(config, gate='none'))


@pytest.fixture(scope='module')
def video(model: Model, camvid_video: Path) -> Video:
    return dataset_videos(open_dataset(camvid_video, model.classes))[0][20:27]


def test_it_serves_any_class_list() -> None:
    weights = read_weights('distortion_any')
    assert weights.networks == {'distortion': 'dmnet_any'}
    assert weights.class_count == 0


@pytest.fixture(scope='module', params=['camvid_lite', 'camvid_light'])
def key_network(request: pytest.FixtureRequest, model: Model) -> KeyNetwork:
    """The key network that the samples were made with, and one that training never saw."""
    if request.param == 'camvid_lite':
        return model.key
    if not (SHIPPED / f'{request.param}.safetensors').is_file():
        pytest.skip(f'{request.param} is not shipped')
    return load_model(SegmenterConfig(weights=request.param, key_views=1, device='cpu')).key


@pytest.mark.parametrize('groups', [list(range(11)), SEVEN, THREE], ids=['11', '7', '3'])
def test_it_finds_what_is_wrong_of_merged_classes(
    model: Model, key_network: KeyNetwork, video: Video, groups: list[int]
) -> None:
    def key(image: Tensor) -> Tensor:
        return merged(key_network(image), groups)

    count = max(groups) + 1
    fewer = replace(model, key=key, correction=lambda image, _: key(image), classes=model.classes[:count])
    frames = [EvaluationFrame(frame.name, frame.image, lambda: np.zeros((360, 480), np.uint8)) for frame in video]
    quality = distance_curves([frames], fewer, SegmenterConfig(device='cpu'), [3], ['davss']).distortion[3]
    assert quality.auc() >= 0.9


def test_it_finds_what_is_wrong_beside_the_published_key_network(published: Path, reference: Path) -> None:
    """Of other weights than it was trained beside, another form and 19 classes; by the key network on every frame."""
    weights = {'weights': f'{published},distortion_any', 'distortion': 'dmnet_any', 'flow': 'dis'}
    config = SegmenterConfig(**weights, classes='cityscapes19', device='cpu', precision='float32', working_height=0)
    loaded = load_model(config)
    network = replace(loaded, correction=lambda image, _: loaded.key(image))
    with np.load(reference / 'outputs.npz') as file:
        images = list(file['frames'])
    nothing = np.zeros(images[0].shape[:2], np.uint8)
    frames = [EvaluationFrame(str(t), partial(lambda i: i, image), lambda: nothing) for t, image in enumerate(images)]
    quality = distance_curves([frames], network, config, [1, 3], ['davss']).distortion
    assert min(quality[1].auc(), quality[3].auc()) >= 0.9
