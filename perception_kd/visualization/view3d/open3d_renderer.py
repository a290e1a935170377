"""Open3D's off-screen renderer, asked from a safe distance: drivers that are not there make it crash, not complain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.view3d.primitives import Scene3D
from perception_kd.visualization.view3d.viewpoint import Size, Viewpoint

_CHILD = 'perception_kd.visualization.view3d.open3d_child'
_PATIENCE = 120.0
"""Seconds to wait for a picture; software drivers take about one."""
_FAREWELL = 2.0
"""Seconds that the child has to end by itself."""
ADVICE = 'install open3d, libgl1, libegl1, libvulkan1 and mesa-vulkan-drivers for it'


class RendererError(OSError):
    """Open3D is not there, crashed, or answers with an error."""


class _Child:
    """Open3D in a process of its own, with a connection to it and what it wrote."""

    def __init__(self, *mode: str) -> None:
        self.log = tempfile.TemporaryFile('w+', errors='replace')  # noqa: SIM115, it outlives this function
        self.connection, theirs = Pipe()
        # The child finds this package wherever it was imported from.
        paths = [str(Path(__file__).parents[3]), os.environ.get('PYTHONPATH', '')]
        environment = os.environ | {'PYTHONPATH': os.pathsep.join(filter(None, paths))}
        with theirs:
            command = [sys.executable, '-m', _CHILD, str(theirs.fileno()), *mode]
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                                            stdout=self.log, stderr=self.log, env=environment)

    def obituary(self) -> str:
        """Why it ended: its signal, or the last line that it wrote."""
        status = self.process.wait()
        self.log.seek(0)
        last = (self.log.read().strip().splitlines() or [f'exit status {status}'])[-1]
        return f'it crashed ({signal.Signals(-status).name})' if status < 0 else last

    def end(self) -> None:
        """Wait for it, and kill it if it takes longer."""
        self.connection.close()
        try:
            self.process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Open3DRenderer:
    """Draws scenes with one camera after the other, in a child process.

    Args:
        size: Width and height of the pictures in pixels.
        fineness: Pictures are drawn so many times as large and made smaller, 1 to 4.
    """

    name = 'open3d'

    def __init__(self, *, size: Size, fineness: int = 1) -> None:
        self.size, self.large = size, (size[0] * fineness, size[1] * fineness)
        self.loaded: Scene3D | None = None
        self.child = _Child()

    def draw(self, scene: Scene3D, viewpoint: Viewpoint) -> NDArray[np.uint8]:
        """A picture (H, W, 3), RGB.

        Raises:
            RendererError: there is none; says why.
        """
        new = None if scene is self.loaded else scene
        try:
            self.child.connection.send((self.large, new, viewpoint.intrinsic(self.large), viewpoint.extrinsic))
            answer = f'no answer for {_PATIENCE:g} s'
            if self.child.connection.poll(_PATIENCE):
                answer = self.child.connection.recv()
        except (EOFError, OSError):
            answer = self.child.obituary()
        if isinstance(answer, str):
            raise RendererError(answer)
        self.loaded = scene
        return cv2.resize(answer, self.size, interpolation=cv2.INTER_AREA)

    def close(self) -> None:
        """End the child."""
        self.child.end()


def require_display() -> None:
    """See that a window could open.

    Raises:
        RendererError: no display.
    """
    if sys.platform == 'linux' and not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
        raise RendererError('there is no display to open a window on; name a file with --out')


def show_window(scene: Scene3D, viewpoint: Viewpoint, *, size: Size, title: str) -> None:
    """Show a scene in a window of Open3D until it is closed.

    Raises:
        RendererError: Open3D cannot; says why.
    """
    child = _Child('window')
    camera = {'eye': viewpoint.eye, 'lookat': viewpoint.target, 'up': viewpoint.up, 'field_of_view': viewpoint.angle}
    try:
        child.connection.send({'scene': scene, 'camera': camera, 'title': title, 'size': size})
        if child.process.wait():
            raise RendererError(f'Open3D cannot open a window: {child.obituary()} ({ADVICE}); or name a file with '
                                '--out')
    finally:
        child.end()
