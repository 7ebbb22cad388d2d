# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks in a folder of Hugging Face transformers: from this machine, by safetensors, without code of their own."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from davss_ros.errors import WeightsError
from davss_ros.networks.foreign.settings import Facts

QUERY_MODELS = ('mask2former', 'maskformer', 'eomt', 'eomt_dinov3')  # give queries, see `Description.output_kind`
CONFIG, PREPROCESSOR = 'config.json', 'preprocessor_config.json'


def read_huggingface(folder: Path) -> tuple[nn.Module, list[Facts]]:
    """Return the network and what its folder says.

    Raises:
        WeightsError: the folder lacks a file, holds pickled weights alone, wants code of its own to run, or is no
            network for segmentation.
    """
    config = _json(folder / CONFIG)
    _refuse_code(folder, config)
    _refuse_pickles(folder)
    module: Any = _load(folder, config)
    names = module.config.id2label  # which config.json leaves out where they are transformers' defaults
    facts = [_config_facts({'id2label': dict(names), **config})]
    if (folder / PREPROCESSOR).is_file():
        facts.append(_preprocessor_facts(_json(folder / PREPROCESSOR)))
    return module, facts


def _config_facts(config: Mapping[str, Any]) -> Facts:
    queries = config.get('model_type') in QUERY_MODELS
    values: dict[str, Any] = {
        'input': 'pixel_values',
        'layout': 'nchw',
        'channels': 'rgb',
        'output': 'class_queries_logits,masks_queries_logits' if queries else 'logits',
        'output_kind': 'queries' if queries else 'scores',
        'output_layout': 'nchw',
    }
    if config.get('id2label'):
        values['classes'] = config['id2label']
    return Facts(CONFIG, values)


NEVER_NORMALISED = 'MobileViT'  # of the processors of transformers


def _preprocessor_facts(config: Mapping[str, Any]) -> Facts:
    values: dict[str, Any] = {'scale': config.get('rescale_factor', 1 / 255) if config.get('do_rescale', True) else 1.0}
    kind = str(config.get('image_processor_type') or config.get('feature_extractor_type') or '')
    if not config.get('do_normalize', not kind.startswith(NEVER_NORMALISED)):
        values |= {'mean': 0.0, 'std': 1.0}
    else:  # what is not said is the processor's own, and asked for
        said = {'mean': config.get('image_mean'), 'std': config.get('image_std')}
        values |= {name: value for name, value in said.items() if value is not None}
    if config.get('do_flip_channel_order'):
        values['channels'] = 'bgr'
    if config.get('do_reduce_labels', config.get('reduce_labels')):
        values |= {'label_offset': 1, 'unlabelled': 0}
    return Facts(PREPROCESSOR, values)


def preprocessor_size(folder: Path) -> str:
    """Return the size that the folder's pictures are brought to, as ``WIDTHxHEIGHT``; empty if it says none."""
    path = folder / PREPROCESSOR
    size = _json(path).get('size') if path.is_file() else None
    if isinstance(size, int):
        return f'{size}x{size}'
    if isinstance(size, dict) and {'height', 'width'} <= size.keys():
        return f'{size["width"]}x{size["height"]}'
    return ''


def _refuse_code(folder: Path, config: Mapping[str, Any]) -> None:
    if 'auto_map' in config:
        raise WeightsError(
            f'{folder / CONFIG}: wants to run code of its own (auto_map), which is never done; '
            'export the network to ONNX and give key: onnx:FILE'
        )


def _refuse_pickles(folder: Path) -> None:
    if not list(folder.glob('*.safetensors')):
        pickled = sorted(path.name for suffix in ('bin', 'pt', 'pth', 'ckpt') for path in folder.glob(f'*.{suffix}'))
        found = f'found pickled {", ".join(pickled)}, which may hold code' if pickled else 'found none'
        raise WeightsError(
            f'{folder}: expected weights as safetensors, {found}; '
            'save them with `model.save_pretrained(FOLDER, safe_serialization=True)`'
        )


def _load(folder: Path, config: Mapping[str, Any]) -> nn.Module:
    try:
        with _offline():
            import transformers
    except ImportError as error:
        raise WeightsError(f"{folder}: `transformers` is not installed; pip install 'davss_ros[hf]'") from error
    queries = config.get('model_type') in QUERY_MODELS
    kind: Any = (
        transformers.AutoModelForUniversalSegmentation if queries else transformers.AutoModelForSemanticSegmentation
    )
    try:
        with _offline():
            module, report = kind.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
                attn_implementation='eager',  # which every engine can convert
            )
    except Exception as error:  # transformers raises what it likes: OSError, ValueError, KeyError, RuntimeError
        reason = ' '.join(str(error).split())
        raise WeightsError(f'{folder}: cannot be loaded for segmentation by transformers: {reason[:240]}') from error
    missing = sorted(name for name in report['missing_keys'])
    if missing:
        raise WeightsError(
            f'{folder}: weights are missing: {", ".join(missing[:3])}'
            f'{f" and {len(missing) - 3} more" if len(missing) > 3 else ""}; random ones would take their place'
        )
    network: nn.Module = module.float().eval()
    return network


@contextmanager
def _offline() -> Iterator[None]:
    """Keep transformers from asking the network and from chatting; its own settings are put back afterwards."""
    before = os.environ.get('HF_HUB_OFFLINE')
    os.environ['HF_HUB_OFFLINE'] = '1'
    try:
        from transformers.utils import logging

        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()
    finally:
        if before is None:
            del os.environ['HF_HUB_OFFLINE']
        else:
            os.environ['HF_HUB_OFFLINE'] = before


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise WeightsError(f'{path.parent}: expected a folder of transformers, found no {path.name}') from error
    except (OSError, ValueError) as error:
        raise WeightsError(f'{path}: cannot be read as JSON: {error}') from error
    if not isinstance(content, dict):
        raise WeightsError(f'{path}: expected names with values, found {type(content).__name__}')
    return content
