# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""CamVid in both layouts, against its colours and groups written out here."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from davss_ros.core.classes import load_classes
from davss_ros.datasets.camvid_names import frame_of, split_of
from davss_ros.datasets.check import examine
from davss_ros.datasets.dataset import open_dataset
from davss_ros.errors import DataError

Write = Callable[..., Path]

# label_colors.txt as the authors distribute it
LABEL_COLORS = """\
64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\t\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\t\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\t\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\t\tTrafficCone
0 64 64\t\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\t\tTunnel
192 192 0\tVegetationMisc
0 0 0\t\tVoid
64 192 0\tWall
"""
# colours of each of the 11 classes (MathWorks, "Semantic Segmentation Using Deep Learning", after SegNet)
GROUPED_COLORS = [
    [(128, 128, 128)],
    [(0, 128, 64), (128, 0, 0), (64, 192, 0), (64, 0, 64), (192, 0, 128)],
    [(192, 192, 128), (0, 0, 64)],
    [(128, 64, 128), (128, 0, 192), (192, 0, 64)],
    [(0, 0, 192), (64, 192, 128), (128, 128, 192)],
    [(128, 128, 0), (192, 192, 0)],
    [(192, 128, 128), (128, 128, 64), (0, 64, 64)],
    [(64, 64, 128)],
    [(64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)],
    [(64, 64, 0), (192, 128, 64), (64, 0, 192), (64, 128, 64)],
    [(0, 128, 192), (192, 0, 192)],
]
ALL = [tuple(int(v) for v in line.split()[:3]) for line in LABEL_COLORS.splitlines()]
VOID_ROW = 30
ALL_SPLITS = 'train,val,test'
SKY, ROAD, TREE = ALL[21], ALL[17], ALL[26]


@pytest.fixture
def camvid(tmp_path: Path, write: Write) -> Path:
    """Stills as distributed, and the frames 0016E5_07955 to 07965 of the video."""
    stills = ('0001TP_006690', '0001TP_008550', '0006R0_f00930', '0016E5_07959', '0016E5_07961', 'Seq05VD_f00000')
    for name in stills:
        write(tmp_path / '701_StillsRaw_full' / f'{name}.png', (9, 9, 9))
        write(tmp_path / 'LabeledApproved_full' / f'{name}_L.png', SKY)
    for number in range(7955, 7966):
        write(tmp_path / 'seq16E5' / f'0016E5_{number:05}.png', (7, 7, number - 7900))
    (tmp_path / 'label_colors.txt').write_text(LABEL_COLORS)
    return tmp_path


def test_every_color_becomes_its_group(tmp_path: Path, write: Write) -> None:
    image = np.array([ALL], np.uint8)
    write(tmp_path / 'images' / '0006R0_f00930.png', image)
    write(tmp_path / 'labels' / '0006R0_f00930_L.png', image)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == 'camvid' and dataset.classes == load_classes('camvid11')
    by_color = {color: number for number, colors in enumerate(GROUPED_COLORS) for color in colors}
    assert dataset.stills[0].labels(11).tolist() == [[by_color.get(color, 255) for color in ALL]]
    assert dataset.problems == ()


def test_every_color_becomes_its_line_without_void(tmp_path: Path, write: Write) -> None:
    image = np.array([ALL], np.uint8)
    write(tmp_path / 'images' / '0006R0_f00930.png', image)
    write(tmp_path / 'labels' / '0006R0_f00930_L.png', image)
    dataset = open_dataset(tmp_path, 'camvid32')
    names = [line.split()[3] for line in LABEL_COLORS.splitlines()]
    assert [semantic_class.name for semantic_class in dataset.classes] == names[:VOID_ROW] + names[VOID_ROW + 1 :]
    assert dataset.stills[0].labels(31).tolist() == [[*range(VOID_ROW), 255, VOID_ROW]]


def test_classes_in_another_order_keep_their_names(tmp_path: Path, write: Write) -> None:
    write(tmp_path / 'images' / '0006R0_f00930.png', ROAD)
    write(tmp_path / 'labels' / '0006R0_f00930_L.png', ROAD)
    dataset = open_dataset(tmp_path, load_classes('camvid11')[::-1])
    assert np.unique(dataset.stills[0].labels(11)).tolist() == [10 - 3]


def test_a_left_camera_in_a_plain_folder_is_not_camvid(tmp_path: Path, write: Write) -> None:
    for kind in ('images', 'labels'):
        write(tmp_path / kind / 'cam_000_L.png', 3)
    assert open_dataset(tmp_path).layout == 'folder'
    (tmp_path / 'images' / 'cam_000_L.png').rename(tmp_path / 'images' / 'cam_000.png')
    assert open_dataset(tmp_path).layout == 'camvid'


def test_authors_layout(camvid: Path) -> None:
    dataset = open_dataset(camvid, split=ALL_SPLITS)
    assert dataset.problems == ()
    assert [still.name for still in dataset.stills] == [
        *('0001TP_006690', '0001TP_008550', '0006R0_f00930', '0016E5_07959', '0016E5_07961', 'Seq05VD_f00000')
    ]
    assert {still.image_path.parent.name for still in dataset.stills} == {'701_StillsRaw_full'}
    (sequence,) = dataset.sequences
    assert (sequence.name, sequence.rate, sequence.count, sequence.labelled) == ('0016E5_7955', 30.0, 11, (4, 6))
    assert [int(frame.image[0, 0, 2]) for frame in sequence] == list(range(55, 66))
    assert sequence.frames[4].labelled is not None
    assert (sequence.frames[4].labelled.labels(11) == 0).all()
    assert examine(dataset).problems == ()


def test_the_15_hz_part_of_the_stills_is_a_sequence(camvid: Path) -> None:
    for path in (camvid / 'seq16E5').iterdir():
        path.unlink()
    (sequence,) = open_dataset(camvid, split=ALL_SPLITS).sequences
    assert (sequence.rate, sequence.count, sequence.labelled) == (15.0, 2, (0, 1))


def test_of_two_copies_that_in_the_fuller_folder_is_taken(camvid: Path, write: Write) -> None:
    (camvid / 'seq16E5').rename(camvid / 'frames')
    for name in ('0016E5_07959', '0016E5_07960', '0006R0_f00930'):
        write(camvid / 'images' / f'{name}.png', (250, 250, 250))
    (sequence,) = open_dataset(camvid, split='val').sequences
    assert {frame.image_path.parent.name for frame in sequence.frames} == {'frames'}


def test_folders_may_be_links(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp('linked')
    for folder in camvid.iterdir():
        (elsewhere / folder.name).symlink_to(folder)
    copy, original = (open_dataset(folder, split=ALL_SPLITS) for folder in (elsewhere, camvid))
    assert [still.name for still in copy.stills] == [still.name for still in original.stills]
    assert len(copy.sequences) == len(original.sequences) == 1


@pytest.mark.parametrize(
    ('split', 'names'),
    [
        ('train', {'0001TP_006690', '0006R0_f00930'}),
        ('val', {'0016E5_07959', '0016E5_07961'}),
        ('test', {'0001TP_008550', 'Seq05VD_f00000'}),
        ('train,val', {'0001TP_006690', '0006R0_f00930', '0016E5_07959', '0016E5_07961'}),
    ],
)
def test_usual_split(camvid: Path, split: str, names: set[str]) -> None:
    dataset = open_dataset(camvid, split=split)
    assert {still.name for still in dataset.stills} == names
    assert len(dataset.sequences) == ('val' in split)
    with pytest.raises(DataError, match=r'split: expected train, val, test .*, found dev'):
        open_dataset(camvid, split='dev')
    with pytest.raises(DataError, match=r'split: expected train, val, test .*, found none'):
        open_dataset(camvid)


def test_split_sizes_are_the_usual_ones() -> None:
    """The numbers of the 701 labelled frames, as the authors' folder lists them."""
    names = [f'0001TP_{n:06}' for n in range(6690, 10381, 30)]
    names += [f'0006R0_f{n:05}' for n in range(930, 3931, 30)]
    names += [f'Seq05VD_f{n:05}' for n in range(0, 5101, 30)]
    names += [f'0016E5_{n:05}' for n in range(7959, 8160, 2)]
    frames = [frame for name in names if (frame := frame_of(name))]
    assert len(names) == len(frames) == 701 - 204
    splits = [split_of(frame) for frame in frames]
    assert [splits.count(split) for split in ('train', 'val', 'test')] == [367 - 204, 101, 233]


def test_names_of_the_shared_frames_are_of_their_split(camvid_video: Path) -> None:
    for folder, split in ((camvid_video, 'val'), (camvid_video.parent / 'train', 'train')):
        frames = [frame_of(path.stem) for path in (folder / 'images').iterdir()]
        assert {split_of(frame) for frame in frames if frame} == {split} and None not in frames


def test_problems_of_the_names_are_all_named(camvid: Path, write: Write) -> None:
    for number in (7957, 7962, 7963):
        (camvid / 'seq16E5' / f'0016E5_{number:05}.png').unlink()
    write(camvid / 'LabeledApproved_full' / '0006R0_f00990_L.png', SKY)
    (camvid / 'LabeledApproved_full' / 'Seq05VD_f00000_L.png').unlink()
    (camvid / 'label_colors.txt').write_text(LABEL_COLORS.replace('128 64 128\tRoad', '128 64 127\tRoad'))
    problems = open_dataset(camvid, split=ALL_SPLITS).problems
    assert {Path(line.split(': ')[0]).relative_to(camvid).as_posix() for line in problems} == {
        'seq16E5/0016E5_07957.png',
        'seq16E5/0016E5_07962.png',
        'seq16E5/0016E5_07963.png',
        'LabeledApproved_full/0006R0_f00990_L.png',
        '701_StillsRaw_full/Seq05VD_f00000.png',
        'label_colors.txt',
    }
    assert len(problems) == 6


def test_unknown_color_names_its_file(camvid: Path, write: Write) -> None:
    write(camvid / 'LabeledApproved_full' / '0006R0_f00930_L.png', (128, 64, 127))
    (problem,) = examine(open_dataset(camvid, split=ALL_SPLITS)).problems
    assert problem.endswith(
        '0006R0_f00930_L.png: expected the colours of label_colors.txt, found (128, 64, 127) in 384 px, '
        'first at x=0 y=0'
    )


def test_classes_that_camvid_does_not_have(camvid: Path) -> None:
    with pytest.raises(DataError, match=r'can be mapped to camvid11 or camvid32, not to road, sidewalk'):
        open_dataset(camvid, 'cityscapes19', split='val')


@pytest.fixture
def segnet(tmp_path: Path, write: Write) -> Path:
    for split, start, value in (('train', 8010, 0), ('val', 7959, 3), ('test', 9000, 11)):
        for number in range(start, start + 6, 2):
            write(tmp_path / split / f'0016E5_{number:05}.png', (9, 9, 9))
            write(tmp_path / f'{split}annot' / f'0016E5_{number:05}.png', value)
    return tmp_path


@pytest.mark.parametrize(('split', 'ids'), [('train', {0}), ('val', {3}), ('test', {255}), ('train, val', {0, 3})])
def test_segnet_copy(segnet: Path, split: str, ids: set[int]) -> None:
    dataset = open_dataset(segnet, split=split)
    assert (dataset.layout, dataset.problems) == ('camvid_segnet', ())
    assert {int(v) for still in dataset.stills for v in np.unique(still.labels(11))} == ids
    assert [(sequence.rate, sequence.count) for sequence in dataset.sequences] == [(15.0, 3)] * (1 + (',' in split))


def test_segnet_copy_needs_a_split_that_is_there(segnet: Path, write: Write) -> None:
    for split in ('', 'dev'):
        with pytest.raises(
            DataError, match=rf'split: expected train, val, test .several as train,val., found {split or "none"}'
        ):
            open_dataset(segnet, split=split)
    write(segnet / 'valannot' / '0016E5_07961.png', 12)
    (problem,) = examine(open_dataset(segnet, split='val')).problems
    assert problem.endswith('valannot/0016E5_07961.png: expected ids 0..11, found [12]')
