"""Rays through all pixels, with every second one inferred where its neighbours leave no doubt."""

from functools import lru_cache

import numpy as np

from perception_kd.simulation.snapshot import MISS, Hits, Snapshot


def cast_picture(
    snapshot: Snapshot, origin: np.ndarray, rays: np.ndarray, depth: np.ndarray, size: tuple[int, int]
) -> Hits:
    """Hits of all pixels.

    Half of the pixels, as the black fields of a chessboard, are cast. A white field whose four neighbours see one
    and the same triangle sees it too, for triangles are convex (what is thinner than a pixel both ways may be
    missed); there the inverse depth, and barycentric coordinates over depth, are the means of left and right.

    Args:
        snapshot: The world.
        origin: (3,) camera centre.
        rays: (3, N) unit directions.
        depth: (N,) metres along the optical axis for each metre along the ray.
        size: Width and height; N is their product.
    """
    width, height = size
    triangle, distance = np.full(width * height, MISS), np.full(width * height, np.inf, np.float32)
    barycentric = np.zeros((2, width * height), np.float32)

    def fill(index: np.ndarray) -> None:
        hits = snapshot.cast(origin, rays.take(index, 1).T)
        triangle[index], distance[index], barycentric[:, index] = hits.triangle, hits.distance, hits.barycentric.T

    black, fields = _chessboard(size)
    fill(fields)
    seen = triangle.reshape(height, width)
    alike = np.zeros((height, width), bool)
    left, right, over, under = seen[1:-1, :-2], seen[1:-1, 2:], seen[:-2, 1:-1], seen[2:, 1:-1]
    alike[1:-1, 1:-1] = (left == right) & (left == over) & (left == under) & ~black[1:-1, 1:-1]
    fill(np.flatnonzero(~(black | alike)))
    index = np.flatnonzero(alike)
    index = index[triangle.take(index - 1) != MISS]
    near, far = (1 / (distance.take(index + side) * depth.take(index + side)) for side in (-1, 1))
    triangle[index], distance[index] = triangle.take(index - 1), 2 / ((near + far) * depth.take(index))
    barycentric[:, index] = (
        barycentric.take(index - 1, 1) * near + barycentric.take(index + 1, 1) * far
    ) / (near + far)
    return Hits(distance, triangle, np.ascontiguousarray(barycentric.T))


@lru_cache(maxsize=4)
def _chessboard(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Its black fields as a (H, W) mask, and their (K,) numbers."""
    width, height = size
    black = (np.arange(height)[:, None] + np.arange(width)) % 2 == 0
    return black, np.flatnonzero(black)
