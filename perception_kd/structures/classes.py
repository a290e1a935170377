"""The ten nuScenes detection classes: order, colours, and the categories that belong to them."""

from __future__ import annotations

from collections.abc import Sequence

NUSCENES_CLASSES: tuple[str, ...] = (
    'car', 'truck', 'trailer', 'bus', 'construction_vehicle', 'bicycle', 'motorcycle', 'pedestrian',
    'traffic_cone', 'barrier',
)  # fmt: skip
"""Label order of mmdet3d's ``NuScenesDataset``; a label is an index into it."""

CLASS_COLOURS: dict[str, tuple[int, int, int]] = {
    'car': (255, 158, 0),
    'truck': (255, 99, 71),
    'trailer': (255, 140, 0),
    'bus': (255, 127, 80),
    'construction_vehicle': (233, 150, 70),
    'bicycle': (220, 20, 60),
    'motorcycle': (255, 61, 99),
    'pedestrian': (0, 0, 230),
    'traffic_cone': (47, 79, 79),
    'barrier': (112, 128, 144),
}
"""RGB, as nuScenes colours its annotations."""

CATEGORY_TO_CLASS: dict[str, str] = {
    'vehicle.car': 'car',
    'vehicle.truck': 'truck',
    'vehicle.trailer': 'trailer',
    'vehicle.bus.bendy': 'bus',
    'vehicle.bus.rigid': 'bus',
    'vehicle.construction': 'construction_vehicle',
    'vehicle.bicycle': 'bicycle',
    'vehicle.motorcycle': 'motorcycle',
    'human.pedestrian.adult': 'pedestrian',
    'human.pedestrian.child': 'pedestrian',
    'human.pedestrian.construction_worker': 'pedestrian',
    'human.pedestrian.police_officer': 'pedestrian',
    'movable_object.trafficcone': 'traffic_cone',
    'movable_object.barrier': 'barrier',
}
"""nuScenes category -> detection class; a category that is not here is not detected (label -1)."""


def flat_classes(classes: Sequence[str] | Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names in label order, from names or from the lists of names of a head's tasks."""
    return tuple(one for name in classes for one in ([name] if isinstance(name, str) else name))
