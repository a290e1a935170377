"""What stands on the command line as sources of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from perception_kd.inference.uav import pictures, video
from perception_kd.inference.uav.frames import Source
from perception_kd.inference.uav.pictures import Named, PictureSource, annotated_pictures, in_order
from perception_kd.inference.uav.stream import StreamSource
from perception_kd.inference.uav.video import VideoSource

LISTS, ANNOTATIONS = ('.txt', '.lst'), ('.json',)


@dataclass
class Inputs:
    """Sources, and the category ids of an annotation file, by name."""

    sources: list[Source] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How inputs are read.

    Args:
        every: Look at each k-th frame.
        rate: Frames per second, see the sources.
        attempts: See ``StreamSource``.

    Raises:
        ValueError: a number out of range.
    """

    every: int = 1
    rate: float | None = None
    attempts: int = 8

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f'--every is 1 or more, got {self.every}')
        if self.rate is not None and not 0 < self.rate <= 1000:
            raise ValueError(f'--fps is above 0 and at most 1000, got {self.rate:g}')
        if self.attempts < 0:
            raise ValueError(f'--reconnect is 0 or more, got {self.attempts}')


def sources_of(words: Sequence[str | Path], reading: Reading | None = None) -> Inputs:
    """Sources in the order given; pictures that follow each other are one.

    Args:
        words: Pictures, videos, folders of these, lists (``.txt``, a path a line), annotation files (``.json``),
            numbers of webcams, addresses.
        reading: How.

    Raises:
        FileNotFoundError, ValueError: nothing there, or what is there is none of these.
    """
    reading, found, loose = reading or Reading(), Inputs(), []
    for word in words:
        path = Path(word)
        if path.suffix.lower() in pictures.SUFFIXES and '://' not in str(word) and not path.is_dir():
            loose.append(path)
        else:
            _add(found, word, reading)
    if loose:
        found.sources.insert(0, _pictures(loose, 'pictures', reading))
    _name_apart(found.sources)
    return found


def _add(found: Inputs, word: str | Path, reading: Reading) -> None:
    """The sources of one word that is no picture."""
    path = Path(word)
    if '://' in str(word) or (str(word).isdecimal() and not path.exists()):
        found.sources.append(_remote(str(word), reading))
    elif path.is_dir():
        found.sources += _of_folder(path, reading)
    elif path.suffix.lower() in video.SUFFIXES:
        found.sources.append(VideoSource(path, name=path.stem, every=reading.every, rate=reading.rate))
    elif path.suffix.lower() in LISTS:
        inner = sources_of(_listed(path), reading)
        found.sources += inner.sources
    elif path.suffix.lower() in ANNOTATIONS:
        named, categories = annotated_pictures(path)
        found.categories |= categories
        found.sources += [PictureSource(files, name=name, rate=reading.rate, every=reading.every)
                          for name, files in named.items()]
    elif path.exists():
        raise ValueError(f'{path} is neither a picture ({_few(pictures.SUFFIXES)}) nor a video '
                         f'({_few(video.SUFFIXES)}), a list (.txt) or a COCO file (.json)')
    else:
        raise FileNotFoundError(f'{path}: no such file or folder; a webcam is given by its number, a stream as '
                                'rtsp://HOST/PATH')


def _remote(word: str, reading: Reading) -> Source:
    path = Path(urlsplit(word).path)
    if word.startswith(('http', 'file')) and path.suffix.lower() in video.SUFFIXES:
        return VideoSource(word, name=path.stem, every=reading.every, rate=reading.rate)
    return StreamSource(int(word) if word.isdecimal() else word, every=reading.every, attempts=reading.attempts,
                        rate=reading.rate)


def _of_folder(folder: Path, reading: Reading) -> list[Source]:
    """Its pictures as one source, and its videos; folders in it are not looked into."""
    files = in_order(path for path in folder.iterdir() if path.is_file() and not path.name.startswith('.'))
    images = [path for path in files if path.suffix.lower() in pictures.SUFFIXES]
    films = [path for path in files if path.suffix.lower() in video.SUFFIXES]
    if not images and not films:
        raise FileNotFoundError(f'{folder} holds neither pictures ({_few(pictures.SUFFIXES)}) nor videos '
                                f'({_few(video.SUFFIXES)}); folders in it are not looked into')
    found: list[Source] = [_pictures(images, folder.resolve().name, reading)] if images else []
    return [*found, *(VideoSource(path, name=path.stem, every=reading.every, rate=reading.rate) for path in films)]


def _pictures(paths: Sequence[Path], name: str, reading: Reading) -> PictureSource:
    return PictureSource([Named(path) for path in paths], name=name, rate=reading.rate, every=reading.every)


def _listed(path: Path) -> list[str | Path]:
    """What a list names, relative to its folder; empty lines and those that begin with # are left out.

    Raises:
        FileNotFoundError: no such list.
        ValueError: it names nothing, or another list.
    """
    if not path.is_file():
        raise FileNotFoundError(f'list {path} does not exist')
    lines = [line.strip() for line in path.read_text(errors='replace').splitlines()]
    words = [line for line in lines if line and not line.startswith('#')]
    if not words:
        raise ValueError(f'list {path} names nothing: it has a path a line')
    if any(Path(word).suffix.lower() in LISTS for word in words):
        raise ValueError(f'list {path} names another list; name files and folders')
    return [word if '://' in word else path.parent / word for word in words]


def _name_apart(sources: Sequence[Source]) -> None:
    """Give sources of equal names a number, so that their films do not replace each other."""
    taken: set[str] = set()
    for source in sources:
        name, number = source.name, 2
        while source.name.lower() in taken:
            source.name, number = f'{name}_{number}', number + 1
        taken.add(source.name.lower())


def _few(suffixes: Sequence[str]) -> str:
    return f'{", ".join(suffixes[:3])} ...'
