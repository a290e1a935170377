"""A private block of random numbers leaves no trace, and does not depend on what was drawn before."""

import random

import numpy as np
import torch

from perception_kd.distill.rng import private_rng


def draw() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(1))]


def seed() -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)


def test_nothing_outside_changes():
    seed()
    expected = draw()
    seed()
    with private_rng('pair', 3):
        draw()
    assert draw() == expected


def test_inside_depends_on_the_key_and_the_run_alone():
    seed()
    with private_rng('pair', 3):
        first = draw()
    draw()
    with private_rng('pair', 3):
        again = draw()
    with private_rng('pair', 4):
        other = draw()
    assert first == again and all(a != b for a, b in zip(first, other))


def test_restored_after_an_error():
    seed()
    expected = draw()
    seed()
    try:
        with private_rng('pair'):
            draw()
            raise RuntimeError
    except RuntimeError:
        pass
    assert draw() == expected
