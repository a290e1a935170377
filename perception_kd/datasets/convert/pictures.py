"""Pictures that go into a converted data set as they are."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image


def read_picture(path: Path, why: str = 'the labels name this frame') -> tuple[bytes, tuple[int, int]]:
    """The file's bytes and the picture's width and height; decodes it all, since a header alone proves little.

    Raises:
        FileNotFoundError, ValueError: missing (``why`` it should be there) or cut off.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; {why}')
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return content, image.size
    except (OSError, SyntaxError) as error:
        raise ValueError(f'{path} is no whole picture ({error}); fetch it again') from None
