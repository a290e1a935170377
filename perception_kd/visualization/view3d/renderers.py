"""Which renderer draws: Open3D where it can, ours where it cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.view3d.open3d_renderer import ADVICE, Open3DRenderer, RendererError
from perception_kd.visualization.view3d.primitives import Scene3D
from perception_kd.visualization.view3d.software import SoftwareRenderer
from perception_kd.visualization.view3d.viewpoint import Size, Viewpoint

RENDERERS = ('auto', 'open3d', 'software')
Picture = NDArray[np.uint8]


class Renderer(Protocol):
    """Turns scenes into pictures of one size."""

    name: str

    def draw(self, scene: Scene3D, viewpoint: Viewpoint) -> Picture:
        """A picture (H, W, 3), RGB."""

    def close(self) -> None:
        """Give back what is held."""


def _say(line: str) -> None:
    print(line, file=sys.stderr)


class AutoRenderer:
    """Open3D until it fails, then ours, with one line that says why.

    Args:
        size, fineness: As of the renderers.
        echo: Takes the line.
    """

    def __init__(self, *, size: Size, fineness: int = 1, echo: Callable[[str], None] = _say) -> None:
        self.size, self.fineness, self.echo = size, fineness, echo
        self.current: Renderer = Open3DRenderer(size=size, fineness=fineness)

    @property
    def name(self) -> str:
        """Of the renderer that draws now."""
        return self.current.name

    def draw(self, scene: Scene3D, viewpoint: Viewpoint) -> Picture:
        """A picture (H, W, 3), RGB."""
        try:
            return self.current.draw(scene, viewpoint)
        except RendererError as error:
            self.echo(f'view3d: Open3D cannot draw here: {error}; the built-in renderer draws instead ({ADVICE})')
            self.current.close()
            self.current = SoftwareRenderer(size=self.size, fineness=self.fineness)
            return self.current.draw(scene, viewpoint)

    def close(self) -> None:
        """Close the renderer that draws now."""
        self.current.close()


@contextmanager
def open_renderer(kind: str, *, size: Size, fineness: int = 1,
                  echo: Callable[[str], None] = _say) -> Iterator[Renderer]:
    """A renderer of a ``kind`` among ``RENDERERS``, closed at the end.

    Raises:
        ValueError: no such kind, or a fineness outside of 1 to 4.
        RendererError: Open3D was asked for by name and cannot draw; when it draws.
    """
    if kind not in RENDERERS:
        raise ValueError(f'renderer: {kind!r} is not among {", ".join(RENDERERS)}')
    if not 1 <= fineness <= 4:
        raise ValueError(f'fineness must lie in 1 to 4, got {fineness}')
    renderer: Renderer
    if kind == 'software':
        renderer = SoftwareRenderer(size=size, fineness=fineness)
    elif kind == 'open3d':
        renderer = Open3DRenderer(size=size, fineness=fineness)
    else:
        renderer = AutoRenderer(size=size, fineness=fineness, echo=echo)
    try:
        yield renderer
    finally:
        renderer.close()
