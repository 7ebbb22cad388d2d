"""Folders of labelled images: ``images/<name>.jpg|png`` beside ``labels/<name>.png``."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import DataError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp')


@dataclass(frozen=True)
class LabelledImage:
    """One image and its labels, read when asked for."""

    image_path: Path
    label_path: Path

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.image_path.stem

    def image(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB."""
        return read_image(self.image_path)

    def labels(self, classes: int, void: int = 255) -> NDArray[np.uint8]:
        """Return (H, W) uint8 class ids, ``void`` where there is none.

        Raises:
            DataError: the file is unreadable, no single-channel image, or holds an id that is neither a class nor void.
        """
        labels = cv2.imread(str(self.label_path), cv2.IMREAD_UNCHANGED)
        if labels is None:
            raise DataError(f'{self.label_path}: cannot be read as an image')
        if labels.ndim != 2 or labels.dtype != np.uint8:
            raise DataError(f'{self.label_path}: expected one uint8 channel, found {labels.dtype} {labels.shape}')
        wrong = np.unique(labels[(labels >= classes) & (labels != void)])
        if wrong.size:
            raise DataError(
                f'{self.label_path}: expected ids 0..{classes - 1} or {void} (void), found {wrong[:8].tolist()}'
            )
        return labels.astype(np.uint8, copy=False)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return the image at ``path`` as (H, W, 3) uint8 RGB; `DataError` if it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f'{path}: cannot be read as an image')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def labelled_images(folder: Path) -> list[LabelledImage]:
    """Return the pairs of ``folder``, sorted by name.

    Raises:
        DataError: a folder is missing or empty, or files have no partner; every one is named.
    """
    images = _by_stem(folder / 'images', IMAGE_SUFFIXES)
    labels = _by_stem(folder / 'labels', ('.png',))
    missing = [f'{images[name]}: no labels/{name}.png' for name in sorted(images.keys() - labels.keys())]
    missing += [f'{labels[name]}: no image of that name in images/' for name in sorted(labels.keys() - images.keys())]
    if missing:
        raise DataError('\n'.join(missing))
    return [LabelledImage(images[name], labels[name]) for name in sorted(images)]


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f'{folder}: expected a folder of {" ".join(suffixes)} files, found none')
    files = {path.stem: path for path in folder.iterdir() if path.suffix.lower() in suffixes}
    if not files:
        raise DataError(f'{folder}: expected {" ".join(suffixes)} files, found none')
    return files
