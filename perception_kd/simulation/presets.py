"""How large, how fine and how long a simulated world is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_TINY_COUNTS = {
    'car': 14, 'truck': 3, 'trailer': 2, 'bus': 2, 'construction_vehicle': 2, 'bicycle': 4, 'motorcycle': 4,
    'pedestrian': 12, 'traffic_cone': 10, 'barrier': 9,
}  # fmt: skip


@dataclass(frozen=True)
class WorldPreset:
    """Everything that is chosen before a world is drawn by its seed.

    Args:
        name: What ``--preset`` calls it.
        key_frames: Key frames of a scene.
        key_interval: Seconds between key frames.
        lidar_sweeps: LiDAR sweeps before each key frame.
        radar_sweeps: Radar sweeps before each key frame.
        image_size: Width and height in pixels.
        lidar_azimuths: LiDAR columns of a turn (32 rings).
        lidar_range: Farthest LiDAR return in m.
        radar_range: Farthest radar return in m.
        annotation_radius: Boxes are annotated up to this distance from the ego vehicle in m.
        ego_speed: Slowest and fastest ego speed in m/s.
        counts: Actors of each detection class in a scene.
    """

    name: str
    key_frames: int = 10
    key_interval: float = 0.5
    lidar_sweeps: int = 1
    radar_sweeps: int = 2
    image_size: tuple[int, int] = (704, 256)
    lidar_azimuths: int = 720
    lidar_range: float = 70.0
    radar_range: float = 100.0
    annotation_radius: float = 60.0
    ego_speed: tuple[float, float] = (3.0, 7.0)
    counts: Mapping[str, int] = field(default_factory=lambda: dict(_TINY_COUNTS))

    @property
    def duration(self) -> float:
        """Seconds from the first to the last key frame."""
        return (self.key_frames - 1) * self.key_interval


PRESETS: dict[str, WorldPreset] = {preset.name: preset for preset in (WorldPreset('tiny'),)}


def get_preset(name: str) -> WorldPreset:
    """The preset of that name.

    Raises:
        ValueError: no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f'unknown preset {name!r}; there are: {", ".join(PRESETS)}')
    return PRESETS[name]
