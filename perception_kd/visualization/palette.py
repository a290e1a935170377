"""Colours of classes, outcomes and measured values: as nuScenes has them, and safe for the colour-blind."""

from __future__ import annotations

from dataclasses import dataclass

from perception_kd.structures.classes import CLASS_COLOURS

Colour = tuple[float, float, float]
INK: Colour = (0.13, 0.15, 0.19)
FAINT_INK: Colour = (0.42, 0.45, 0.51)
RULE: Colour = (0.80, 0.82, 0.85)
PAPER: Colour = (1.0, 1.0, 1.0)
WHITE = PAPER


def _rgb(text: str) -> Colour:
    return tuple(int(text[i : i + 2], 16) / 255 for i in (0, 2, 4))


@dataclass(frozen=True)
class Palette:
    """A set of colours; RGB in 0..1.

    Args:
        classes: Colour of each class.
        match, miss, false_alarm: Outcomes of the comparison.
        depth, velocity, height, intensity: Names of Matplotlib's colour maps; near is bright, far is dark.
        photograph: Map for heights and intensities of points drawn on a photograph.
    """

    classes: dict[str, Colour]
    match: Colour
    miss: Colour
    false_alarm: Colour
    depth: str = 'viridis_r'
    velocity: str = 'coolwarm'
    height: str = 'Blues'
    intensity: str = 'Greys'
    photograph: str = 'plasma'

    def of(self, name: str) -> Colour:
        """Colour of a class; grey for one that the palette does not know."""
        return self.classes.get(name, FAINT_INK)


NUSCENES = Palette(
    classes={name: tuple(value / 255 for value in colour) for name, colour in CLASS_COLOURS.items()},
    match=_rgb('1a9641'),
    miss=_rgb('e08214'),
    false_alarm=_rgb('d7191c'),
)

# Ten of the colours of Okabe and Ito (2008), Tol (2021) and IBM's design language: the set whose two nearest
# colours lie farthest apart under every kind of dichromacy (CIE 1976 distance 25; nuScenes' own set: 3).
SAFE = Palette(
    classes={
        'car': _rgb('56b4e9'),
        'truck': _rgb('d55e00'),
        'trailer': _rgb('661100'),
        'bus': _rgb('ffb000'),
        'construction_vehicle': _rgb('555555'),
        'bicycle': _rgb('aa4499'),
        'motorcycle': _rgb('3a0ca3'),
        'pedestrian': _rgb('785ef0'),
        'traffic_cone': _rgb('000000'),
        'barrier': _rgb('999999'),
    },
    match=_rgb('009e73'),
    miss=_rgb('332288'),
    false_alarm=_rgb('fe6100'),
)

# Of Okabe and Ito (2008): blue, vermilion, green, purple, sky blue, orange. For lines and bars of charts.
CHART_COLOURS: tuple[Colour, ...] = ((0.0, 0.447, 0.698), (0.835, 0.369, 0.0), (0.0, 0.62, 0.451), (0.8, 0.475, 0.655),
                                     (0.337, 0.706, 0.914), (0.902, 0.624, 0.0))

PALETTES: dict[str, Palette] = {'nuscenes': NUSCENES, 'safe': SAFE}


def luminance(colour: Colour) -> float:
    """Relative luminance in 0..1 (ITU-R BT.709 weights, without gamma)."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def halo_of(colour: Colour) -> Colour:
    """Black or white, whichever stands out from the colour: the rim of lines drawn on photographs."""
    return (1.0, 1.0, 1.0) if luminance(colour) < 0.35 else (0.0, 0.0, 0.0)
