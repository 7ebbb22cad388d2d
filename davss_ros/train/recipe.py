# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What `train` does, read from a YAML file: one section a part, one key a field of that part's dataclass."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from reprlib import repr as repr_short
from typing import Any, Literal, TypeVar, cast, get_type_hints

from davss_ros.core.classes import load_classes
from davss_ros.core.windows import WORTH
from davss_ros.errors import ConfigError
from davss_ros.networks.registry import KEY_AGAIN, ROLES
from davss_ros.networks.weights import PUBLISHED_NETWORKS
from davss_ros.train.material.motion import MotionSettings
from davss_ros.train.material.scene import scene_classes
from davss_ros.train.parts.flow import FlowTraining
from davss_ros.train.parts.gate import GateTraining
from davss_ros.train.parts.key import KeyTraining
from davss_ros.train.parts.on_stills import StillsTraining
from davss_ros.train.parts.published import TripletTraining
from davss_ros.train.parts.stages import StageTraining
from davss_ros.train.ranges import complaint
from davss_ros.yaml_file import read_yaml, user_path

SHIPPED = Path(__file__).parent / 'recipes'
T = TypeVar('T')
S = TypeVar('S', KeyTraining, StageTraining, StillsTraining)


@dataclass(frozen=True)
class Export:
    """What goes into the weights file, and how the node is told to use it."""

    propagation: str = 'composed'  # see `davss_ros.core.propagation`
    # The distortion map is a calibrated probability, so it stays low where the correction is already the better bet.
    # Of 1, 2, 3, 4, 6 and 10, 2 gave the best mIoU against the true labels of the synthetic training samples.
    correction_gain: float = 2.0
    correction_share: float = 1.0  # of the frame, see `davss_ros.core.windows`
    correction_interval: int = 1  # frames, see `davss_ros.core.look`
    correction_scale: float = 1.0  # of the frame's height and width, at which the network of such a look sees it
    window_worth: float = WORTH  # share of a window expected wrong, see `davss_ros.core.windows`
    key_views: Literal[1, 2] = 1  # 2: the key network also sees the mirror image
    eight_bits: bool = False  # large 1x1 convolutions as int8, see `davss_ros.networks.eight_bits`
    networks: tuple[str, ...] = ROLES  # roles; those without weights are only named; the gate, too, if there is one
    borrow: Mapping[str, str] = field(default_factory=dict)  # role -> shipped model whose key network plays it


@dataclass(frozen=True)
class General:
    """What all parts share: the keys outside of any section."""

    data: Path | None = None  # labelled data of any layout that `open_labelled` knows
    layout: str = ''  # of data and validation; empty: as found
    split: str = 'train'  # of data, where there are several
    leave_out: str = ''  # what the names of a drive's images begin with: it is not trained on, see `choose`
    videos: tuple[Path, ...] = ()  # unlabelled motion: videos, folders, bags
    topic: str = ''  # image topic of those that are bags with several cameras
    out: Path | None = None  # checkpoints, samples and the exported model
    classes: str = 'camvid11'  # see `load_classes`
    seed: int = 0  # of every part that names none
    validation: Path | None = None  # labelled data that is not trained on
    validation_split: str = 'val'
    device: str = 'auto'  # see `choose_device`
    precision: Literal['auto', 'float32', 'bfloat16', 'float16'] = 'auto'  # see `choose_compute`
    strict: bool = False  # a broken image ends the training before it starts; else it is skipped
    bit_depth: int | Literal['auto'] = 'auto'  # of 16-bit images, see `davss_ros.images.bit_depth.BitDepth`


@dataclass(frozen=True)
class Recipe:
    """All settings of all parts.

    Attributes:
        out: ``general.out``, which is then known.
    """

    out: Path
    general: General
    key: KeyTraining
    key_before: tuple[KeyTraining, ...]  # trained before ``key``, in turn: those of `KEY_BEFORE` that the file has
    motion: MotionSettings
    flow: FlowTraining
    distortion: StageTraining | TripletTraining
    correction: StageTraining | StillsTraining | TripletTraining | KeyTraining | None  # None: the key network
    correction_coarse: StillsTraining | None  # where ``correction`` may start, if the file has such a section
    export: Export
    light_before: tuple[KeyTraining, ...] = ()  # trained before ``light``: those of `LIGHT_BEFORE` that the file has
    light: KeyTraining | None = None  # a light network, the ``correction`` of whole frames if that says so
    gate: GateTraining | None = None  # what joins it with what was carried


# `other` is no part of the model: a key network, as heavy as one likes, that those after it may follow
KEY_BEFORE = ('other_coarse', 'other', 'key_coarse', 'key_fine', 'key_finer', 'key_finest', 'key_behind')
KEY = 'key'
LIGHT = 'light'  # as ``correction: {recipe: light}``
LIGHT_BEFORE = ('light_coarse', 'light_fine')
SECTIONS = (
    *KEY_BEFORE,
    KEY,
    *LIGHT_BEFORE,
    LIGHT,
    'motion',
    'flow',
    'distortion',
    'correction_coarse',
    'correction',
    'gate',
    'export',
)


def load_recipe(source: str, **overrides: Any) -> Recipe:
    """Read a shipped recipe by name (``camvid_lite``) or a YAML file.

    Args:
        source: name or path.
        overrides: replace keys of `General`; None does not. Such a ``seed`` holds for every part.

    Raises:
        ConfigError: no such recipe, an unknown section or key, or a value of the wrong type.
    """
    where, tree = _read(source)
    overridden = {name: value for name, value in overrides.items() if value is not None}
    sections = {name: _mapping(tree.pop(name), f'{where}: {name}') for name in SECTIONS if name in tree}
    if 'seed' in overridden:
        for section in sections.values():
            section.pop('seed', None)
    general = _fill(General, tree | overridden, where, also=SECTIONS)
    for name, what in (('data', 'a folder of labelled images'), ('out', 'a folder for the results')):
        if getattr(general, name) is None:
            raise ConfigError(f'{where}: {name}: expected {what}, found none; set it here or with --{name}')
    return _recipe(general, sections, where)


def _recipe(general: General, sections: dict[str, dict[str, Any]], where: str) -> Recipe:
    assert general.data is not None and general.out is not None
    shared: dict[str, Any] = {'classes': len(load_classes(general.classes)), 'seed': general.seed}

    def part(kind: type[T], name: str, **fixed_values: Any) -> T:
        return _fill(kind, sections.get(name, {}), f'{where}: {name}', fixed_values)

    def key(name: str) -> KeyTraining:
        return started(part(KeyTraining, name, data=general.data, out=out / name, **shared))

    def started(settings: S) -> S:
        if str(settings.start) not in sections:
            return settings
        return replace(settings, start=out / str(settings.start) / 'checkpoint.pt')

    def on_stills(name: str) -> StillsTraining:
        return started(part(StillsTraining, name, network='cfnet_lite', roles=roles, **shared))

    def correction() -> StageTraining | StillsTraining | TripletTraining | KeyTraining | None:
        section = sections.get('correction', {})
        if section == {'recipe': LIGHT}:
            if light is None:
                raise ConfigError(f'{where}: correction: recipe {LIGHT} needs a section {LIGHT}, found none')
            return light
        if section.get('network') == KEY_AGAIN:
            others = ', '.join(section.keys() - {'network'})
            if others:
                raise ConfigError(
                    f'{where}: correction: with network {KEY_AGAIN} there is nothing else to set, found {others}'
                )
            return None
        if section.get('recipe') != 'stills':
            return stage('correction', 'cfnet_lite')
        del sections['correction']['recipe']
        return on_stills('correction')

    def stage(name: str, network: str) -> StageTraining | TripletTraining:
        section = sections.setdefault(name, {})
        published = section.get('network', network) in PUBLISHED_NETWORKS.values()
        method = section.pop('recipe', 'paper' if published else 'samples')
        if method == 'paper':
            return part(TripletTraining, name, network=network, propagation=export.propagation, **shared)
        if method == 'samples':
            return started(part(StageTraining, name, network=network, **shared))
        recipes = 'paper, samples or stills' if name == 'correction' else 'paper or samples'
        raise ConfigError(f'{where}: {name}: recipe: expected {recipes}, found {method!r}')

    out, export = general.out, part(Export, 'export')
    roles = scene_classes(load_classes(general.classes))
    light = key(LIGHT) if LIGHT in sections else None
    return Recipe(
        out,
        general,
        key(KEY),
        tuple(key(name) for name in KEY_BEFORE if name in sections),
        part(
            MotionSettings,
            'motion',
            stills=general.data,
            videos=general.videos,
            roles=roles,
            seed=general.seed,
            topic=general.topic,
            strict=general.strict,
            bit_depth=general.bit_depth,
        ),
        part(FlowTraining, 'flow', seed=general.seed),
        stage('distortion', 'dmnet_lite'),
        correction(),
        on_stills('correction_coarse') if 'correction_coarse' in sections else None,
        export,
        tuple(key(name) for name in LIGHT_BEFORE if name in sections),
        light,
        part(GateTraining, 'gate', seed=general.seed) if 'gate' in sections else None,
    )


def _fill(
    kind: type[T],
    section: Mapping[str, Any],
    where: str,
    fixed_values: Mapping[str, Any] | None = None,
    also: tuple[str, ...] = (),
) -> T:
    """Return the dataclass ``kind`` made of ``fixed_values`` and what the file says.

    Of ``fixed_values`` the file may replace ``seed``, ``network`` and ``roles``; the rest is no key of a section.
    """
    try:
        from pydantic import ConfigDict, ValidationError, create_model
    except ImportError as error:  # ROS distributions have version 1
        raise ImportError("recipes are checked by pydantic, at least version 2: pip install 'pydantic>=2'") from error
    fixed_values = fixed_values or {}
    described, hints = fields(cast(Any, kind)), get_type_hints(kind)
    fixed = fixed_values.keys() - {'seed', 'network', 'roles'}
    form: dict[str, Any] = {f.name: (hints[f.name], None) for f in described if f.name not in fixed}
    model = create_model(kind.__name__, __config__=ConfigDict(extra='forbid'), **form)
    try:
        values = model.model_validate(dict(section))
    except ValidationError as error:
        raise ConfigError('\n'.join(_complaint(where, e, [*form, *also]) for e in error.errors())) from error
    said = {name: _expanded(getattr(values, name)) for name in values.model_fields_set}
    for name, value in said.items():
        if wrong := complaint(name, value):
            raise ConfigError(f'{where}: {name}: {wrong}')
    needed = [f.name for f in described if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in {**fixed_values, **said}]
    if missing:
        raise ConfigError(f'{where}: expected a value for {", ".join(missing)}, found none')
    return kind(**{**fixed_values, **said})


def _expanded(value: Any) -> Any:
    """Return a value of a recipe with `~` in its paths replaced."""
    if isinstance(value, tuple):
        return tuple(map(_expanded, value))
    return user_path(value) if isinstance(value, Path) else value


def _complaint(where: str, error: Any, keys: list[str]) -> str:
    place = '.'.join(str(step) for step in error['loc'])
    if error['type'] == 'extra_forbidden':
        return f'{where}: {place}: no such key; known: {", ".join(keys)}'
    return f'{where}: {place}: {error["msg"][0].lower()}{error["msg"][1:]}, found {repr_short(error["input"])}'


def _read(source: str) -> tuple[str, dict[str, Any]]:
    path = SHIPPED / f'{source}.yaml'
    if not path.is_file():
        path = user_path(source)
    if not path.is_file():
        shipped = ', '.join(sorted(p.stem for p in SHIPPED.glob('*.yaml')))
        raise ConfigError(f'config: expected {shipped} or a YAML file, found {source!r}')
    return str(path), _mapping(read_yaml(path), str(path))


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f'{where}: expected keys and values, found {repr_short(value)}')
    return dict(value)
