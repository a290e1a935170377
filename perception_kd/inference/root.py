"""Samples of a nuScenes-format root; the infos of their scenes are made on the fly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from perception_kd.datasets.nuscenes.infos import scene_infos
from perception_kd.datasets.nuscenes.joined_tables import NuScenesTables
from perception_kd.datasets.nuscenes.missing_files import MissingFiles
from perception_kd.datasets.nuscenes.stamp import make_stamp
from perception_kd.inference.samples import Samples, choose


def versions_of(root: str | Path) -> list[str]:
    """Names of the versions whose tables are there."""
    return sorted(path.parent.name for path in Path(root).glob('*/scene.json'))


def samples_of_root(root: str | Path, *, version: str | None = None, chosen: Sequence[str] = (),
                    echo: Callable[[str], None] = print) -> Samples:
    """Key frames of a root.

    Args:
        root: With ``samples/`` and a folder of tables.
        version: That folder; None: the only one.
        chosen: Tokens, names of scenes, or positions among all key frames; none: all.
        echo: Told of sensor files that are not there.

    Raises:
        FileNotFoundError: no such version, or a sample without its LiDAR or a picture.
        ValueError: several versions and none was named, or no such sample.
    """
    there = versions_of(root)
    if version is None and len(there) > 1:
        raise ValueError(f'{root} has several versions, name one of {", ".join(there)} with --version')
    tables = NuScenesTables(root, version or there[0])
    names = tables.scene_names
    rows = {name: tables.samples_of_scene(name) for name in names}
    order = [row for name in names for row in rows[name]]
    tokens = [tables.samples.tokens[row] for row in order]
    place = {row: number for number, row in enumerate(order)}
    wanted = choose(chosen, tokens, {name: [place[row] for row in rows[name]] for name in names}, tables.folder)
    return _samples(tables, names, rows, [tokens[number] for number in wanted], echo)


def _samples(tables: NuScenesTables, names: Sequence[str], rows: dict[str, list[int]], wanted: list[str],
             echo: Callable[[str], None]) -> Samples:
    scenes = [name for name in names if set(wanted) & {tables.samples.tokens[row] for row in rows[name]}]
    gaps = MissingFiles(tables.root, tables.radar_channels)
    infos = [info for name in scenes for info in gaps.close(scene_infos(tables, name),
                                                            tables.channels_of([name], 'camera'))]
    lost = next((token for token in wanted if token in gaps.left_out), None)
    if lost:
        raise FileNotFoundError(f'{tables.root}: sample {lost} lacks {", ".join(gaps.left_out[lost])}; fetch the '
                                'files, or choose other samples')
    if gaps.count:
        echo(f'left out: {gaps}')
    if not any(info['instances'] for info in infos):  # as of test sets
        for info in infos:
            del info['instances']
    place = {info['token']: number for number, info in enumerate(infos)}
    return Samples(source=tables.folder, root=tables.root, infos=infos, chosen=[place[token] for token in wanted],
                   stamp=make_stamp(version=tables.folder.name, split='chosen'),
                   scenes={tables.samples.scene_tokens[rows[name][0]]: name for name in scenes})
