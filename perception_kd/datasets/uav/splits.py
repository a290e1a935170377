"""Training, validation and test by whole videos: neighbouring frames are all but the same picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from perception_kd.datasets.uav.names import SPLITS
from perception_kd.datasets.uav.records import Clip


def split_by_video(clips: Sequence[Clip], *, shares: Sequence[float] = (0.7, 0.15, 0.15), seed: int = 0,
                   keep: bool = True) -> list[Clip]:
    """Give every clip a split.

    Clips that have one keep it. If none has, they are shuffled by a hash of seed and name, which does not depend on
    what else is in the set, and filled up by their numbers of frames. Where only some have one, the others train.

    Args:
        clips: Of a set.
        shares: Of the frames, for training, validation and test. A share above 0 gets one clip at least.
        seed: Of the shuffle.
        keep: Keep splits that the set has.

    Raises:
        ValueError: shares that are none, or fewer clips than splits.
    """
    if len(shares) != len(SPLITS) or not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f'shares of train, val and test are three numbers that make 1, not {list(shares)}')
    if keep and any(clip.split for clip in clips):
        return [replace(clip, split=clip.split or SPLITS[0]) for clip in clips]
    wanted = [(split, share) for split, share in zip(SPLITS, shares) if share]
    names = {clip.name for clip in clips}
    if len(names) < len(wanted):
        frames = sum(len(clip.frames) for clip in clips)
        raise ValueError(f'{frames} pictures of {len(names)} video{"s"[:len(names) != 1]} '
                         f'({", ".join(sorted(names))[:80]}) cannot be split into '
                         f'{", ".join(split for split, _ in wanted)} without parting a video; name the videos by '
                         '--video REGEX, take pictures as unrelated by --single, or give --shares 1 0 0')
    chosen = _fill(clips, wanted, seed)
    return [replace(clip, split=chosen[clip.name]) for clip in clips]


def _fill(clips: Sequence[Clip], wanted: list[tuple[str, float]], seed: int) -> dict[str, str]:
    sizes: dict[str, int] = {}
    for clip in clips:
        sizes[clip.name] = sizes.get(clip.name, 0) + len(clip.frames)
    names = sorted(sizes, key=lambda name: hashlib.sha256(f'{seed} {name}'.encode()).digest())
    total, chosen = sum(sizes.values()), {}
    for place, (split, share) in reversed(list(enumerate(wanted))):  # the test and validation clips first
        taken, most = 0, share * total
        while len(names) > place and (not place or not taken or taken + sizes[names[-1]] / 2 <= most):
            name = names.pop()
            chosen[name], taken = split, taken + sizes[name]
    return chosen
