"""The ten detection classes: how each draws its size, kind and mesh, and what nuScenes calls it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.actors import cars, cycles, furniture, lorries, machines, people
from perception_kd.simulation.actors.figure import Figure
from perception_kd.simulation.mesh import Mesh

Size = tuple[float, float, float]


@dataclass(frozen=True)
class Blueprint:
    """One thing to be placed.

    Args:
        name: Detection class.
        category: nuScenes category.
        size: Length, width, height of the annotated box in m.
        figure: Around the foot point, front towards +x, inside the box however it moves.
        ridden: A cycle with its rider.
    """

    name: str
    category: str
    size: Size
    figure: Figure
    ridden: bool = False

    @property
    def mesh(self) -> Mesh:
        """The mesh whose triangles, textures and surfaces hold for every pose (its vertices: before fitting)."""
        return self.figure.mesh


# Annotated boxes stand a little off the surface, as those of nuScenes do; else range noise would put half of
# the returns outside.
BOX_MARGIN = 0.04


def draw(name: str, rng: np.random.Generator, *, variant: str = '') -> Blueprint:
    """Draw one object of a detection class.

    Args:
        name: Detection class.
        rng: Source of its size, kind and colours.
        variant: Fixes what chance would choose: ``tractor``, ``worker``, ``ridden``, ``parked``.

    Raises:
        ValueError: unknown class.
    """
    if name not in _DRAWERS:
        raise ValueError(f'unknown class {name!r}; there are: {", ".join(_DRAWERS)}')
    category, size, figure, ridden = _DRAWERS[name](rng, variant)
    size = tuple(float(x) for x in size)
    length, width, height = size
    inner = np.array([length / 2 - BOX_MARGIN, width / 2 - BOX_MARGIN, 0])
    return Blueprint(name, category, size, figure.fitted(-inner, inner + [0, 0, height - BOX_MARGIN]), ridden)


def _sized(category: str, size_of: Callable, build: Callable) -> Callable:
    """For classes whose kind comes with the size."""

    def drawer(rng: np.random.Generator, variant: str) -> tuple[str, Size, Figure, bool]:
        size, kind = size_of(rng)
        while variant and kind != variant:
            size, kind = size_of(rng)
        return category, size, Figure(build(rng, size, kind)), False

    return drawer


def _cycle(category: str, size_of: Callable, build: Callable) -> Callable:
    def drawer(rng: np.random.Generator, variant: str) -> tuple[str, Size, Figure, bool]:
        ridden = variant != 'parked'
        size = size_of(rng, ridden)
        return category, size, build(rng, size, ridden), ridden

    return drawer


def _person(rng: np.random.Generator, variant: str) -> tuple[str, Size, Figure, bool]:
    kind = variant or str(rng.choice(['adult', 'child'], p=[0.88, 0.12]))
    category = {'worker': 'construction_worker'}.get(kind, kind)
    size = people.person_size(rng, kind)
    return f'human.pedestrian.{category}', size, people.build_person(rng, size, kind), False


_DRAWERS: dict[str, Callable] = {
    'car': _sized('vehicle.car', cars.car_size, cars.build_car),
    'truck': _sized('vehicle.truck', lorries.truck_size, lorries.build_truck),
    'trailer': _sized('vehicle.trailer', lorries.trailer_size, lorries.build_trailer),
    'bus': _sized('vehicle.bus.rigid', lorries.bus_size, lorries.build_bus),
    'construction_vehicle': _sized('vehicle.construction', machines.machine_size, machines.build_machine),
    'bicycle': _cycle('vehicle.bicycle', cycles.bicycle_size, cycles.build_bicycle),
    'motorcycle': _cycle('vehicle.motorcycle', cycles.motorcycle_size, cycles.build_motorcycle),
    'pedestrian': _person,
    'traffic_cone': _sized('movable_object.trafficcone', lambda rng: (furniture.cone_size(rng), ''),
                           furniture.build_cone),
    'barrier': _sized('movable_object.barrier', furniture.barrier_size, furniture.build_barrier),
}  # fmt: skip

CLASSES: tuple[str, ...] = tuple(_DRAWERS)
