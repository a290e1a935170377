"""Frames of videos as JPEG files; what an interrupted run left is not decoded again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from perception_kd.files import fingerprint, write_bytes, write_json

MARK = '.frames.json'
"""Beside the frames: which video they are of, and how they were compressed."""


def frame_path(folder: Path, number: int) -> Path:
    """File of a frame."""
    return folder / f'{number:06d}.jpg'


def extract_frames(video: Path, numbers: Sequence[int], folder: Path, *, quality: int = 95) -> list[int]:
    """Write frames of a video.

    Args:
        video: Any that OpenCV's FFmpeg reads. Decoded from its beginning: seeking is not exact.
        numbers: Places of the wanted frames, from 0.
        folder: Gets ``000000.jpg`` and so on, and a mark that says what they were made of. Frames of another video or
            quality that lie there are removed first.
        quality: Of the JPEG files, 1 to 100.

    Returns:
        The numbers that are there now, in order; the video may be shorter than its labels.

    Raises:
        ValueError: not a video.
    """
    _prepare(video, folder, quality)
    missing = {number for number in numbers if not frame_path(folder, number).is_file()}
    for number, frame in decode_frames(video, missing) if missing else ():
        write_bytes(frame_path(folder, number), encode_jpeg(frame, quality, video))
    return sorted(number for number in set(numbers) if frame_path(folder, number).is_file())


def decode_frames(video: Path, numbers: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Number and picture (H, W, 3; BGR) of the frames; fewer where the video ends before.

    Raises:
        ValueError: not a video.
    """
    capture = cv2.VideoCapture(str(video))
    try:
        if not capture.isOpened():
            raise ValueError(f'{video}: OpenCV opens no video there; fetch the file again')
        for number in range(max(numbers, default=-1) + 1):
            if not capture.grab():
                return
            if number in numbers:
                good, frame = capture.retrieve()
                if good and frame is not None and frame.size:
                    yield number, frame
    finally:
        capture.release()


def encode_jpeg(picture: np.ndarray, quality: int, source: Path) -> bytes:
    """A picture (H, W, 3; BGR) as the bytes of a JPEG.

    Raises:
        ValueError: OpenCV cannot; ``source`` is named.
    """
    good, content = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise ValueError(f'{source}: its frames cannot be written as JPEG')
    return content.tobytes()


def _prepare(video: Path, folder: Path, quality: int) -> None:
    mark, wanted = folder / MARK, {'video': fingerprint(video), 'quality': quality}
    try:
        there = json.loads(mark.read_bytes())
    except (OSError, ValueError):
        there = None
    if there == wanted:
        return
    for old in folder.glob('*.jpg'):
        old.unlink()
    write_json(mark, wanted)
