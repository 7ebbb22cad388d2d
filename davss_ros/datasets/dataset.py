# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""One interface to labelled data, whatever its layout: images with labels, and sequences of frames around them.

``camvid``
    CamVid as its authors distribute it: RGB labels ``*_L.png`` (``LabeledApproved_full``) beside the stills and the
    frames of the videos, in any folders.
``camvid_segnet``
    The copy of the SegNet tutorial: ``train``, ``trainannot``, ``val`` and so on.
``cityscapes``
    ``leftImg8bit_sequence`` or ``leftImg8bit``, and ``gtFine``.
``folder``
    ``images`` and ``labels``, class ids: consecutive frames.
``stills``
    The same, the images being unrelated: there are no sequences. No folder tells, so this has to be asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.datasets.camvid import is_camvid, is_segnet_copy, list_camvid, list_segnet_copy
from davss_ros.datasets.cityscapes import is_cityscapes, list_cityscapes
from davss_ros.datasets.coding import ClassIds
from davss_ros.datasets.folder import is_folder, list_folder, list_stills
from davss_ros.datasets.listing import Listing, Request
from davss_ros.datasets.sequence import SequenceFrame, VideoSequence
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError
from davss_ros.images.bit_depth import AUTO, BitDepth
from davss_ros.images.files import common_depth
from davss_ros.yaml_file import user_path


@dataclass(frozen=True)
class Layout:
    """One way to lay out files."""

    fits: Callable[[Path], bool]
    list_files: Callable[[Request], Listing]
    classes: str  # the usual list
    expected: str  # for messages


PLAIN_IDS = ClassIds()  # the ids of the classes themselves
LAYOUTS = {  # in the order in which they are tried
    'cityscapes': Layout(is_cityscapes, list_cityscapes, 'cityscapes19', 'leftImg8bit_sequence/ or leftImg8bit/'),
    'camvid_segnet': Layout(is_segnet_copy, list_segnet_copy, 'camvid11', 'train/ and trainannot/ (val, test)'),
    'camvid': Layout(is_camvid, list_camvid, 'camvid11', 'labels *_L.png in LabeledApproved_full/ or any folder'),
    'folder': Layout(is_folder, list_folder, 'camvid11', 'images/ and labels/'),
    'stills': Layout(lambda path: False, list_stills, 'camvid11', 'images/ and labels/ of unrelated images'),
}


@dataclass(frozen=True)
class Dataset:
    """What lies at one place; files are read when asked for.

    Nothing is checked beyond the names: `davss_ros.datasets.usable.usable` says all that is wrong, and is to be
    called before anything long starts.
    """

    path: Path
    layout: str  # a key of `LAYOUTS`
    classes: tuple[SemanticClass, ...]
    stills: tuple[LabelledImage, ...]  # every labelled image once, sorted by name
    sequences: tuple[VideoSequence, ...]  # of two frames and more
    problems: tuple[str, ...]  # what the file names alone show to be wrong; each names its file


def open_dataset(
    path: Path | str,
    classes: str | Sequence[SemanticClass] = '',
    *,
    layout: str = '',
    split: str = '',
    rate: float = 0.0,
    partly_labelled: bool = False,
    bit_depth: int | str = AUTO,
    ids: ClassIds = PLAIN_IDS,
) -> Dataset:
    """List the labelled data at ``path``.

    Args:
        path: a folder.
        classes: to which the labels are mapped: a list, or what `load_classes` takes. Empty: the usual one of the
            layout (``camvid11``, ``cityscapes19``; a folder of ids does not tell, so ``camvid11``).
        layout: a key of `LAYOUTS`; empty recognises all but ``stills``.
        split: ``train``, ``val`` or ``test``, or several as ``train,val``; where there are several, one must be named,
            so that nothing is trained on the test split by mistake. The authors' CamVid has the usual split, by name.
        rate: Hz of the images in a plain folder, which does not tell; default `davss_ros.recordings.frame.FOLDER_RATE`,
            unless they have the names of CamVid.
        partly_labelled: a plain folder need not have labels for every image.
        bit_depth: of 16-bit images, see `BitDepth`; ``auto`` goes by the first few.
        ids: how the ids in a plain folder are meant.

    Raises:
        DataError: there is nothing of the kind, or the layout cannot be mapped to these classes.
        ConfigError: no such classes, or no such bit depth.
    """
    path = user_path(path)
    if not path.is_dir():
        raise DataError(f'{path}: no such folder')
    if layout and layout not in LAYOUTS:
        raise DataError(f'layout: expected {", ".join(LAYOUTS)} or nothing, found {layout!r}')
    layout = layout or _recognise(path)
    source = classes or LAYOUTS[layout].classes
    chosen = load_classes(source) if isinstance(source, str) else tuple(source)
    splits = tuple(part.strip() for part in split.split(',')) if split else ()
    listing = LAYOUTS[layout].list_files(Request(path, chosen, splits, rate, partly_labelled, ids))
    if not (listing.stills or listing.sequences or listing.problems):
        raise DataError(f'{path}: expected {LAYOUTS[layout].expected}, found no images')
    depth = BitDepth(bit_depth, str(path))
    listing = _with_depth(listing, depth)
    return Dataset(path, layout, chosen, listing.stills, listing.sequences, listing.problems)


def _with_depth(listing: Listing, depth: BitDepth) -> Listing:
    """Return ``listing`` with one bit depth for all its images."""
    paths = [frame.image_path for sequence in listing.sequences for frame in sequence.frames]
    common_depth([*paths, *(still.image_path for still in listing.stills)], depth)

    def frame(plain: SequenceFrame) -> SequenceFrame:
        return replace(plain, depth=depth, labelled=plain.labelled and replace(plain.labelled, depth=depth))

    sequences = (replace(sequence, frames=tuple(map(frame, sequence.frames))) for sequence in listing.sequences)
    return replace(
        listing, stills=tuple(replace(still, depth=depth) for still in listing.stills), sequences=tuple(sequences)
    )


def _recognise(path: Path) -> str:
    for name, layout in LAYOUTS.items():
        if layout.fits(path):
            return name
    layouts = '; '.join(f'{name}: {layout.expected}' for name, layout in LAYOUTS.items())
    found = ', '.join(sorted(p.name for p in path.iterdir())[:12]) or 'nothing'
    raise DataError(f'{path}: expected one of these layouts: {layouts}; found {found}')
