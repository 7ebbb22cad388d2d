# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""CamVid (Brostow, Fauqueur, Cipolla, 2009) in two layouts: as its authors distribute it, and the SegNet tutorial's."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from davss_ros.core.classes import VOID, load_classes
from davss_ros.datasets.camvid_names import NUMBER_RATE, frame_of, split_of
from davss_ros.datasets.coding import Color, Colors, OtherIds
from davss_ros.datasets.folder import is_folder, list_pairs
from davss_ros.datasets.listing import SPLITS, Listing, Request, chosen_splits, class_ids, numbered_listing
from davss_ros.datasets.sequence import FrameId
from davss_ros.datasets.stills import files_by_stem
from davss_ros.images.files import IMAGE_SUFFIXES

_VOID = 'Void'
_LABEL_END = '_L'
_COLORS_FILE = 'label_colors.txt'
# The 11 classes and the names of label_colors.txt in each, as the MathWorks example has them after SegNet
# (Badrinarayanan et al., PAMI 2017). The SegNet tutorial's own labels agree where they can be told: the low wall beside
# the pavement of 0016E5_07959 is Building there, the traffic light of 0016E5_08057 SignSymbol.
GROUPS = {
    'Sky': ('Sky',),
    'Building': ('Building', 'Archway', 'Bridge', 'Tunnel', 'Wall'),
    'Pole': ('Column_Pole', 'TrafficCone'),
    'Road': ('Road', 'LaneMkgsDriv', 'LaneMkgsNonDriv'),
    'Pavement': ('Sidewalk', 'ParkingBlock', 'RoadShoulder'),
    'Tree': ('Tree', 'VegetationMisc'),
    'SignSymbol': ('SignSymbol', 'Misc_Text', 'TrafficLight'),
    'Fence': ('Fence',),
    'Car': ('Car', 'SUVPickupTruck', 'Truck_Bus', 'Train', 'OtherMoving'),
    'Pedestrian': ('Pedestrian', 'Child', 'CartLuggagePram', 'Animal'),
    'Bicyclist': ('Bicyclist', 'MotorcycleScooter'),
}


def is_camvid(path: Path) -> bool:
    """Tell whether ``path`` or a folder up to two levels below holds labels like ``0006R0_f00930_L.png``."""
    patterns = (f'{above}*{_LABEL_END}.png' for above in ('', '*/', '*/*/'))
    found = [label for pattern in patterns for label in path.glob(pattern) if _frame_of_label(label)]
    if is_folder(path):  # of somebody who calls the left camera so, too
        names = {image.stem for image in (path / 'images').iterdir()}
        found = [label for label in found if label.stem not in names]
    return bool(found)


def list_camvid(request: Request) -> Listing:
    """List the authors' layout: ``LabeledApproved_full``, ``701_StillsRaw_full``, and frames of the videos."""
    labels, images = _find(request.path)
    splits = chosen_splits(request, {split_of(frame) for frame in labels or (named for named, _ in images)})
    labels = {frame: path for frame, path in labels.items() if split_of(frame) in splits}
    images = [(frame, path) for frame, path in images if split_of(frame) in splits]
    in_folder = Counter((path.parent, frame.drive) for frame, path in images)
    frames: dict[FrameId, Path] = {}
    stills: dict[FrameId, Path] = {}
    # of a frame that lies in several folders, the fullest folder's, which comes last, is kept
    for frame, path in sorted(images, key=lambda image: in_folder[image[1].parent, image[0].drive]):
        (stills if 'still' in path.parent.name.lower() else frames)[frame] = path
    colors = label_colors()
    problems = _check_colors(request.path, colors)
    coding = Colors(
        {colors[name]: number for name, number in _class_ids(request).items()}, f'the colours of {_COLORS_FILE}'
    )
    listing = numbered_listing(frames, stills, labels, coding, number_rate=NUMBER_RATE, problems=problems)
    moving = {frame.image_path for sequence in listing.sequences for frame in sequence.frames}
    useless = [
        f'{path}: no labels of that name'
        for frame, path in sorted({**frames, **stills}.items())
        if frame not in labels and (frame in stills or path not in moving)
    ]
    return replace(listing, problems=(*listing.problems, *useless))


def is_segnet_copy(path: Path) -> bool:
    """Tell whether ``path`` holds ``train`` and ``trainannot``, or the same of another split."""
    return any(_has_split(path, split) for split in SPLITS)


def list_segnet_copy(request: Request) -> Listing:
    """List the SegNet tutorial's layout: ids 0 to 10, 11 for void."""
    images, labels = {}, {}
    for split in chosen_splits(request, [split for split in SPLITS if _has_split(request.path, split)]):
        images.update(files_by_stem(request.path / split, IMAGE_SUFFIXES))
        labels.update(files_by_stem(request.path / f'{split}annot', ('.png',)))
    ids = class_ids(request, {group: group for group in GROUPS}, 'camvid11')
    table = {place: ids[group] for place, group in enumerate(GROUPS)}
    coding = OtherIds({**table, len(GROUPS): VOID}, f'ids 0..{len(GROUPS)}')
    return list_pairs(images, labels, coding, request)


def label_colors() -> dict[str, Color]:
    """Return the names of ``label_colors.txt`` and their colours, RGB; ``Void`` is among them."""
    return {
        **{c.name: c.color for c in load_classes('camvid32')},
        _VOID: (0, 0, 0),
    }


def _class_ids(request: Request) -> dict[str, int]:
    """Return the class id of every name of ``label_colors.txt``."""
    groups = {name: group for group, names in GROUPS.items() for name in names}
    if {c.name for c in request.classes} != GROUPS.keys():
        groups = {name: name for name in groups}
    return class_ids(request, {**groups, _VOID: ''}, 'camvid11 or camvid32')


def _has_split(path: Path, split: str) -> bool:
    return (path / split).is_dir() and (path / f'{split}annot').is_dir()


def _find(path: Path) -> tuple[dict[FrameId, Path], list[tuple[FrameId, Path]]]:
    """Return labels and images in ``path`` and up to two levels below."""
    labels: dict[FrameId, Path] = {}
    images: list[tuple[FrameId, Path]] = []
    for pattern in ('*', '*/*', '*/*/*'):
        for found in sorted(path.glob(pattern)):
            if found.suffix.lower() in IMAGE_SUFFIXES and not found.name.startswith('.'):
                if label := _frame_of_label(found):
                    labels[label] = found
                elif image := frame_of(found.stem):
                    images.append((image, found))
    return labels, images


def _frame_of_label(path: Path) -> FrameId | None:
    name = path.stem.removesuffix(_LABEL_END)
    return frame_of(name) if name != path.stem else None


def _check_colors(path: Path, colors: dict[str, Color]) -> list[str]:
    """Return where a ``label_colors.txt`` in ``path`` differs from the usual one."""
    file = path / _COLORS_FILE
    if not file.is_file():
        return []
    problems = []
    for number, line in enumerate(file.read_text(errors='replace').splitlines(), 1):
        *rgb, name = line.split() or ['']
        if name and [str(value) for value in colors.get(name, ())] != rgb:
            expected = f'expected {colors[name]}' if name in colors else 'no class of CamVid'
            problems.append(f'{file}: line {number}: {line.strip()!r}: {expected}')
    return problems
