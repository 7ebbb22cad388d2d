# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.evaluate.provenance import provenance


def test_networks_and_settings_are_those_in_use() -> None:
    for precision, views, key in (('float32', 0, 'DeepLabFine'), ('bfloat16', 2, 'Mirrored(DeepLabFine)')):
        config = SegmenterConfig(device='cpu', precision=precision, key_views=views)
        model = load_model(config)
        record = provenance(model, config, ['clip', '--out', 'a b'])
        assert record['networks'] == {
            'key': key,
            'flow': 'DisFlow',
            'distortion': 'DMNetAny',
            'correction': 'KeyAgain(DeepLabLite)',
            'gate': 'Judge(DMNetAny, GateAny)',
        }
        assert record['precision'] == precision
        assert record['settings']['correction_share'] == model.correction_share == 0.125
        assert record['settings']['propagation'] == 'composed'
        assert record['command'] == "python -m davss_ros evaluate clip --out 'a b'"
