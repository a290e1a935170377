"""How large simulated stereo pairs are, and how far apart their cameras."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StereoPreset:
    """Everything that is chosen before a pair is drawn by its seed.

    Args:
        name: What ``--preset`` calls it.
        width, height: Size of the pictures in px.
        disparity: Range in px from which the largest disparity of a pair is drawn.
        focal: Range of the focal length over the width of the picture.
        samples: Rays per pixel and direction at edges; the pixel is the mean of its square.
        texture_size: Side of the texture tiles in texels.
        natural: Colours, sky and foliage nearer to photographs than the plain drawing of textures gives.
        density: Factor of the number of things in a scene.
    """

    name: str
    width: int
    height: int
    disparity: tuple[float, float]
    focal: tuple[float, float] = (0.6, 1.7)
    samples: int = 2
    texture_size: int = 512
    natural: bool = True
    density: float = 1.0


PRESETS: dict[str, StereoPreset] = {
    preset.name: preset
    for preset in (
        StereoPreset('tiny', 480, 240, (14.0, 90.0), natural=False),
        StereoPreset('natural', 480, 240, (14.0, 90.0)),
        StereoPreset('small', 640, 384, (18.0, 128.0), samples=3),
        StereoPreset('full', 960, 544, (24.0, 190.0), samples=3, texture_size=1024, density=1.3),
    )
}
"""``tiny`` and ``natural`` fit matchers with 96 disparities, ``small`` and ``full`` those with 192."""


def get_preset(name: str) -> StereoPreset:
    """The preset of that name.

    Raises:
        ValueError: no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f'unknown stereo preset {name!r}; there are: {", ".join(PRESETS)}')
    return PRESETS[name]
