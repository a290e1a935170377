"""Shapes whose limbs turn about joints as they move on: legs and arms that swing, wheels that roll."""

from dataclasses import dataclass, field

import numpy as np

from perception_kd.simulation.mesh import Mesh, merge

_POSES = 24
"""Poses over one period that a box must hold."""


@dataclass(frozen=True)
class Joint:
    """An axle across the figure (along y) that some of its vertices turn about.

    Args:
        vertices: Which.
        x, z: Place of the axle in m.
        swing: Amplitude in rad of a turn to and fro; 0 for none.
        offset: Of that turn in rad.
        bends: It turns one way only, as knees do.
        period: Way in m after which the swing begins anew.
        radius: Of a wheel in m that rolls on; 0 for none.
    """

    vertices: slice
    x: float
    z: float
    swing: float = 0.0
    offset: float = 0.0
    bends: bool = False
    period: float = 1.0
    radius: float = 0.0

    def angle(self, way: float, share: float) -> float:
        """Turn in rad after ``way`` m, with ``share`` of the full swing."""
        wave = np.sin(2 * np.pi * way / self.period + self.offset)
        wave = max(0.0, wave) ** 2 if self.bends else wave
        return share * self.swing * float(wave) + (way / self.radius if self.radius else 0.0)


@dataclass(frozen=True)
class Figure:
    """A mesh around its foot point, front towards +x, with its joints.

    Args:
        mesh: At rest.
        joints: In the order in which they turn: outer limbs first.
        walks: Its lowest point stays on the ground.
        scale, shift: (3,) stretch and move every pose.
    """

    mesh: Mesh
    joints: tuple[Joint, ...] = ()
    walks: bool = False
    scale: np.ndarray = field(default_factory=lambda: np.ones(3, np.float32))
    shift: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))

    def vertices(self, way: float = 0.0, share: float = 0.0) -> np.ndarray:
        """(V, 3) float32 after ``way`` m, with ``share`` of the full swing."""
        points = self.mesh.vertices.copy()
        for joint in self.joints:
            angle = joint.angle(way, share)
            x, z = points[joint.vertices, 0] - joint.x, points[joint.vertices, 2] - joint.z
            cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            points[joint.vertices, 0] = joint.x + cos * x + sin * z
            points[joint.vertices, 2] = joint.z - sin * x + cos * z
        if self.walks:
            points[:, 2] -= points[:, 2].min()
        return points * self.scale + self.shift

    def fitted(self, low: np.ndarray, high: np.ndarray) -> 'Figure':
        """Stretched so that all its poses together fill the box from ``low`` (3) to ``high`` (3) exactly."""
        poses = [self.vertices()]
        if self.joints:
            period = max(joint.period for joint in self.joints)
            poses += [self.vertices(period * step / _POSES, 1.0) for step in range(_POSES)]
        least = np.min([pose.min(0) for pose in poses], axis=0)
        most = np.max([pose.max(0) for pose in poses], axis=0)
        scale = ((np.asarray(high) - low) / (most - least)).astype(np.float32)
        return Figure(self.mesh, self.joints, self.walks, scale, (low - least * scale).astype(np.float32))


class Assembly:
    """Collects parts and joints of a figure."""

    def __init__(self) -> None:
        self._parts: list[Mesh] = []
        self._joints: list[Joint] = []
        self._count = 0

    def add(self, *parts: Mesh) -> slice:
        """Add parts; returns which vertices they got."""
        first = self._count
        self._parts += parts
        self._count += sum(len(part.vertices) for part in parts)
        return slice(first, self._count)

    def turn(self, vertices: slice, x: float, z: float, **motion: float) -> None:
        """Let vertices turn about (x, z); see ``Joint``."""
        self._joints.append(Joint(vertices, x, z, **motion))

    def figure(self, *, walks: bool = False) -> Figure:
        """What has been collected."""
        return Figure(merge(self._parts), tuple(self._joints), walks)
