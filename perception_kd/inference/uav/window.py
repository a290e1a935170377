"""A window that shows what is found while it is found, where there is a display."""

from __future__ import annotations

import os
import statistics
from collections import deque
from contextlib import suppress

import cv2

from perception_kd.inference.uav.frames import Picture

_TITLE = 'drones (q or Esc ends)'
_ENDS = (27, ord('q'))
_LAST = 30  # frames whose median is shown
_WAIT = 1  # ms in which the window answers


class Window:
    """Shows annotated frames, with the frame rate and the latency of the last ones.

    Raises:
        ValueError: no display, or an OpenCV without windows.
    """

    def __init__(self) -> None:
        if not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
            raise ValueError('--show: there is no display (DISPLAY is not set); leave it out, the film is written all '
                             'the same')
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL)
        except cv2.error as error:
            raise ValueError(f'--show: this OpenCV opens no windows; install opencv-python without -headless '
                             f'({error.err or error.msg})') from error
        self._seconds: deque[float] = deque(maxlen=_LAST)

    def show(self, drawn: Picture, seconds: float) -> bool:
        """Show an RGB frame that took so long; whether to end."""
        self._seconds.append(max(seconds, 1e-6))
        typical = statistics.median(self._seconds)
        shown = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
        text = f'{1 / typical:.1f} frames/s   {typical * 1000:.0f} ms'
        for width, grey in ((3, 0), (1, 255)):
            cv2.putText(shown, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (grey,) * 3, width, cv2.LINE_AA)
        cv2.imshow(_TITLE, shown)
        key = cv2.waitKey(_WAIT) & 0xFF
        return key in _ENDS or cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1

    def close(self) -> None:
        """Take the window away."""
        with suppress(cv2.error):
            cv2.destroyWindow(_TITLE)
