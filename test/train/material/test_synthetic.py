# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from davss_ros.train.material.scene import SceneClasses
from davss_ros.train.material.synthetic import SceneMotion, SyntheticVideo, synthetic_video

Image = NDArray[np.uint8]
HEIGHT, WIDTH = 90, 120
SKY, BUILDING, ROAD, CAR, PAVEMENT = 0, 1, 3, 8, 4
CAMVID = SceneClasses(sky=(0,), ground=(3, 4), movable=(2, 6, 8, 9, 10))
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
    frames = synthetic_video(image, labels, [(image, labels)], 8, rng(seed), roles).frames
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
        frames = synthetic_video(image, labels, [(image, labels)], 5, rng(seed), STILL).frames
        place = next(p for p in (0, -1) if np.array_equal(frames[p][1], labels))
        assert abs(frames[place][0].astype(int) - image).max() < 80  # noise, and blur along edges
        assert abs(frames[place][0].astype(float) - image).mean() < 6
        assert not np.array_equal(frames[-1 - place][1], labels)
        places.add(place)
    assert places == {0, -1}


def test_seed_decides_the_video() -> None:
    image, labels = street()
    first, same, other = (
        synthetic_video(image, labels, [(image, labels)], 4, rng(s), CAMVID).frames for s in (3, 3, 4)
    )
    assert all(np.array_equal(a, b) for x, y in zip(first, same, strict=True) for a, b in zip(x, y, strict=True))
    assert any(not np.array_equal(x[0], y[0]) for x, y in zip(first, other, strict=True))


def test_the_given_images_are_left_alone() -> None:
    image, labels = street()
    before = image.copy(), labels.copy()
    for seed in range(4):
        synthetic_video(image, labels, [(image, labels)], 4, rng(seed), CAMVID)
    assert np.array_equal(image, before[0]) and np.array_equal(labels, before[1])


def plane(row: int) -> float:  # horizon 0.45 of the height
    return max(0.0, (row - 0.45 * HEIGHT) / (HEIGHT - 0.45 * HEIGHT))


def test_driving_in_enlarges_what_stands_ahead() -> None:
    image, labels = street()
    growth = []
    for seed in range(30):
        frames = synthetic_video(image, labels, [(image, labels)], 8, rng(seed), STILL).frames
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
        frames = synthetic_video(palette()[empty], empty, [(image, labels)], 3, rng(seed), CAMVID).frames
        ids = {int(i) for _, frame in frames for i in np.unique(frame)}
        assert ids <= {ROAD, CAR}  # the car alone is movable
        found += CAR in ids
    assert found > 3


def test_objects_cross_at_the_pace_told() -> None:
    image, labels = street()

    def fastest(pace: float) -> float:
        calm = SceneMotion(speed=0, turn=(0, 0), pace=pace, light=0, blur=0, noise=0)
        made = (synthetic_video(image, labels, [(image, labels)], 2, rng(seed), CAMVID, calm) for seed in range(12))
        return max(float(np.abs(video.motion(1, 0).flow[..., 0]).max()) for video in made)

    assert fastest(0) < 2
    assert fastest(12) > 8


def test_others_without_movable_objects_are_no_trouble() -> None:
    empty = np.full((HEIGHT, WIDTH), ROAD, np.uint8)
    for seed in range(5):
        frames = synthetic_video(palette()[empty], empty, [(palette()[empty], empty)], 3, rng(seed), CAMVID).frames
        assert all((ids == ROAD).all() for _, ids in frames)


CLEAN = SceneMotion(light=0, blur=0, noise=0)


def textured() -> tuple[Image, Image]:
    image, labels = street()
    texture = cv2.GaussianBlur(rng(0).uniform(-120, 120, image.shape), (0, 0), 2.0) * 3
    return np.clip(image + texture, 0, 255).astype(np.uint8), labels


def carried(video: SyntheticVideo, now: int, then: int, what: int) -> Image:
    """What frame ``then`` shows, carried to ``now`` along the true flow."""
    flow = video.motion(now, then).flow
    ys, xs = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    how = (cv2.INTER_LINEAR, cv2.INTER_NEAREST)[what]
    place = xs + flow[..., 0], ys + flow[..., 1]
    return cv2.remap(video.frames[then][what], *place, how, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


@pytest.mark.parametrize('ranges', [CLEAN, replace(CLEAN, homography=0.7)], ids=['plain', 'homography'])
@pytest.mark.parametrize('seed', range(6))
def test_the_true_flow_leads_to_what_was_visible(seed: int, ranges: SceneMotion) -> None:
    image, labels = textured()
    video = synthetic_video(image, labels, [(image, labels)], 6, rng(seed), CAMVID, ranges)
    moved = 0.0
    for now, then in ((3, 2), (2, 3), (5, 0)):
        truth = video.motion(now, then)
        moved = max(moved, float(np.abs(truth.flow).max()))
        assert truth.flow.shape == (HEIGHT, WIDTH, 2) and truth.flow.dtype == np.float32
        error = np.abs(carried(video, now, then, 0).astype(float) - video.frames[now][0]).mean(-1)
        wrong = carried(video, now, then, 1) != video.frames[now][1]
        assert truth.visible.mean() > 0.3
        assert error[truth.visible].mean() < 2.5  # of interpolating twice
        assert wrong[truth.visible].mean() < 0.03  # half a pixel along the edges
        hidden = ~truth.visible
        if hidden.mean() > 0.02:
            assert error[hidden].mean() > 3 * error[truth.visible].mean()
    assert moved > 1


def test_flow_at_a_quarter_is_the_mean_in_quarter_pixels() -> None:
    image, labels = textured()
    truth = synthetic_video(image[:88], labels[:88], [(image, labels)], 3, rng(1), CAMVID).motion(1, 0)
    flow, visible = truth.quarter()
    assert flow.shape == (2, 22, 30) and visible.shape == (22, 30)
    blocks = truth.flow.reshape(22, 4, 30, 4, 2).mean((1, 3)) / 4
    assert flow == pytest.approx(blocks.transpose(2, 0, 1), abs=1e-4)
    assert np.array_equal(visible, truth.visible.reshape(22, 4, 30, 4).all((1, 3)))


def test_light_and_blur_change_as_told() -> None:
    image, labels = street()
    still = SceneMotion(speed=0, turn=(0, 0), cutouts=0, noise=0, blur=0, light=0)
    frames = synthetic_video(image, labels, [(image, labels)], 4, rng(0), STILL, still).frames
    assert all(np.array_equal(frame, image) for frame, _ in frames)
    drift = synthetic_video(image, labels, [(image, labels)], 4, rng(0), STILL, replace(still, light=0.1)).frames
    means = [frame.mean() for frame, _ in drift]
    assert means in (sorted(means), sorted(means, reverse=True)) and max(means) - min(means) > 3
    blurred = synthetic_video(image, labels, [(image, labels)], 9, rng(0), STILL, replace(still, blur=1)).frames
    sharpness = [cv2.Laplacian(frame, cv2.CV_64F).var() for frame, _ in blurred]
    assert min(sharpness) < 0.9 * max(sharpness)
