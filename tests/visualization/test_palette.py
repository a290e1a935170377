"""The safe palette stays apart for colour-blind eyes, and better than nuScenes' own."""

import itertools

import cv2
import numpy as np
import pytest

from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.palette import NUSCENES, PALETTES, SAFE, halo_of

# Full protanopia, deuteranopia, tritanopia in linear RGB: Machado, Oliveira, Fernandes, 2009, table 1.
BLINDNESS = {
    'none': np.eye(3),
    'protan': [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    'deutan': [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    'tritan': [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def smallest_distance(colours, matrix):
    """Smallest CIE 1976 distance between any two colours as seen by that eye."""
    rgb = np.array(colours)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ np.transpose(matrix)
    linear = linear.clip(0, 1)
    seen = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    lab = cv2.cvtColor(seen[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2))


@pytest.mark.parametrize('eye', BLINDNESS)
def test_safe_colours_stay_apart(eye):
    classes = [SAFE.of(name) for name in NUSCENES_CLASSES]
    assert smallest_distance(classes, BLINDNESS[eye]) > 24
    assert smallest_distance([SAFE.match, SAFE.miss, SAFE.false_alarm], BLINDNESS[eye]) > 38
    assert smallest_distance([NUSCENES.of(name) for name in NUSCENES_CLASSES], BLINDNESS[eye]) < 12


def test_every_class_has_its_colour():
    for palette in PALETTES.values():
        assert set(palette.classes) == set(NUSCENES_CLASSES)
    assert SAFE.of('unheard of') not in SAFE.classes.values()


def test_halo_contrasts():
    assert halo_of((0, 0, 0.9)) == (1, 1, 1) and halo_of((1, 0.9, 0.2)) == (0, 0, 0)
