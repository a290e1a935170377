"""Pictures and films inside the page."""

from __future__ import annotations

import struct
from base64 import b64encode

from perception_kd.visualization.report.blocks import Film, Picture
from perception_kd.visualization.report.page.text import attribute


def data_uri(data: bytes, kind: str) -> str:
    """The bytes as a ``data:`` address."""
    return f'data:{kind};base64,{b64encode(data).decode()}'


def picture_html(picture: Picture) -> str:
    """A picture that opens large on a click."""
    width, height = picture_size(picture)
    shown = min(picture.width or width, width)
    image = (f'<img src="{data_uri(picture.data, f"image/{picture.kind}")}" alt={attribute(picture.alt)} '
             f'width="{width}" height="{height}" decoding="async">')
    return f'<button type="button" class="zoom" style="max-width:{shown}px" ' \
           f'aria-label={attribute(f"Enlarge: {picture.alt}")}>{image}</button>'


def film_html(film: Film) -> str:
    """A film with its controls; nothing plays by itself."""
    poster = ''
    if film.poster is not None:
        width, height = picture_size(film.poster)
        poster = (f' poster="{data_uri(film.poster.data, f"image/{film.poster.kind}")}" width="{width}" '
                  f'height="{height}"')
    return (f'<video controls muted loop playsinline preload="none"{poster} aria-label={attribute(film.alt)}>'
            f'<source src="{data_uri(film.data, "video/mp4")}" type="video/mp4">{film_note(film)}</video>')


def film_note(film: Film) -> str:
    """For browsers that play no film."""
    return f'<p>This browser does not play the film: {attribute(film.alt)[1:-1]}</p>'


def picture_size(picture: Picture) -> tuple[int, int]:
    """Width and height in pixels, from the file's header.

    Raises:
        ValueError: the file is cut off.
    """
    try:
        if picture.kind == 'png':
            return struct.unpack('>II', picture.data[16:24])
        return _jpeg_size(picture.data)
    except (struct.error, IndexError):
        raise ValueError(f'picture {picture.alt!r}: the file is cut off; no size is found in it') from None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """From the frame header (ITU T.81, B.2.2), past the segments before it."""
    place = 2
    while True:
        marker, length = data[place + 1], struct.unpack('>H', data[place + 2 : place + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack('>HH', data[place + 5 : place + 9])
            return width, height
        place += 2 + length
