"""How large, how fine and how long a simulated world is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_COUNTS = {
    'tiny': {
        'car': 17, 'truck': 3, 'trailer': 2, 'bus': 2, 'construction_vehicle': 2, 'bicycle': 5, 'motorcycle': 4,
        'pedestrian': 14, 'traffic_cone': 10, 'barrier': 9,
    },
    'small': {
        'car': 27, 'truck': 4, 'trailer': 2, 'bus': 3, 'construction_vehicle': 2, 'bicycle': 6, 'motorcycle': 5,
        'pedestrian': 22, 'traffic_cone': 12, 'barrier': 11,
    },
    'full': {
        'car': 40, 'truck': 6, 'trailer': 3, 'bus': 4, 'construction_vehicle': 3, 'bicycle': 8, 'motorcycle': 6,
        'pedestrian': 34, 'traffic_cone': 14, 'barrier': 14,
    },
}  # fmt: skip


@dataclass(frozen=True)
class WorldPreset:
    """Everything that is chosen before a world is drawn by its seed.

    Args:
        name: What ``--preset`` calls it.
        key_frames: Key frames of a scene.
        key_interval: Seconds between key frames.
        camera_rate, lidar_rate, radar_rate: Measurements a second, key frames included.
        image_size: Width and height in pixels.
        lidar_azimuths: LiDAR columns of a turn (32 rings).
        lidar_range: Farthest LiDAR return in m.
        radar_range: Farthest radar return in m.
        annotation_radius: Boxes are annotated up to this distance from the ego vehicle in m.
        rolling_shutter: Seconds from the first row of a picture to the last; 0 exposes all at once.
        ego_speed: Slowest and fastest speed of the ego vehicle in m/s, where it drives freely.
        counts: Actors of each detection class in a scene.
    """

    name: str
    key_frames: int = 10
    key_interval: float = 0.5
    camera_rate: float = 2.0
    lidar_rate: float = 4.0
    radar_rate: float = 6.0
    image_size: tuple[int, int] = (704, 256)
    lidar_azimuths: int = 720
    lidar_range: float = 70.0
    radar_range: float = 100.0
    annotation_radius: float = 60.0
    rolling_shutter: float = 0.0
    ego_speed: tuple[float, float] = (3.0, 7.0)
    counts: Mapping[str, int] = field(default_factory=lambda: dict(_COUNTS['tiny']))

    @property
    def duration(self) -> float:
        """Seconds from the first to the last key frame."""
        return (self.key_frames - 1) * self.key_interval


PRESETS: dict[str, WorldPreset] = {
    preset.name: preset
    for preset in (
        WorldPreset('tiny'),
        WorldPreset(
            'small', key_frames=20, lidar_rate=10.0, radar_rate=13.0, image_size=(800, 450), lidar_azimuths=900,
            lidar_range=80.0, radar_range=150.0, annotation_radius=75.0, ego_speed=(4.0, 9.0),
            counts=_COUNTS['small'],
        ),
        WorldPreset(
            'full', key_frames=40, camera_rate=12.0, lidar_rate=20.0, radar_rate=13.0, image_size=(1600, 900),
            lidar_azimuths=1085, lidar_range=100.0, radar_range=250.0, annotation_radius=80.0,
            ego_speed=(4.0, 12.0), counts=_COUNTS['full'],
        ),
    )
}  # fmt: skip
"""``full`` has the resolution, rates and length of nuScenes."""


def get_preset(name: str) -> WorldPreset:
    """The preset of that name.

    Raises:
        ValueError: no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f'unknown preset {name!r}; there are: {", ".join(PRESETS)}')
    return PRESETS[name]
