"""Writes frames, predictions and maps into a recording for the Rerun viewer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from perception_kd.files import atomic_path, check_file_target
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.recording.entities import WORLD, Entities, frame_entities
from perception_kd.visualization.recording.layout import blueprint

if TYPE_CHECKING:
    from perception_kd.visualization.maps.bev_map import BEVMap

APPLICATION = 'perception_kd'
SUFFIX = '.rrd'


def import_rerun() -> Any:
    """The module ``rerun``.

    Raises:
        ImportError: it is missing or too old; the message says what to install.
    """
    try:
        import rerun
    except ModuleNotFoundError as error:
        raise ImportError(f"a recording needs rerun-sdk: pip install 'perception_kd[rerun]' ({error})") from None
    except ImportError as error:
        raise ImportError(f"rerun-sdk cannot be loaded ({error}); where pyarrow is newer than this NumPy: "
                          "pip install 'pyarrow<23'") from None
    if not hasattr(getattr(rerun, 'RecordingStream', None), 'set_time'):
        raise ImportError(f'rerun-sdk {getattr(rerun, "__version__", "")} is too old: pip install '
                          "'rerun-sdk>=0.23'")
    return rerun


def check_recording(path: str | Path) -> Path:
    """The path, if a recording can be written there.

    Raises:
        ValueError: another suffix than ``.rrd``.
        IsADirectoryError, NotADirectoryError: a folder has that name, or a file the name of a folder above it.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise ValueError(f'{path}: a recording is a {SUFFIX} file')
    check_file_target(path)
    return path


def _is_whole(path: Path) -> bool:
    """Whether the file ends as Rerun ends one: with an empty message, or (newer) with a footer."""
    with path.open('rb') as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 64, 0))
        tail = file.read()
    return tail.endswith(bytes(16)) or b'RRF2FOOT' in tail


class Recording:
    """A recording in the making: ``with Recording('drive.rrd') as recording: recording.frame(frame, boxes)``.

    Frames stand on two time lines: ``frame`` counts them, ``time`` is the frame's own (Unix time, or seconds where
    the first frame's is none). The file appears under its name when it is whole; after an error nothing is left.

    Args:
        out: The ``.rrd`` file.
        options: What is shown and in which colours; the defaults if None.

    Raises:
        ImportError: rerun-sdk is missing; the message says what to install.
        ValueError, IsADirectoryError, NotADirectoryError: see :func:`check_recording`; Rerun is switched off by its
            environment variable.
    """

    def __init__(self, out: str | Path, *, options: PictureOptions | None = None) -> None:
        self.out, self.options = check_recording(out), options or PictureOptions()
        self._rr = import_rerun()
        self._rr.set_strict_mode(True)  # else a value that it does not take is a warning and a gap
        self._stream = self._rr.RecordingStream(APPLICATION)
        if not self._rr.is_enabled(self._stream):
            raise ValueError(f'{self.out}: nothing would be recorded: the variable RERUN switches Rerun off')
        self._files = ExitStack()
        self._file = self._files.enter_context(atomic_path(self.out))
        self._stream.save(self._file)
        self._paths: dict[str, None] = {}  # of all frames so far, in the order of their appearance
        self._cameras: dict[str, None] = {}
        self._maps: dict[str, None] = {}
        self._scene, self._way = '', []
        self.frames = 0

    def frame(self, frame: Frame, predictions: Boxes | None = None, maps: Sequence[BEVMap] = (),
              grid2ego: np.ndarray | None = None) -> None:
        """Add a frame.

        Args:
            frame: The sample.
            predictions: Boxes of a detector, in the frame's LiDAR frame.
            maps: Ground maps of the sample.
            grid2ego: (4, 4) from the frame of their grids to the vehicle's; None: that is the LiDAR frame.

        Raises:
            FileNotFoundError, ValueError: an image is missing or broken.
        """
        if not self.frames:
            self._begin(frame)
        if frame.scene != self._scene:
            self._scene, self._way = frame.scene, []  # another drive begins elsewhere
        self._way.append(frame.ego2global[:3, 3] - self._origin)
        entities = frame_entities(self._rr, frame, predictions, self.options, self._origin)
        entities[f'{WORLD}/way'] = [self._rr.LineStrips3D([np.array(self._way)], colors=(120, 124, 132))]
        if maps:
            from perception_kd.visualization.recording.map_entities import map_entities  # asks for torch

            drawn = map_entities(self._rr, maps, frame.lidar2ego if grid2ego is None else grid2ego)
            self._maps |= dict.fromkeys(drawn)
            entities |= drawn
        self._set_time(frame.timestamp)
        self._log(entities)
        self._cameras |= dict.fromkeys(camera.name for camera in frame.cameras)
        self.frames += 1

    def close(self) -> None:
        """Write the layout and put the file in its place.

        Raises:
            OSError: the file is not whole.
        """
        self._stream.send_blueprint(blueprint(self._rr, list(self._cameras), self._maps))
        with self._files:
            self._disconnect()
            if not _is_whole(self._file):  # Rerun says so itself, and goes on
                raise OSError(f'{self.out}: not all was written; is the disk full?')

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._disconnect()
            self._files.__exit__(kind, error, trace)

    def _begin(self, frame: Frame) -> None:
        self._origin, self._unix = frame.ego2global[:3, 3].copy(), frame.timestamp >= 1e9
        if frame.scene:
            self._stream.send_recording_name(frame.scene)
        self._stream.log(WORLD, self._rr.ViewCoordinates.RIGHT_HAND_Z_UP,
                         self._rr.AnyValues(origin=self._origin), static=True)

    def _set_time(self, seconds: float) -> None:
        self._stream.set_time('frame', sequence=self.frames)
        since = round(seconds * 1e6)
        if self._unix:
            self._stream.set_time('time', timestamp=np.datetime64(since, 'us'))
        else:
            self._stream.set_time('time', duration=np.timedelta64(since, 'us'))

    def _log(self, entities: Entities) -> None:
        """What earlier frames had and this one has not would stay in sight, so it is cleared."""
        for path, archetypes in entities.items():
            self._stream.log(path, *archetypes)
        for path in self._paths:
            if path not in entities:
                self._stream.log(path, self._rr.Clear(recursive=False))
        self._paths |= dict.fromkeys(entities)

    def _disconnect(self) -> None:
        self._stream.flush()
        self._stream.disconnect()
