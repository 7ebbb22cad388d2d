# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The pages that are made from the code say what the code says now."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parent.parent / 'docs'


@pytest.fixture(scope='module')
def make() -> Any:
    spec = importlib.util.spec_from_file_location('make_docs', DOCS / 'make.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('page', ['parameters.md', 'topics.md'])
def test_the_tables_are_as_the_code_makes_them(make: Any, page: str) -> None:
    text = (DOCS / page).read_text()
    assert text == make.filled(text, make.tables()[page]), 'run: python docs/make.py'


def test_a_page_without_its_marker_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match='expected a line'):
        make.filled('# Topics', {'inputs': '| topic |'})
