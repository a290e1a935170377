"""What surfaces look like: a texture, its scale, and how it shines."""

from dataclasses import dataclass, field, fields

import cv2
import numpy as np

from perception_kd.simulation.stereo.textures import draw_leaf, draw_texture


@dataclass(frozen=True)
class Material:
    """One kind of surface.

    Args:
        texture: Number of the texture.
        scale: Texels for each metre.
        offset: Where the texture begins, texels.
        tint: Factor of the colour.
        stain: Strength of the large-scale shades laid over it.
        grain: Strength of the fine shades laid over it.
        shine: Strength of highlights.
        hardness: Exponent of highlights (Blinn 1977).
        mirror: Share of light reflected as in a mirror, at normal incidence.
    """

    texture: int
    scale: float
    offset: float = 0.0
    tint: float = 1.0
    stain: float = 0.1
    grain: float = 0.1
    shine: float = 0.0
    hardness: float = 20.0
    mirror: float = 0.0


@dataclass(frozen=True)
class Style:
    """What a whole scene has in common.

    Args:
        saturation: Factor of the colourfulness of all textures.
        contrast: Factor of the distance of their tones from grey.
        sky: Factor of the brightness of the sky.
        soft: Standard deviation of a blur in texels that rounds the steps of drawn shapes; 0 leaves them.
        fine: Whether leaves are the smaller the more there are, and grass grows in tufts.
    """

    saturation: float = 1.0
    contrast: float = 1.0
    sky: float = 1.0
    soft: float = 0.0
    fine: bool = False

    def grade(self, texture: np.ndarray) -> np.ndarray:
        """The texture (H, W, 3), linear RGB, in this style."""
        if self.soft:
            texture = cv2.GaussianBlur(texture, (0, 0), self.soft)
        if self.saturation == self.contrast == 1:
            return texture
        tone = np.maximum(texture, 0) ** np.float32(1 / 2.2)
        grey = tone.mean(-1, keepdims=True)
        tone = grey + self.saturation * (tone - grey)
        return np.clip(0.45 + self.contrast * (tone - 0.45), 0, 1).astype(np.float32) ** np.float32(2.2)


def draw_style(rng: np.random.Generator) -> Style:
    """A style as photographs have: mostly less colourful and less harsh than single textures are."""
    return Style(float(rng.uniform(0.4, 1.15)), float(rng.uniform(0.65, 1.05)), float(rng.uniform(0.5, 1.0)), 0.8, True)


@dataclass
class Palette:
    """The textures and materials of one scene; materials are numbers in meshes.

    Args:
        rng: Decides everything that is drawn.
        texture_size: Side of the textures.
        texels: Texels for each metre at one metre's distance that suit the pictures.
        style: Of the scene.
    """

    rng: np.random.Generator
    texture_size: int
    texels: float
    style: Style = Style()
    textures: list[np.ndarray] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    _kinds: dict[str, int] = field(default_factory=dict)

    def stock(self, count: int) -> None:
        """Draw so many textures for :meth:`some` to choose from."""
        for _ in range(count):
            self._hold(draw_texture(self.rng, self.texture_size))

    def some(self, distance: float) -> int:
        """A material of any of the textures so far, for things so many metres away."""
        return self._add(int(self.rng.integers(len(self.textures))), distance)

    def of(self, kind: str, distance: float, **given: float) -> int:
        """A material of a kind of texture, which is drawn once; ``given`` fixes fields of :class:`Material`."""
        if kind not in self._kinds:
            self._kinds[kind] = len(self.textures)
            self._hold(draw_texture(self.rng, self.texture_size, kind))
        return self._add(self._kinds[kind], distance, **given)

    def leaf(self, distance: float, hue: float) -> int:
        """A plain material of leaves of a hue (0..1)."""
        self._hold(draw_leaf(self.rng, hue))
        return self._add(len(self.textures) - 1, distance, mirror=0.0, stain=0.3)

    def _hold(self, texture: np.ndarray) -> None:
        self.textures.append(self.style.grade(texture))

    def _add(self, texture: int, distance: float, **given: float) -> int:
        rng = self.rng
        glossy = rng.random() < 0.25
        drawn = {
            'scale': self.texels / distance * np.exp(rng.uniform(np.log(0.25), np.log(2.5))),
            'offset': rng.uniform(0, 4 * self.texture_size),
            'tint': rng.uniform(0.6, 1.25),
            'stain': rng.uniform(0, 0.3),
            'grain': rng.choice([0.0, rng.uniform(0, 0.25)]),
            'shine': rng.uniform(0.1, 1.0) if glossy else 0.0,
            'hardness': np.exp(rng.uniform(np.log(5), np.log(150))),
            'mirror': rng.uniform(0.03, 0.5) if glossy and rng.random() < 0.4 else 0.0,
        }
        self.materials.append(Material(texture, **{**drawn, **given}))
        return len(self.materials) - 1

    def table(self) -> dict[str, np.ndarray]:
        """Each field of the materials as an array (M,)."""
        kinds = {'texture': np.int32}
        return {one.name: np.array([getattr(material, one.name) for material in self.materials],
                                   kinds.get(one.name, np.float32)) for one in fields(Material)}  # fmt: skip
