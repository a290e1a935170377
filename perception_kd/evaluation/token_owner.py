"""Whose key frames are these? Names version and split behind sample tokens that do not fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from perception_kd.datasets.nuscenes.tables import split_scenes
from perception_kd.evaluation.frames import split_tokens, version_tokens
from perception_kd.evaluation.submission import TokenMismatchError

OFFICIAL_COUNTS = {81: 'mini_val of v1.0-mini', 323: 'mini_train of v1.0-mini', 404: 'all of v1.0-mini',
                   6019: 'val of v1.0-trainval', 28130: 'train of v1.0-trainval', 34149: 'all of v1.0-trainval',
                   6008: 'test of v1.0-test'}  # fmt: skip
"""Key frames of the splits of nuScenes."""

_MOST = 0.99


@contextmanager
def naming_owner(root: str | Path) -> Iterator[None]:
    """Complete a complaint about other key frames with the version and split that they belong to.

    Args:
        root: nuScenes-format root.

    Raises:
        TokenMismatchError: the one from inside, with a longer message.
    """
    try:
        yield
    except TokenMismatchError as error:
        owner = token_owner(error.given, root)
        raise TokenMismatchError(f'{error} {owner}' if owner else str(error), error.given) from None


def token_owner(given: Collection[str], root: str | Path) -> str:
    """A sentence that names where sample tokens belong; empty where nobody knows.

    Args:
        given: Sample tokens.
        root: Its versions are looked through.
    """
    tokens = set(given)
    for folder in sorted(path.parent for path in Path(root).glob('*/sample.json')):
        try:
            own = tokens & set(version_tokens(root, folder.name))
            if own:
                return _inside(tokens, own, root, folder.name)
        except (ValueError, OSError):
            continue  # another version's trouble is not this one's
    if len(tokens) in OFFICIAL_COUNTS:
        return f'{len(tokens)} is the number of key frames of {OFFICIAL_COUNTS[len(tokens)]}.'
    return f'No version in {root} has any of these key frames.' if tokens else 'It answers for no key frame at all.'


def _inside(tokens: set[str], own: set[str], root: str | Path, version: str) -> str:
    parts = []
    for split in split_scenes(root, version):
        try:
            members = set(split_tokens(root, version, split))
        except ValueError:
            continue  # a split without key frames
        if own & members:
            whole = 'all' if members <= own else f'{len(own & members)} of the {len(members)}'
            parts.append(f'{whole} key frames of split {split!r}')
    named = ' and '.join(parts) or f'{len(own)} key frames outside of any split'
    rest = '' if len(own) >= _MOST * len(tokens) else f', and {len(tokens) - len(own)} that it does not have'
    return f'It answers for {named} of {version}{rest}.'
