# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from davss_ros.datasets.drives import halves, split_drive
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError

STILLS = [LabelledImage(Path(f'{name}.png'), Path()) for name in ('0001TP_1', '0006R0_1', '0006R0_2', '0016E5_1')]


def test_a_drive_is_split_off_by_name() -> None:
    inside, outside = split_drive(STILLS, '0006R0')
    assert [still.name for still in inside] == ['0006R0_1', '0006R0_2']
    assert [still.name for still in outside] == ['0001TP_1', '0016E5_1']


@pytest.mark.parametrize(('drive', 'found'), [('0007', 'none'), ('00', 'every one')])
def test_what_splits_nothing_is_refused_with_the_drives_there_are(drive: str, found: str) -> None:
    with pytest.raises(DataError, match=rf'\(0001TP, 0006R0, 0016E5\), found .{drive}., {found}'):
        split_drive(STILLS, drive)


@pytest.mark.parametrize(('share', 'first'), [(0.0, 0), (0.5, 2), (0.6, 2), (1.0, 4)])
def test_two_parts_share_nothing_and_leave_nothing(share: float, first: int) -> None:
    before, after = halves(STILLS, share)
    assert len(before) == first and [*before, *after] == STILLS
