"""One simulated stereo pair from its seed."""

from dataclasses import dataclass, replace

import numpy as np

from perception_kd.simulation.stereo.layouts import LAYOUTS, Layout, Lens
from perception_kd.simulation.stereo.materials import Palette, Style, draw_style
from perception_kd.simulation.stereo.palettes import draw_palette
from perception_kd.simulation.stereo.photometry import draw_cameras, expose, exposure_of
from perception_kd.simulation.stereo.presets import StereoPreset
from perception_kd.simulation.stereo.rig import Rig
from perception_kd.simulation.stereo.scene import Air, Light, Scene
from perception_kd.simulation.stereo.shading import render
from perception_kd.simulation.stereo.textures import draw_texture
from perception_kd.simulation.stereo.truth import Truth, depth_of, truth_of

_HIDDEN = 1e6
"""Depth of the sky in m until the baseline is known."""
_LAMP_POINTS = 9
"""However many samples a pixel has, so that they change nothing else of a pair."""


@dataclass(frozen=True)
class StereoPair:
    """left, right (H, W, 3) uint8 RGB; the truth of both views; the cameras; what the scene is called."""

    left: np.ndarray
    right: np.ndarray
    truth: tuple[Truth, Truth]
    rig: Rig
    layout: str


def simulate_pair(preset: StereoPreset, seed: int, index: int, layout: str | None = None) -> StereoPair:
    """Pair number ``index`` of a seed; equal arguments give equal pairs.

    Args:
        preset: Sizes and ranges.
        seed, index: Not negative.
        layout: A name of ``layouts.LAYOUTS``; drawn if not given.
    """
    rng = np.random.default_rng([seed, index])
    scene, lens_rig, name = draw_scene(preset, rng, layout)
    left = scene.cast(lens_rig.origin(0), lens_rig.rays(0))
    rig = _with_baseline(scene, lens_rig, depth_of(scene, lens_rig, left), preset, rng)
    hits = left, scene.cast(rig.origin(1), rig.rays(1))
    lamp = rng.standard_normal((_LAMP_POINTS, 3))
    lamp = np.resize(lamp / np.linalg.norm(lamp, axis=1, keepdims=True), (preset.samples**2, 3))
    light = [render(scene, rig, side, hits[side], preset.samples, lamp) for side in (0, 1)]
    factor = exposure_of(light[0], rng)
    pictures = [expose(one * factor, camera, rng) for one, camera in zip(light, draw_cameras(rng))]
    truth = tuple(truth_of(scene, rig, side, hits[side]) for side in (0, 1))
    return StereoPair(*pictures, truth, rig, name)


def draw_scene(preset: StereoPreset, rng: np.random.Generator, layout: str | None = None) -> tuple[Scene, Rig, str]:
    """A scene, its rig with no baseline yet, and the layout's name."""
    width, height = preset.width, preset.height
    focal = width * rng.uniform(*preset.focal)
    centre = (width / 2 - 0.5 + rng.normal(0, 0.02) * width, height / 2 - 0.5 + rng.normal(0, 0.02) * height)
    rig = Rig(width, height, focal, centre, 0.0, 0.0)
    makers = {maker.__name__: maker for maker in LAYOUTS}
    shares = np.array(list(LAYOUTS.values()))
    name = layout or str(rng.choice(list(makers), p=shares / shares.sum()))
    palette = Palette(rng, preset.texture_size, focal, draw_style(rng) if preset.natural else Style())
    palette.stock(int(rng.integers(6, 13)))
    made = makers[name](rng, palette, Lens(width / 2 / focal, height / 2 / focal, focal), preset.density)
    return Scene(made.mesh, palette, _lights(rng, made), _air(rng, made, palette)), rig, name


def _lights(rng: np.random.Generator, layout: Layout) -> list[Light]:
    tone = lambda strength: np.float32(strength * np.exp(rng.normal(0, (0.12, 0.03, 0.15))))  # noqa: E731
    if len(layout.lamps):
        reach = float(np.linalg.norm(layout.mesh.points.mean(0) - layout.lamps[0]))
        return [Light(np.float32(place), tone(rng.uniform(0.5, 1.5) / (k + 1)), rng.uniform(0.01, 0.3), True, reach)
                for k, place in enumerate(layout.lamps)]  # fmt: skip
    sun = np.array([rng.uniform(-1, 1), -rng.uniform(0.3, 1.2), rng.uniform(-1, 0.4)])
    strength = rng.choice([0.25, 1.0], p=[0.35, 0.65])
    return [Light(np.float32(1000 * sun), tone(strength), rng.uniform(5, 80), False, 1.0)]


def _air(rng: np.random.Generator, layout: Layout, palette: Palette) -> Air:
    above = np.exp(rng.normal(np.log(rng.uniform(0.25, 0.7)), (0.1, 0.05, 0.15)))
    below = above * rng.uniform(0.3, 0.9) * np.exp(rng.normal(0, 0.1, 3))
    if layout.open_air and rng.random() < 0.9:
        blue = draw_palette(rng, 2, hue=rng.uniform(0.53, 0.62), saturation=rng.uniform(0, 0.6), contrast=0.3)
        clouds = draw_texture(rng, palette.texture_size, 'clouds')
        sky = palette.style.sky * (clouds * 0.25 + (blue.mean(0) * 0.4 + 0.6) ** 2.2)
    else:
        sky = draw_texture(rng, palette.texture_size)
    haze = rng.uniform(0, 0.6) if layout.open_air and rng.random() < 0.5 else 0.0
    return Air(above.astype(np.float32), below.astype(np.float32), np.float32(sky), haze, _HIDDEN)


def _with_baseline(scene: Scene, rig: Rig, depth: np.ndarray, preset: StereoPreset, rng: np.random.Generator) -> Rig:
    """The rig whose largest disparity is drawn from the preset's range; puts the sky behind everything.

    A part of the rigs has its principal points apart (``doffs``), as Middlebury's converging cameras have.
    """
    solid = depth[depth < _HIDDEN]
    near, far = float(np.percentile(solid, 0.5)), float(solid.max())
    near = max(near, float(solid.min()) * preset.disparity[1] / (preset.disparity[1] + 4))
    largest, apart = rng.uniform(*preset.disparity), 0.0
    if solid.size == depth.size and rng.random() < 0.3:
        apart = rng.uniform(0.2, 0.8)
    # d(near) = largest, d(far) = (1 - apart) f b / far
    reach = largest / (1 / near - apart / far)
    smallest = (1 - apart) * reach / far
    behind = max(far * rng.uniform(1.05, 2.0), float(np.abs(scene.mesh.points[:, 2]).max()) * 1.02)
    scene.air = replace(scene.air, far=behind)
    if smallest < 1 and apart:
        apart = 0.0
        reach = largest * near
    return Rig(rig.width, rig.height, rig.focal, rig.centre, reach / rig.focal, apart * reach / far)
