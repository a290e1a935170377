"""Films and picture files as blocks of the page."""

from __future__ import annotations

from pathlib import Path

import cv2

from perception_kd.visualization.report.blocks import Film, Picture, Text
from perception_kd.visualization.report.drawn_frames import jpeg, page_picture

LARGEST_FILM = 4_000_000
_PLAYED = (b'vp09', b'avc1', b'av01')
"""Codecs in MP4 files that browsers play: VP9, H.264, AV1."""


def picture_block(path: Path, alt: str, caption: str, width: int = 1400) -> Picture:
    """A picture file as a block.

    Args:
        path: PNG or JPEG.
        alt, caption: See ``Picture``.
        width: Pixels it has at most.

    Raises:
        ValueError: it is damaged.
    """
    data, kind = page_picture(path, width)
    return Picture(data, alt, caption, kind)


def film_block(path: Path, alt: str, caption: str) -> Film | Text:
    """A film file as a block, its first frame as the poster; a line instead where no page can show it.

    Args:
        path: MP4.
        alt, caption: See ``Film``.
    """
    size = path.stat().st_size
    if size > LARGEST_FILM:
        return Text(f'`{path.name}` is too large for this page ({size / 1e6:.0f} MB); it lies beside it.')
    data = path.read_bytes()
    if data[4:8] != b'ftyp' or not any(codec in data for codec in _PLAYED):
        return Text(f'`{path.name}` is not in a format that browsers play; make it again with `tools/visualize.py`.')
    return Film(data, alt, caption, _poster(path, alt))


def _poster(path: Path, alt: str) -> Picture | None:
    film = cv2.VideoCapture(str(path))
    try:
        read, frame = film.read()
    finally:
        film.release()
    return Picture(jpeg(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)), alt, '', 'jpeg') if read else None
