"""Open3D's off-screen renderer in a process of its own, which may crash without harm; see ``Open3DRenderer``.

Started as ``python -m ... FD``: it takes (size, scene or None for the last one, camera matrices) from the connection
FD and answers with pictures, or with an exception's text. With ``window`` after FD it takes one scene and shows it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Painter:
    """Holds the one engine that a process can have."""

    def __init__(self, size: tuple[int, int]) -> None:
        from open3d.visualization.rendering import OffscreenRenderer

        self.size = size
        # Read when the engine is made: no display is asked for, and software drivers are welcome.
        os.environ.setdefault('EGL_PLATFORM', 'surfaceless')
        os.environ.setdefault('OPEN3D_CPU_RENDERING', 'true')
        self.renderer = OffscreenRenderer(*size)
        _true_colours(self.renderer)
        self.translucent: list[str] = []
        self.opacity = 1.0

    def load(self, scene: Any) -> None:
        """Replace the layers."""
        from perception_kd.visualization.view3d.open3d_layers import geometries, srgb

        target = self.renderer.scene
        target.clear_geometry()
        target.set_background([*srgb(scene.background), 1.0])
        names = []
        for name, geometry, material in geometries(scene, self.size[0] / 1600):
            target.add_geometry(name, geometry, material)
            names.append(name)
        self.translucent = [name for name, one in zip(names, scene.layers) if getattr(one, 'translucent', False)]
        self.opacity = scene.opacity

    def draw(self, intrinsic: NDArray[np.float64], extrinsic: NDArray[np.float64]) -> NDArray[np.uint8]:
        """A picture (H, W, 3), RGB. Translucent meshes: the mean of pictures with and without them."""
        self.renderer.setup_camera(intrinsic, extrinsic, *self.size)
        picture = self._render()
        if self.translucent:
            self._show(False)
            picture = picture * self.opacity + self._render() * (1 - self.opacity)
            self._show(True)
        return np.round(picture).astype(np.uint8)

    def _show(self, visible: bool) -> None:
        for name in self.translucent:
            self.renderer.scene.show_geometry(name, visible)

    def _render(self) -> NDArray[np.float32]:
        return np.asarray(self.renderer.render_to_image()).astype(np.float32)


def _true_colours(holder: Any) -> None:
    """Without tone mapping, which would change colours that have a meaning; of a renderer or a window."""
    holder.scene.view.set_post_processing(False)


def show(scene: Any, camera: dict[str, Any], title: str, size: tuple[int, int]) -> None:
    """A window with a list of layers, until it is closed. Translucent meshes would hide what they hold.

    Raises:
        OSError: the display does not answer; ``draw`` would go on for ever without a window.
    """
    import open3d as o3d

    if not os.environ.get('WAYLAND_DISPLAY') and sys.platform == 'linux':
        x11 = ctypes.CDLL('libX11.so.6')
        x11.XOpenDisplay.restype = ctypes.c_void_p
        if not x11.XOpenDisplay(None):
            raise OSError(f'display {os.environ.get("DISPLAY")} does not answer')

    from perception_kd.visualization.view3d.open3d_layers import geometries, srgb

    if not any(Path('/dev').glob('dri/render*')) and not Path('/dev/nvidia0').exists():
        os.environ.setdefault('OPEN3D_CPU_RENDERING', 'true')  # without it, windows without a GPU stay empty
    layers = [{'name': name, 'geometry': geometry, 'material': material}
              for name, geometry, material in geometries(scene.opaque(), size[0] / 1600)]
    o3d.visualization.draw(layers, title=title, width=size[0], height=size[1], show_skybox=False, show_ui=True,
                           bg_color=(*srgb(scene.background), 1.0), on_init=_true_colours, **camera)


def serve(connection: Connection) -> None:
    """Answer until the other side closes."""
    painter = None
    while True:
        try:
            size, scene, intrinsic, extrinsic = connection.recv()
        except EOFError:
            return
        try:
            painter = painter or _Painter(size)
            if scene is not None:
                painter.load(scene)
            answer: Any = painter.draw(intrinsic, extrinsic)
        except Exception as error:  # whatever it is, the other side has a renderer of its own
            answer = f'{type(error).__name__}: {error}'
        connection.send(answer)


if __name__ == '__main__':
    if sys.argv[2:] == ['window']:
        show(**Connection(int(sys.argv[1])).recv())
    else:
        serve(Connection(int(sys.argv[1])))
    sys.stdout.flush()
    os._exit(0)  # Open3D's engine can crash while the interpreter takes it apart
