# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from davss_ros.errors import DataError, WeightsError
from davss_ros.networks.registry import build
from davss_ros.networks.weights import load_into, read_weights
from davss_ros.train.runs import checkpoint

SETTINGS = {'network': 'tiny', 'epochs': 6, 'rate': 0.05, 'rare': [1, 2]}


def tiny(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    return network, torch.optim.AdamW(network.parameters(), 0.05)


def train(network: nn.Module, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    for epoch in range(first, last):
        image = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(epoch))
        optimizer.zero_grad()
        network(image).square().mean().backward()
        optimizer.step()


def states(network: nn.Module) -> list[Tensor]:
    return [value.clone() for value in network.state_dict().values()]


def equal(tensors: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(tensors, other, strict=True))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    network, optimizer = tiny(0)
    train(network, optimizer, 0, 3)
    checkpoint.save(tmp_path / 'checkpoint.pt', network, optimizer, 3, SETTINGS)
    return tmp_path / 'checkpoint.pt'


def test_nothing_saved_starts_at_zero(tmp_path: Path) -> None:
    network, optimizer = tiny(1)
    before = states(network)
    assert checkpoint.resume(tmp_path / 'checkpoint.pt', network, optimizer, SETTINGS) == 0
    assert equal(states(network), before)


def test_what_was_saved_comes_back(path: Path) -> None:
    trained, optimizer = tiny(0)
    train(trained, optimizer, 0, 3)
    fresh, fresh_optimizer = tiny(1)
    assert not equal(states(fresh), states(trained))
    assert checkpoint.resume(path, fresh, fresh_optimizer, dict(SETTINGS)) == 3
    assert equal(states(fresh), states(trained))


def test_training_goes_on_as_if_never_cut_off(path: Path) -> None:
    whole, optimizer = tiny(0)
    train(whole, optimizer, 0, 6)
    resumed, resumed_optimizer = tiny(1)
    train(resumed, resumed_optimizer, checkpoint.resume(path, resumed, resumed_optimizer, SETTINGS), 6)
    assert equal(states(resumed), states(whole))
    forgetful, fresh = tiny(1)  # the weights alone would not do
    checkpoint.resume(path, forgetful, tiny(2)[1], SETTINGS)
    train(forgetful, fresh, 3, 6)
    assert not equal(states(forgetful), states(whole))


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        ({'rate': 0.1}, r'\(rate\)'),
        ({'epochs': 7, 'rate': 0.1}, r'\(epochs, rate\)'),
        ({'rare': [1]}, r'\(rare\)'),
        ({'seed': 0}, r'\(seed\)'),  # not known when the run was made
    ],
)
def test_changed_settings_are_refused_by_name(path: Path, changes: dict[str, object], named: str) -> None:
    network, optimizer = tiny(1)
    before = states(network)
    with pytest.raises(DataError, match=rf'checkpoint\.pt: made with other settings {named}'):
        checkpoint.resume(path, network, optimizer, {**SETTINGS, **changes})
    assert equal(states(network), before)


def test_a_setting_that_is_no_more_is_named(path: Path) -> None:
    fewer = {name: value for name, value in SETTINGS.items() if name != 'rate'}
    with pytest.raises(DataError, match=r'\(rate\)'):
        checkpoint.resume(path, *tiny(1), fewer)


def test_a_write_that_fails_leaves_the_last_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = path.read_bytes()

    def full_disk(state: object, file: Path) -> None:
        Path(file).write_bytes(b'half')
        raise OSError('no space left on device')

    monkeypatch.setattr(torch, 'save', full_disk)
    with pytest.raises(DataError, match=r'checkpoint\.pt: cannot be written: no space'):
        checkpoint.save(path, *tiny(1), 4, SETTINGS)
    assert path.read_bytes() == whole


def test_what_is_no_checkpoint_is_named(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    torch.save({'weight': torch.ones(1)}, tmp_path / 'other.pt')
    for content in (b'', whole[:100], whole[: len(whole) // 2], b'text', (tmp_path / 'other.pt').read_bytes()):
        path.write_bytes(content)
        for look in (
            lambda: checkpoint.resume(path, *tiny(1), SETTINGS),
            lambda: checkpoint.take_over(path, tiny(1)[0], 'key'),
        ):
            with pytest.raises(DataError, match=str(path)):
                look()


def test_saving_again_replaces(path: Path) -> None:
    network, optimizer = tiny(5)
    checkpoint.save(path, network, optimizer, 5, SETTINGS)
    fresh, fresh_optimizer = tiny(1)
    assert checkpoint.resume(path, fresh, fresh_optimizer, SETTINGS) == 5
    assert equal(states(fresh), states(network))
    assert [p.name for p in path.parent.iterdir()] == ['checkpoint.pt']


def test_what_fits_is_taken_over(tmp_path: Path) -> None:
    coarse = nn.ModuleDict({'encoder': nn.Linear(3, 4), 'head': nn.Linear(4, 2), 'gone': nn.Linear(1, 1)})
    checkpoint.save(tmp_path / 'checkpoint.pt', coarse, torch.optim.SGD(coarse.parameters()), 7, {})
    fine = nn.ModuleDict({'encoder': nn.Linear(3, 4), 'head': nn.Linear(4, 5), 'new': nn.Linear(2, 2)})
    before = {name: value.clone() for name, value in fine.state_dict().items()}
    assert checkpoint.take_over(tmp_path / 'checkpoint.pt', fine, 'key') == 2
    after = fine.state_dict()
    assert torch.equal(after['encoder.weight'], coarse['encoder'].weight)  # type: ignore[arg-type]  # a Linear's
    assert all(torch.equal(after[name], before[name]) for name in before if not name.startswith('encoder.'))
    with pytest.raises(DataError, match='no part of it fits Conv2d'):
        checkpoint.take_over(tmp_path / 'checkpoint.pt', nn.Conv2d(1, 1, 1), 'key')
    with pytest.raises(DataError, match='expected the checkpoint to start from'):
        checkpoint.take_over(tmp_path / 'none.pt', fine, 'key')


def test_a_shallower_encoder_takes_the_same_blocks_from_a_checkpoint_as_from_a_model(tmp_path: Path) -> None:
    shipped = read_weights('camvid_lite')
    deep, shallow, expected = (build('key', name, 11) for name in ('deeplab_fine1', 'deeplab_lite0', 'deeplab_lite0'))
    load_into(deep, shipped.states['key'], 'camvid_lite')
    optimizer = torch.optim.SGD(deep.parameters())
    checkpoint.save(tmp_path / 'checkpoint.pt', deep, optimizer, 1, {'network': 'deeplab_fine1'})
    taken = checkpoint.take_over(tmp_path / 'checkpoint.pt', shallow, 'key')
    assert taken == checkpoint.take_over(Path('camvid_lite'), expected, 'key')
    name = 'encoder.blocks.14.expand.conv.weight'  # lite1 has two blocks more before it
    assert torch.equal(shallow.state_dict()[name], expected.state_dict()[name])


def test_a_shipped_model_is_a_start_for_other_classes() -> None:
    shipped = read_weights('camvid_lite')
    network = build('key', shipped.networks['key'], 5)
    taken = checkpoint.take_over(Path('camvid_lite'), network, 'key')
    assert taken == len(network.state_dict()) - 2  # all but the last layer's weight and bias
    name = 'encoder.stem.conv.weight'
    assert torch.equal(network.state_dict()[name], shipped.states['key'][name].float())
    with pytest.raises(WeightsError, match='expected a shipped model'):
        checkpoint.take_over(Path('camvid_heavy'), network, 'key')
    with pytest.raises(DataError, match='camvid_lite: no part of it fits'):
        checkpoint.take_over(Path('camvid_lite'), network, 'flow')
