"""Pairs in folders of one's own, and what patterns may not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception_kd.datasets.stereo.patterns import PairLayout


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_wildcards_stand_for_what_the_left_name_has(tmp_path: Path) -> None:
    touch(tmp_path, 'a/b/x_L.png', 'a/b/x_R.png', 'a/b/x.pfm', 'y_L.png', 'y_R.png', 'a/b/z_R.png', 'truth/a/b/x.png')
    layout = PairLayout(left='**/*_L.png', right='**/*_R.png', disp=('**/*.pfm', '**/*.png'), noc='truth/**/*.png')
    first, second = layout.pairs(tmp_path)
    assert first['scene'] == 'a/b/x' and second['scene'] == 'y'
    assert first['right_path'] == str(tmp_path / 'a/b/x_R.png')
    assert first['disp_path'] == str(tmp_path / 'a/b/x.pfm') and 'disp_path' not in second
    assert first['noc_path'] == str(tmp_path / 'truth/a/b/x.png') and 'noc_path' not in second


def test_names_that_look_like_patterns(tmp_path: Path) -> None:
    root = tmp_path / 'set [1]'
    touch(root, 'left+/a[0]?.png', 'right+/a[0]?.png')
    pair, = PairLayout(left='{side}+/*?.png', right='right+/*?.png', choices={'side': ('left',)}).pairs(root)
    assert pair['scene'] == 'a[0]' and Path(pair['right_path']).is_file()


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path / 'disk', 'a/im0.png')
    (tmp_path / 'root').mkdir()
    (tmp_path / 'root' / 'link').symlink_to(tmp_path / 'disk')
    pair, = PairLayout(left='**/im0.png', right='**/im1.png').pairs(tmp_path / 'root')
    assert pair['scene'] == 'link/a'


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    layout = PairLayout(left='{split}/{kind}/*.png', right='{split}/r/*.png', choices={'kind': ('a', 'b')})
    with pytest.raises(ValueError, match=r'no left picture train/a/\*\.png or train/b/\*\.png; check'):
        layout.pairs(tmp_path, split='train')
    with pytest.raises(ValueError, match='nothing to select by light; it has kind'):
        layout.pairs(tmp_path, select={'light': ['E']})
    with pytest.raises(FileNotFoundError, match='does not exist'):
        layout.pairs(tmp_path / 'none')


def test_impossible_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match='different wildcards'):
        PairLayout(left='*/im0.png', right='im1.png')
    with pytest.raises(ValueError, match="no decoder 'png'"):
        PairLayout(left='*', right='*', decoder='png')
    with pytest.raises(ValueError, match='nothing stands for spilt'):
        PairLayout(left='{spilt}/*', right='*')
