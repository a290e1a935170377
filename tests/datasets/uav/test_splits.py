"""A video is never parted, and what a set says of its splits is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception_kd.datasets.uav.convert import thin_out, unique_names
from perception_kd.datasets.uav.records import Clip, Frame
from perception_kd.datasets.uav.splits import split_by_video


def clip(name: str, count: int, split: str = '', *, single: bool = False) -> Clip:
    return Clip(name=name, frames=tuple(Frame(number=number) for number in range(count)), split=split, single=single)


@given(st.lists(st.integers(1, 50), min_size=3, max_size=40), st.integers(0, 9))
def test_every_split_has_a_video_and_about_its_share(sizes, seed):
    clips = [clip(f'v{place}', size) for place, size in enumerate(sizes)]
    found = split_by_video(clips, shares=(0.6, 0.2, 0.2), seed=seed)
    assert [one.name for one in found] == [one.name for one in clips]
    counts = {split: sum(len(one.frames) for one in found if one.split == split) for split in ('train', 'val', 'test')}
    assert min(counts.values()) > 0 and sum(counts.values()) == sum(sizes)
    for split in ('val', 'test'):
        assert counts[split] <= 0.2 * sum(sizes) + max(sizes)


def test_the_draw_depends_on_names_and_seed_alone():
    clips = [clip(f'v{place}', 3) for place in range(30)]
    chosen = {one.name: one.split for one in split_by_video(clips)}
    assert chosen == {one.name: one.split for one in split_by_video(clips[::-1])}
    assert chosen != {one.name: one.split for one in split_by_video(clips, seed=1)}
    assert sorted(chosen.values()).count('train') == 20  # 13.5 frames a side are 5 videos of 3


def test_parts_of_a_video_stay_together():
    found = split_by_video([clip('a', 2), clip('b', 2), clip('a', 5)], shares=(0.5, 0.5, 0))
    assert found[0].split == found[2].split != found[1].split


def test_splits_of_the_set_are_kept_unless_they_shall_not():
    clips = [clip('a', 2, 'val'), clip('b', 2), clip('c', 2, 'test')]
    assert [one.split for one in split_by_video(clips)] == ['val', 'train', 'test']
    assert [one.split for one in split_by_video(clips, shares=(1, 0, 0), keep=False)] == ['train'] * 3


def test_impossible_splits_are_told():
    with pytest.raises(ValueError, match=r'7 pictures of 1 video \(a\) cannot be split into train, val, test'):
        split_by_video([clip('a', 7)])
    for shares in ((0.5, 0.5), (0.5, 0.5, 0.5), (1.5, -0.5, 0)):
        with pytest.raises(ValueError, match='three numbers that make 1'):
            split_by_video([clip('a', 7)], shares=shares)


def test_one_of_k_and_names_of_their_own():
    clips = [clip('a', 5), *(clip(f's{place}', 1, single=True) for place in range(5)), clip('A', 0)]
    found = thin_out(clips, 2)
    assert [(one.name, [frame.number for frame in one.frames]) for one in found] == [
        ('a', [0, 2, 4]), ('s0', [0]), ('s2', [0]), ('s4', [0])]
    clips = [clip('a/b', 1), clip('A/b', 1), clip('a/./b', 1), clip('a/b', 1, 'val')]
    assert [one.name for one in unique_names(clips)] == ['a/b', 'A/b~2', 'a/./b~3', 'a/b']
