# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from davss_ros.datasets.stills import LabelledImage
from davss_ros.train.recipe import load_recipe
from davss_ros.train.run import Run


def test_beside_a_drive_that_is_left_out_no_part_sees_the_rest_of_the_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'recipe.yaml').write_text('gate: {share: 0.5}')
    recipe = load_recipe(str(tmp_path / 'recipe.yaml'), data=tmp_path, out=tmp_path)
    data: Any = SimpleNamespace(stills=())
    run = Run(recipe, torch.device('cpu'), data, None, (LabelledImage(tmp_path, tmp_path),))
    monkeypatch.setattr(Run, '_samples', lambda self, name, stills, motion: motion)
    assert [one.samples().share for one in (run, replace(run, left_out=()))] == [0.5, 1.0]  # type: ignore[attr-defined]  # what it is made of
