# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from davss_ros.errors import ConfigError
from davss_ros.networks.weights import read_weights
from davss_ros.train.material.motion import MotionSettings
from davss_ros.train.material.scene import SceneClasses
from davss_ros.train.material.stale import Staleness
from davss_ros.train.material.synthetic import SceneMotion
from davss_ros.train.parts.key import KeyTraining
from davss_ros.train.parts.on_stills import StillsTraining
from davss_ros.train.parts.published import TripletTraining
from davss_ros.train.parts.stages import StageTraining
from davss_ros.train.recipe import SHIPPED, load_recipe

DATA, OUT = Path('stills'), Path('run')
ROLES = SceneClasses(sky=(0,), ground=(3, 4), movable=(2, 6, 8, 9, 10))  # CamVid's


def write(folder: Path, text: str) -> str:
    path = folder / 'recipe.yaml'
    path.write_text(text)
    return str(path)


def test_the_shipped_recipe_is_the_shipped_models() -> None:
    recipe = load_recipe('camvid_lite', data=DATA, out=OUT)
    coarse = OUT / 'key_coarse'
    fine = KeyTraining(
        DATA,
        OUT / 'key_fine',
        'deeplab_fine1',
        start=coarse / 'checkpoint.pt',
        epochs=14,
        size=(240, 320),
        scale=(0.65, 1.7),
        paste=0.5,
        learning_rate=1e-3,
    )
    start = OUT / 'key_fine' / 'checkpoint.pt'
    finer = replace(fine, out=OUT / 'key_finer', start=start, epochs=12, seed=1)
    start, faults = OUT / 'key_finer' / 'checkpoint.pt', {'scale': (0.6, 2.5), 'faults': 0.08, 'average': 0.5}
    robust = replace(fine, out=OUT / 'key_finest', start=start, epochs=6, seed=5, **faults)
    assert recipe.key_before == (KeyTraining(DATA, coarse, 'deeplab_lite1', epochs=20), fine, finer, robust)
    start, faults = OUT / 'key_finest' / 'checkpoint.pt', {'scale': (0.6, 2.5), 'faults': 0.12, 'average': 0.3}
    behind = {'teacher': 'start,camvid_light', 'teacher_views': 2, 'distill': 1.0, 'video_frames': 90}
    assert recipe.key == replace(finer, out=OUT / 'key', start=start, seed=21, **faults, **behind)
    assert (
        recipe.light
        == recipe.correction
        == KeyTraining(DATA, OUT / 'light', 'deeplab_lite1', start=Path('camvid_light'), epochs=0)
    )
    assert recipe.gate is not None
    assert recipe.flow.network == 'dis_even'
    shipped = read_weights('camvid_lite')
    assert shipped.networks == {
        'key': recipe.key.network,
        'flow': recipe.flow.network,
        'distortion': recipe.distortion.network,
        'correction': 'deeplab_lite1',
        'gate': recipe.gate.network,
    }
    assert shipped.borrowed == recipe.export.borrow
    report = {
        name: value for name, value in asdict(recipe.export).items() if name not in ('networks', 'borrow', 'eight_bits')
    }
    assert shipped.settings == report


def test_a_light_network_starts_from_the_one_before_it_and_follows_the_key_network() -> None:
    recipe = load_recipe('left_out', data=DATA, out=OUT)
    assert recipe.light is not None and recipe.correction == recipe.light
    coarse, fine = recipe.light_before
    assert coarse == KeyTraining(
        DATA,
        OUT / 'light_coarse',
        'deeplab_lite1',
        start=OUT / 'key_finer' / 'checkpoint.pt',
        epochs=8,
        size=(240, 320),
        scale=(0.6, 2.5),
        paste=0.5,
        faults=0.12,
        seed=2,
    )
    assert (fine.start, fine.teacher) == (OUT / 'light_coarse' / 'checkpoint.pt', 'key')
    assert (recipe.light.start, recipe.light.teacher) == (OUT / 'light_fine' / 'checkpoint.pt', 'key')
    assert (recipe.light.look_scales, fine.look_scales) == ((0.667, 0.667, 1.0), (1.0,))
    assert load_recipe('camvid_lite', data=DATA, out=OUT).light_before == ()


def test_the_recipe_of_a_light_correction() -> None:
    recipe = load_recipe('camvid_context', data=DATA, out=OUT)
    assert isinstance(recipe.correction, StillsTraining)
    assert recipe.correction.start == OUT / 'correction_coarse' / 'checkpoint.pt'


def test_the_key_network_as_correction_has_no_settings(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, 'correction: {network: key}'), data=DATA, out=OUT).correction is None
    with pytest.raises(ConfigError, match='correction: with network key there is nothing else to set, found epochs'):
        load_recipe(write(tmp_path, 'correction: {network: key, epochs: 3}'), data=DATA, out=OUT)


def test_every_shipped_recipe_is_valid() -> None:
    for path in SHIPPED.glob('*.yaml'):
        load_recipe(path.stem, data=DATA, out=OUT)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, ''), data=DATA, out=OUT, videos=[Path('a.mp4')])
    assert recipe.key_before == ()
    assert recipe.key == KeyTraining(DATA, OUT / 'key')
    assert recipe.motion == MotionSettings(DATA, (Path('a.mp4'),), roles=ROLES)
    assert recipe.correction_coarse is None
    assert recipe.distortion == StageTraining('dmnet_lite', 11)
    assert recipe.correction == StageTraining('cfnet_lite', 11)


def test_values_are_the_sections(tmp_path: Path) -> None:
    text = """
    data: here
    out: there
    classes: cityscapes19
    seed: 4
    key: {start: some/checkpoint.pt, rare: [1, 2], learning_rate: 1e-3, seed: 5}
    motion: {rounds: 3, scene: {homography: 0.5}, roles: {sky: [1]}}
    correction: {network: cfnet, recipe: samples, distill: 0}
    export: {propagation: step, networks: [key, flow]}
    """
    recipe = load_recipe(write(tmp_path, text))
    assert (recipe.general.data, recipe.out) == (Path('here'), Path('there'))
    assert (recipe.key.start, recipe.key.rare, recipe.key.seed) == (Path('some/checkpoint.pt'), (1, 2), 5)
    assert recipe.key.learning_rate == 0.001  # which YAML 1.1 takes for text
    assert isinstance(recipe.correction, StageTraining)
    assert recipe.key.classes == recipe.correction.classes == 19
    assert (recipe.motion.rounds, recipe.motion.seed, recipe.motion.stills) == (3, 4, Path('here'))
    assert recipe.motion.scene == SceneMotion(homography=0.5)
    assert recipe.motion.roles == SceneClasses(sky=(1,))
    assert (recipe.correction.network, recipe.correction.distill, recipe.correction.seed) == ('cfnet', 0, 4)
    assert (recipe.export.propagation, recipe.export.networks) == ('step', ('key', 'flow'))


def test_a_section_starts_where_another_ended(tmp_path: Path) -> None:
    text = """
    correction_coarse: {network: cfnet_context, epochs: 3, staleness: {drift: 2.0}}
    correction: {network: cfnet_context, start: correction_coarse, everywhere: 1.0}
    """
    recipe = load_recipe(write(tmp_path, text), data=DATA, out=OUT, seed=2)
    assert recipe.correction_coarse == StillsTraining(
        'cfnet_context', 11, epochs=3, roles=ROLES, staleness=Staleness(drift=2.0), seed=2
    )
    start = OUT / 'correction_coarse' / 'checkpoint.pt'
    assert recipe.correction == StageTraining('cfnet_context', 11, start=start, everywhere=1.0, seed=2)
    text = text.replace('everywhere: 1.0', 'recipe: stills')
    recipe = load_recipe(write(tmp_path, text), data=DATA, out=OUT)
    assert recipe.correction == StillsTraining('cfnet_context', 11, roles=ROLES, start=start)


def test_the_command_line_comes_first(tmp_path: Path) -> None:
    text = 'data: here\nout: there\nvideos: [a, b]\nseed: 4\nkey: {seed: 5}'
    recipe = load_recipe(write(tmp_path, text), data=DATA, videos=None, out=None, seed=6)
    assert (recipe.general.data, recipe.out) == (DATA, Path('there'))
    assert recipe.general.videos == recipe.motion.videos == (Path('a'), Path('b'))
    assert recipe.key.seed == recipe.motion.seed == recipe.distortion.seed == 6


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('kye: {}', r'recipe\.yaml: kye: no such key; known: data, .*, key, '),
        ('key: {epoch: 3}', r'recipe\.yaml: key: epoch: no such key; known: network, start, epochs'),
        ('key: {data: elsewhere}', r'key: data: no such key'),
        ('key: {epochs: many}', r"key: epochs: .*integer.*, found 'many'"),
        ('key: {epochs: 2.5}', r'key: epochs: .*integer.*, found 2\.5'),
        ('key: {size: [240]}', r'key: size\.1: field required'),
        ('motion: {rounds: [1]}', r'motion: rounds: .*integer.*, found \[1\]'),
        ('motion: {scene: {speeed: 1}}', r'motion: scene\.speeed: .*unexpected'),
        ('distortion: {recipe: guess}', r"distortion: recipe: expected paper or samples, found 'guess'"),
        ('correction: {recipe: guess}', r'correction: recipe: expected paper, samples or stills, found'),
        ('correction: {network: cfnet, distill: 1}', r'correction: distill: no such key; known: .*shortest'),
        ('videos: a.mp4', r'videos: .*tuple.*'),
        ('key: 3', r'key: expected keys and values, found 3'),
        ('- key', r'recipe\.yaml: expected keys and values'),
        ('key: {', r'cannot be read as YAML'),
        ('data: null', r'data: expected a folder of labelled images, found none; set it here or with --data'),
        ('precision: float8', r"precision: .*'float16', found 'float8'"),
        ('classes: horses', r'classes: expected camvid11'),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    arguments = {} if text.startswith('data') else {'data': DATA}
    with pytest.raises(ConfigError, match=complaint):
        load_recipe(write(tmp_path, text), out=OUT, **arguments)


def test_published_networks_are_trained_as_published(tmp_path: Path) -> None:
    recipe = load_recipe('published', data=DATA, out=OUT)
    assert recipe.distortion == TripletTraining('dmnet', 11)
    assert recipe.correction == TripletTraining('cfnet', 11)
    assert recipe.flow.network == 'flownets'
    text = 'export: {propagation: composed}\ndistortion: {recipe: paper, shortest: 3}\ncorrection: {network: cfnet}'
    mixed = load_recipe(write(tmp_path, text), data=DATA, out=OUT)
    assert mixed.distortion == TripletTraining('dmnet_lite', 11, shortest=3, propagation='composed')


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(
        ConfigError,
        match=r"config: expected camvid_context, camvid_light, camvid_lite.* or a YAML file, found 'nothing'",
    ):
        load_recipe('nothing', data=DATA, out=OUT)


def test_without_pydantic_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'pydantic', None)
    with pytest.raises(ImportError, match=r"pip install 'pydantic>=2'"):
        load_recipe('camvid_lite', data=DATA, out=OUT)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('key: {batch: 0}', 'key: batch: expected 1 or more, found 0'),
        ('key: {epochs: -1}', 'key: epochs: expected 0 or more, found -1'),
        ('key: {size: [30, 40]}', r'key: size: expected multiples of 4, found \(30, 40\)'),
        ('key: {scale: [0, 1]}', 'key: scale: expected 0.05 to 20'),
        ('key: {scale: [2, 1]}', 'key: scale: expected the smaller one first'),
        ('key: {look_scales: []}', 'key: look_scales: expected one at least'),
        ('motion: {stride: 0}', 'motion: stride: expected 1 or more'),
        ('gate: {share: 2}', 'gate: share: expected 0.01 to 1'),
        ('export: {correction_share: 5}', 'export: correction_share: expected 0.001 to 1'),
        ('distortion: {recipe: paper, shortest: 1}', 'distortion: shortest: expected 2 or more'),
    ],
)
def test_numbers_out_of_range_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(write(tmp_path, text), data=DATA, out=OUT)


def test_home_is_known_in_every_path(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, 'videos: [~/video]\nout: ~/runs\nkey: {start: ~/c.pt}'), data=DATA)
    assert (recipe.motion.videos, recipe.out, recipe.key.start) == (
        (Path.home() / 'video',),
        Path.home() / 'runs',
        Path.home() / 'c.pt',
    )
