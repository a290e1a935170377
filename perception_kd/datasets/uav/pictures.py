"""How large a picture is, from its header."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from perception_kd.datasets.pictures import glance_at_jpeg

_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height, px, of the picture as OpenCV and viewers show it: turned where a note in the file asks for it.

    Raises:
        FileNotFoundError, ValueError: no such file, no picture, or a JPEG that is cut off.
    """
    return look_at_picture(path)[0]


def look_at_picture(path: Path) -> tuple[tuple[int, int], bool]:
    """As :func:`picture_size`, and whether there is such a note (EXIF orientation).

    Raises:
        FileNotFoundError, ValueError: as :func:`picture_size`.
    """
    try:
        glance_at_jpeg(path)
        with Image.open(path) as image:
            note = image.getexif().get(_ORIENTATION, 1)
            size = image.size
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such picture') from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path}: no whole picture ({str(error)[:100]}); fetch it again') from None
    return (size[::-1] if note in _SIDEWAYS else size), note in range(2, 9)
