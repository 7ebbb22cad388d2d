import cv2
import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from davss_ros.train.synthetic import CAMVID, SceneClasses, inverse_depth, synthetic_video

Image = NDArray[np.uint8]
HEIGHT, WIDTH = 90, 120
SKY, BUILDING, ROAD, CAR, PAVEMENT = 0, 1, 3, 8, 4
STILL = SceneClasses(sky=(SKY,), ground=(ROAD, PAVEMENT), movable=())  # nothing to paste


def palette() -> NDArray[np.uint8]:  # each class is dark or bright in each channel, which survives drifting light
    bits = np.array([[(c >> k) & 1 for k in range(4)] for c in range(16)])
    return (40 + 160 * bits[:, :3]).astype(np.uint8)


def street() -> tuple[Image, Image]:
    labels = np.full((HEIGHT, WIDTH), SKY, np.uint8)
    labels[25:55, :70] = BUILDING
    labels[55:] = ROAD
    labels[40:70, 80:110] = CAR  # foot at row 69
    return palette()[labels], labels


def classes_of(image: Image) -> NDArray[np.bool_]:
    return image > 120


def inside(labels: Image) -> NDArray[np.bool_]:  # beyond the reach of interpolation and blur
    square = np.ones((9, 9), np.uint8)
    return np.asarray(cv2.dilate(labels, square) == cv2.erode(labels, square))


def rng(seed: int) -> Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('roles', [STILL, CAMVID], ids=['still', 'pasted'])
def test_labels_move_with_the_pixels(seed: int, roles: SceneClasses) -> None:
    image, labels = street()
    frames = synthetic_video(image, labels, [(image, labels)], 8, rng(seed), roles)
    assert len(frames) == 8
    for pixels, ids in frames:
        assert pixels.shape == (HEIGHT, WIDTH, 3) and ids.shape == (HEIGHT, WIDTH)
        assert pixels.dtype == ids.dtype == np.uint8
        sure = inside(ids)
        assert sure.mean() > 0.3
        agree = (classes_of(pixels[sure]) == classes_of(palette()[ids[sure]])).all(-1)
        assert agree.mean() > 0.998  # a pasted piece may blend along its rim


def test_the_still_is_the_first_or_the_last_frame_and_both_happen() -> None:
    image, labels = street()
    places = set()
    for seed in range(20):
        frames = synthetic_video(image, labels, [(image, labels)], 5, rng(seed), STILL)
        place = next(p for p in (0, -1) if np.array_equal(frames[p][1], labels))
        assert abs(frames[place][0].astype(int) - image).max() < 80  # noise, and blur along edges
        assert abs(frames[place][0].astype(float) - image).mean() < 6
        assert not np.array_equal(frames[-1 - place][1], labels)
        places.add(place)
    assert places == {0, -1}


def test_seed_decides_the_video() -> None:
    image, labels = street()
    one, same, other = (synthetic_video(image, labels, [(image, labels)], 4, rng(s), CAMVID) for s in (3, 3, 4))
    assert all(np.array_equal(a, b) for x, y in zip(one, same, strict=True) for a, b in zip(x, y, strict=True))
    assert any(not np.array_equal(x[0], y[0]) for x, y in zip(one, other, strict=True))


def test_the_given_images_are_left_alone() -> None:
    image, labels = street()
    before = image.copy(), labels.copy()
    for seed in range(4):
        synthetic_video(image, labels, [(image, labels)], 4, rng(seed), CAMVID)
    assert np.array_equal(image, before[0]) and np.array_equal(labels, before[1])


def test_driving_in_enlarges_what_stands_ahead() -> None:
    image, labels = street()
    growth = []
    for seed in range(30):
        frames = synthetic_video(image, labels, [(image, labels)], 8, rng(seed), STILL)
        if not np.array_equal(frames[0][1], labels):
            frames.reverse()
        cars = [ids == CAR for _, ids in frames]
        if not any(car[:, [0, -1]].any() for car in cars):  # it stays in view
            growth.append(cars[-1].sum() / cars[0].sum())
    assert len(growth) > 10
    # at up to 0.05 of the depth a frame a thing is seen 1 / (1 - 7 * 0.05 * depth) times as large, or a few pixels off
    largest = (1 - 7 * 0.05 * plane(69)) ** -2
    assert min(growth) > 0.95 and np.mean(growth) > 1.1 and max(growth) < largest * 1.05


def test_pasted_objects_come_from_the_others() -> None:
    image, labels = street()
    empty = np.full_like(labels, ROAD)
    found = 0
    for seed in range(12):
        frames = synthetic_video(palette()[empty], empty, [(image, labels)], 3, rng(seed), CAMVID)
        ids = {int(i) for _, frame in frames for i in np.unique(frame)}
        assert ids <= {ROAD, CAR}  # the car alone is movable
        found += CAR in ids
    assert found > 3


def test_others_without_movable_objects_are_no_trouble() -> None:
    empty = np.full((HEIGHT, WIDTH), ROAD, np.uint8)
    for seed in range(5):
        frames = synthetic_video(palette()[empty], empty, [(palette()[empty], empty)], 3, rng(seed), CAMVID)
        assert all((ids == ROAD).all() for _, ids in frames)


def plane(row: int) -> float:  # horizon 0.45 of the height
    return max(0.0, (row - 0.45 * HEIGHT) / (HEIGHT - 0.45 * HEIGHT))


def test_inverse_depth_of_the_ground_is_linear_below_the_horizon() -> None:
    near = inverse_depth(np.full((HEIGHT, WIDTH), ROAD, np.uint8), STILL)
    assert near.shape == (HEIGHT, WIDTH) and near.dtype == np.float32
    for row in range(HEIGHT):
        assert near[row] == pytest.approx(plane(row), abs=0.021)
    assert near[-1] == pytest.approx(1, abs=0.021)


def test_inverse_depth_of_a_thing_is_that_of_its_foot() -> None:
    near = inverse_depth(street()[1], STILL)
    assert near[40:70, 80:110] == pytest.approx(plane(69), abs=0.021)  # car
    assert near[25:55, :70] == pytest.approx(plane(54), abs=0.021)  # building
    assert not near[:25].any() and not near[:40, 70:].any()  # sky
    assert near[80, 95] == pytest.approx(plane(80), abs=0.021)  # road below the car


def test_inverse_depth_of_a_thing_cut_by_the_images_foot_is_nearest() -> None:
    labels = np.full((HEIGHT, WIDTH), ROAD, np.uint8)
    labels[30:, 50:60] = CAR
    near = inverse_depth(labels, STILL)
    assert near[30:, 50:60] == pytest.approx(1, abs=0.021)
    assert near[60, 20] == pytest.approx(plane(60), abs=0.021)
