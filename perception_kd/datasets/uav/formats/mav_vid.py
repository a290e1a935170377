"""MAV-VID: frames ``<video>_<number>.jpg`` in ``train`` and ``val``, each with a YOLO line file and a ``.shape``.

The ``.shape`` file holds ``height width channels``; the picture itself is believed, and a difference is counted.
"""

from __future__ import annotations

from pathlib import Path

from perception_kd.datasets.uav.formats.yolo import read_label_lines
from perception_kd.datasets.uav.listing import PICTURES, Grouping, by_key, clips_of, find_files
from perception_kd.datasets.uav.names import DRONE
from perception_kd.datasets.uav.pictures import picture_size
from perception_kd.datasets.uav.records import Frame, Source, Tally
from perception_kd.datasets.uav.small_files import numbers_in, read_lines


def read_mav_vid(root: Path, tally: Tally) -> Source:
    """All frames below the root. One without a text file is left out and counted.

    Raises:
        FileNotFoundError: no frame with a text file.
    """
    labels = by_key(find_files(root, ('.txt',)), root, tally)
    frames = {}
    for key, picture in by_key(find_files(root, PICTURES), root, tally).items():
        label = labels.get(key)
        if label is None:
            tally.add('pictures left out: no label file', picture)
            continue
        _compare_shape(picture, label.with_suffix('.shape'), tally)
        frames[key] = Frame(boxes=read_label_lines(label, (DRONE,), tally), path=picture, shares=True)
    if not frames:
        raise FileNotFoundError(f'{root}: no picture with a text file of the same name')
    for key in sorted(labels.keys() - frames.keys()):
        tally.add('label files without a picture', labels[key])
    return Source(clips=tuple(clips_of(frames.items(), Grouping())), categories=(DRONE,))


def _compare_shape(picture: Path, shape: Path, tally: Tally) -> None:
    if not shape.is_file():
        tally.add('.shape files that are missing', shape)
        return
    try:
        numbers = numbers_in(' '.join(read_lines(shape)).split())
        if numbers is None or len(numbers) < 2 or numbers[1::-1] != picture_size(picture):
            tally.add('.shape files that differ from their picture', shape)
    except ValueError as error:
        tally.add('.shape files that cannot be compared', error)
