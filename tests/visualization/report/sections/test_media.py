"""Pictures, films and maps of the page: what lies there is shown, what no page can show is told."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perception_kd.visualization.movie import open_movie
from perception_kd.visualization.report.blocks import Film, Gallery, Heading, Picture, Text
from perception_kd.visualization.report.drawn_frames import page_picture
from perception_kd.visualization.report.sections import maps, pictures, view3d
from tests.visualization.report.sections.runsets import run_set


def draw(path: Path, colour: tuple[int, ...] = (200, 30, 30), size: tuple[int, int] = (80, 40)) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new('RGBA' if len(colour) == 4 else 'RGB', size, colour).save(path)
    return path


def film(path: Path) -> Path:
    with open_movie(path, fps=2) as movie:
        for shade in (60, 200):
            movie.add(np.full((32, 48, 3), shade, np.uint8))
    return path


def test_pictures_and_films_of_their_folder_are_shown(tmp_path: Path) -> None:
    folder = tmp_path / 'pictures'
    files = (draw(folder / 'scene.png'), draw(folder / 'compare.png'), draw(folder / 'own_drive.png'),
             film(folder / 'film.mp4'), draw(folder / 'view3d.png'), draw(tmp_path / 'chart.png'))
    compare, scene, drive, gallery = pictures.section(run_set(tmp_path, files=files)).blocks
    assert 'cameras' in scene.alt and 'side by side' in compare.alt
    assert isinstance(drive, Film) and drive.data == files[3].read_bytes()
    first = np.asarray(Image.open(BytesIO(drive.poster.data)))
    assert first.shape == (32, 48, 3) and abs(first.mean() - 60) < 6, 'the first frame'
    assert isinstance(gallery, Gallery) and [one.caption for one in gallery.pictures] == ['own drive']
    space = view3d.section(run_set(tmp_path, files=files))
    assert len(space.blocks) == 1 and isinstance(space.blocks[0], Picture)


def test_views_in_space_are_named_by_their_files(tmp_path: Path) -> None:
    folder = tmp_path / 'view3d'
    files = (draw(folder / 'behind.png'), draw(folder / 'view3d_top.png'), film(folder / 'orbit.mp4'))
    orbit, gallery = view3d.section(run_set(tmp_path, files=files)).blocks
    assert orbit.caption == 'View: orbit.'
    assert [one.caption for one in gallery.pictures] == ['View: behind.', 'View: top.']
    assert view3d.section(run_set(tmp_path)) is None and pictures.section(run_set(tmp_path)) is None


def test_films_that_no_page_shows_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / 'view3d.mp4')
    old = tmp_path / 'view3d_old.mp4'
    old.write_bytes(path.read_bytes().replace(b'vp09', b'mp4v'))
    first, second = view3d.section(run_set(tmp_path, files=(path, old))).blocks
    assert isinstance(first, Film) and isinstance(second, Text) and 'view3d_old.mp4' in second.text
    monkeypatch.setattr('perception_kd.visualization.report.media.LARGEST_FILM', 100)
    assert 'too large' in view3d.section(run_set(tmp_path, files=(path,))).blocks[0].text


def test_maps_are_grouped_as_their_list_says(tmp_path: Path) -> None:
    for name in ('a.png', 'b.png', 'c.png'):
        draw(tmp_path / name)
    entries = [dict(file=name, title=f'map {name[0]}', caption='lidar.bev teaches.', group=group) for name, group in (
        ('a.png', 'lidar_to_radar'), ('b.png', 'lidar_to_radar'), ('c.png', 'average'), ('gone.png', 'average'),
        ('../outside.png', 'average'))]
    draw(tmp_path.parent / 'outside.png')
    (tmp_path / 'maps.json').write_text(json.dumps({'pictures': entries}))
    first, gallery, second, single = maps.section(run_set(tmp_path, files=(tmp_path / 'maps.json',))).blocks
    assert (first, second) == (Heading('LiDAR to radar'), Heading('Average'))
    assert [one.caption for one in gallery.pictures] == [f'Map {name}. lidar.bev teaches.' for name in 'ab']
    assert isinstance(single, Picture) and single.alt == 'map c'
    for content in ('{', '{"pictures": 3}', '{"pictures": [{}]}', '[]'):
        (tmp_path / 'maps.json').write_text(content)
        with pytest.raises(ValueError, match=r'maps\.json is damaged'):
            maps.section(run_set(tmp_path, files=(tmp_path / 'maps.json',)))


def test_large_pictures_become_small_ones_on_paper(tmp_path: Path) -> None:
    small = draw(tmp_path / 'small.png')
    assert page_picture(small) == (small.read_bytes(), 'png')
    data, kind = page_picture(draw(tmp_path / 'wide.png', (0, 0, 0, 0), (400, 100)), width=100)
    read = Image.open(BytesIO(data))
    assert kind == 'jpeg' and read.size == (100, 25) and np.asarray(read).min() > 250, 'what is clear is paper'
    (tmp_path / 'cut.png').write_bytes(small.read_bytes()[:40])
    with pytest.raises(ValueError, match=r'cut\.png is damaged'):
        page_picture(tmp_path / 'cut.png')
