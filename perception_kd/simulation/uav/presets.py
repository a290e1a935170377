"""Sizes and lengths of simulated drone sequences."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UAVPreset:
    """Everything that is chosen before a sequence is drawn by its seed.

    Args:
        name: What ``--preset`` calls it.
        width, height: Size of the pictures in px.
        frames: Pictures of a sequence.
        rate: Pictures a second.
        side: Range in px from which the side of a target, the root of its box's area, is drawn (log-uniform).
        view: Range of the horizontal angle of view in degrees (log-uniform).
        rays: Rays that a target may cost in a picture; its pixels share them.
        jpeg: Range of the quality of the files.
        coding: Range of the quality of the video coding before that.
        negatives: Sequences without drones, as their numbers modulo 10.
    """

    name: str
    width: int
    height: int
    frames: int
    rate: float
    side: tuple[float, float] = (4.0, 60.0)
    view: tuple[float, float] = (12.0, 65.0)
    rays: int = 30_000
    jpeg: tuple[int, int] = (85, 96)
    coding: tuple[int, int] = (30, 90)
    negatives: tuple[int, ...] = (1, 3, 6)


PRESETS: dict[str, UAVPreset] = {
    preset.name: preset
    for preset in (
        UAVPreset('tiny', 640, 512, 16, 8.0),
        UAVPreset('small', 960, 544, 30, 15.0, rays=45_000),
        UAVPreset('full', 1280, 720, 100, 25.0, rays=60_000, jpeg=(90, 98), coding=(40, 95)),
    )
}
"""``tiny`` has many short sequences with few pictures a second, ``full`` video as cameras give it."""


def get_preset(name: str) -> UAVPreset:
    """The preset of that name.

    Raises:
        ValueError: no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f'unknown uav preset {name!r}; there are: {", ".join(PRESETS)}')
    return PRESETS[name]
