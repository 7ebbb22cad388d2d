# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.engines.engine_network import plain
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.interface import Propagated
from davss_ros.networks.registry import build
from davss_ros.networks.weights import SHIPPED, Weights, read_weights, write_weights

CLASSES = tuple(SemanticClass(f'c{i}', (i, i, i)) for i in range(4))
NETWORKS = {'key': 'deeplab_lite0', 'flow': 'dis', 'distortion': 'dmnet', 'correction': 'cfnet_lite'}


def small_model() -> Weights:
    torch.manual_seed(0)
    states = {role: build(role, name, 4).state_dict() for role, name in NETWORKS.items() if name != 'dis'}
    return Weights('', NETWORKS, states, CLASSES, 4, {'propagation': 'composed'})


def load(*sources: Path | str, **changes: str) -> object:
    return load_model(SegmenterConfig(weights=','.join(map(str, sources)), device='cpu', **changes))  # type: ignore[arg-type]  # text settings only


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = small_model()
    path = tmp_path / 'small.safetensors'
    write_weights(path, written, torch.float32)
    read = read_weights(str(path))
    assert (read.networks, read.classes, read.settings) == (written.networks, written.classes, written.settings)
    for role, state in written.states.items():
        assert state.keys() == read.states[role].keys()
        assert all(torch.equal(state[name], read.states[role][name]) for name in state)


def test_half_precision_files_are_loaded_as_float32(tmp_path: Path) -> None:
    path = tmp_path / 'small.safetensors'
    write_weights(path, small_model())
    model = load_model(SegmenterConfig(weights=str(path), device='cpu', precision='float32'))
    key = plain(model.key)
    assert isinstance(key, torch.nn.Module)
    assert {p.dtype for p in key.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in key.parameters())


def test_later_files_give_what_they_hold(tmp_path: Path) -> None:
    first, second = small_model(), small_model()
    write_weights(tmp_path / 'first.safetensors', first)
    torch.manual_seed(9)
    published = build('correction', 'cfnet', 4)
    other = Weights('', {'correction': 'cfnet'}, {'correction': published.state_dict()}, second.classes, 4)
    write_weights(tmp_path / 'second.safetensors', other, torch.float32)
    both = f'{tmp_path / "first.safetensors"}, {tmp_path / "second.safetensors"}'
    model = load_model(SegmenterConfig(weights=both, device='cpu', precision='float32'))
    correction = plain(model.correction)
    assert type(correction).__name__ == 'CFNet'
    assert type(plain(model.distortion)).__name__ == 'DMNet'
    assert isinstance(correction, torch.nn.Module)
    loaded = correction.state_dict()
    assert torch.equal(loaded['predict_cc.weight'], published.state_dict()['predict_cc.weight'])


def test_the_key_network_may_be_the_correction_network_too(tmp_path: Path) -> None:
    small = small_model()
    networks, states = small.networks | {'correction': 'key'}, dict(small.states)
    del states['correction']
    report = {'correction_share': 0.25, 'key_views': 2}
    write_weights(tmp_path / 'again.safetensors', replace(small, networks=networks, states=states, settings=report))
    image = torch.rand(1, 3, 64, 96)
    carried = Propagated(torch.rand(1, 4, 16, 24), torch.rand(1, 3, 16, 24))
    config = SegmenterConfig(weights=str(tmp_path / 'again.safetensors'), device='cpu', precision='float32')
    twice, once = load_model(config), load_model(replace(config, key_views=1, correction_share=1.0))
    assert (twice.correction_share, once.correction_share) == (0.25, 1.0)
    with torch.inference_mode():
        alone = once.key(image)
        assert torch.equal(once.correction(image, carried), alone)
        assert torch.equal(twice.correction(image, carried), alone)  # one look is enough there
        both = (alone + once.key(image.flip(3)).flip(3)) / 2
        torch.testing.assert_close(twice.key(image), both, atol=1e-4, rtol=1e-4)


class Boom:
    """Runs code when unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(self.flag),)  # type: ignore[return-value]  # a Path, as touch wants


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    flag, path = tmp_path / 'ran', tmp_path / 'evil.pth'
    torch.save({'deeplab.logits.weight': Boom(flag)}, path)
    with pytest.raises(WeightsError, match='not executed'):
        read_weights(str(path))
    assert not flag.exists()
    pickle.loads(pickle.dumps(Boom(flag)))  # it would have
    assert flag.exists()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / 'whole.safetensors'
    write_weights(whole, small_model())
    data = whole.read_bytes()
    checkpoint = tmp_path / 'whole.pth'
    torch.save({'a': torch.zeros(1000)}, checkpoint)
    broken = {
        'half.safetensors': data[: len(data) // 2],
        'tiny.safetensors': data[:5],
        'empty.safetensors': b'',
        'half.pth': checkpoint.read_bytes()[:500],
        'empty.pth': b'',
        'text.pth': b'hello',
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=name):
            read_weights(str(tmp_path / name))


def test_strange_contents_are_refused(tmp_path: Path) -> None:
    save_file({'backbone.weight': torch.zeros(2)}, tmp_path / 'other.safetensors')
    with pytest.raises(WeightsError, match=r'expected names starting with key.*found backbone'):
        read_weights(str(tmp_path / 'other.safetensors'))
    torch.save([1, 2], tmp_path / 'list.pth')
    with pytest.raises(WeightsError, match='dictionary of tensors, found list'):
        read_weights(str(tmp_path / 'list.pth'))
    save_file({'key.a': torch.zeros(1)}, tmp_path / 'meta.safetensors', metadata={'davss': '{'})
    with pytest.raises(WeightsError, match='metadata'):
        read_weights(str(tmp_path / 'meta.safetensors'))


def test_a_missing_file_lists_the_shipped_models() -> None:
    with pytest.raises(WeightsError, match=r'shipped model .*nosuch'):
        read_weights('nosuch')


def test_wrong_shapes_and_names_are_listed(tmp_path: Path) -> None:
    weights = small_model()
    state = dict(weights.states['key'])
    state['logits.weight'] = torch.zeros(9, 128, 1, 1)
    state['extra'] = torch.zeros(1)
    del state['logits.bias']
    path = tmp_path / 'wrong.safetensors'
    write_weights(path, Weights('', NETWORKS, {**weights.states, 'key': state}, CLASSES, 4, weights.settings))
    with pytest.raises(WeightsError) as error:
        load(path)
    for part in ('DeepLabLite', 'missing: logits.bias', 'not of this network: extra', 'expected (4, 128, 1, 1)'):
        assert part in str(error.value)


def test_a_wrong_class_count_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'small.safetensors'
    write_weights(path, small_model())
    with pytest.raises(ConfigError, match='expected 4, as many as the weights have, found 11'):
        load(path, classes='camvid11')


def test_a_network_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'small.safetensors'
    write_weights(path, small_model())
    with pytest.raises(WeightsError, match="flow: no file in weights holds 'flownets'"):
        load(path, flow='flownets')
    assert load(path, flow='dis_fast')


def test_a_published_checkpoint_by_torch_save(tmp_path: Path) -> None:
    roles = {'deeplab': ('key', 'deeplabv3plus'), 'flownet': ('flow', 'flownets')}
    roles |= {'dmnet': ('distortion', 'dmnet'), 'cfnet': ('correction', 'cfnet')}
    state = {
        f'module.{prefix}.{name}': value
        for prefix, (role, network) in roles.items()
        for name, value in build(role, network, 11).state_dict().items()
    }
    torch.save({'state_dict': state}, tmp_path / 'scnet.pth')
    with pytest.raises(ConfigError, match='set classes to camvid11'):
        load(tmp_path / 'scnet.pth')
    model = load_model(SegmenterConfig(weights=str(tmp_path / 'scnet.pth'), classes='camvid11', device='cpu'))
    assert model.classes == load_classes('camvid11')
    assert model.propagation == 'step'


def test_the_shipped_weights_are_small_and_complete() -> None:
    files = list(SHIPPED.glob('*.safetensors'))
    assert files
    assert sum(path.stat().st_size for path in files) <= 17e6  # 16 are wanted: the light network is 0.7 too much
    for path in files:
        assert (path.with_suffix('.md')).is_file(), f'{path.name} has no model card'
        model = read_weights(path.stem)
        others = () if model.classes else ('camvid_lite',)  # parts for any class list are no model by themselves
        load(*others, path.stem)
