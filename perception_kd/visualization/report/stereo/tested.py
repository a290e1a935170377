"""Figures of stereo as ``tools/test.py`` and ``tools/evaluate.py`` leave them, with the errors of every picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.evaluation.stereo.errors import RegionErrors
from perception_kd.evaluation.stereo.protocols import Protocol
from perception_kd.evaluation.stereo.summary import DatasetErrors, PictureErrors
from perception_kd.visualization.report.dumped_config import read_dumped_config
from perception_kd.visualization.report.moved import find_moved

METRICS, TEST, WORLD = 'stereo_metrics.json', 'test', 'stereo_simulation.json'
_AGAIN = 'score it again with tools/test.py, or move the file away'
_CONFIGS = (f'{TEST}/*/vis_data/config.py', '*/vis_data/config.py')


@dataclass(frozen=True)
class Tested:
    """One data set that a matcher was scored on.

    Args:
        errors: Of every picture, with the rules.
        maps: Folder of the predicted disparities; None where they were not kept.
        pairs: Settings of the ``StereoDataset``, its ``data_root`` where it is on this machine; empty without.
        world: Stamp of simulated pairs; empty for others, and where nothing says so.
        settings: Of a matcher without weights; empty of others.
    """

    errors: DatasetErrors
    maps: Path | None = None
    pairs: Mapping[str, Any] = field(default_factory=dict)
    world: str = ''
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def split(self) -> str:
        """As the folders of the data set have it."""
        return str(self.pairs.get('split') or '')


def is_tested(folder: Path) -> bool:
    """Whether figures of stereo lie in a folder, or where ``tools/test.py`` puts them by default."""
    return any((folder / inner / METRICS).is_file() for inner in ('', TEST))


def read_tested(folder: Path, root: Path | None = None) -> dict[str, Tested]:
    """Data sets by name: from the folder itself, from its ``test``, then from its other folders by name.

    Args:
        folder: Of a run.
        root: Data root of all, if not where the configs say.

    Raises:
        ValueError: a file is damaged.
    """
    others = sorted(path.parent for path in folder.glob(f'*/{METRICS}'))
    found: dict[str, Tested] = {}
    for place in dict.fromkeys((folder, folder / TEST, *others)):
        if (place / METRICS).is_file():
            found = {**_read(place, folder, root), **found}
    return found


def _read(place: Path, folder: Path, root: Path | None) -> dict[str, Tested]:
    path = place / METRICS
    content = read_json(path, _AGAIN)
    try:
        errors = {name: _errors(name, entry) for name, entry in content['datasets'].items()}
        settings = dict(content.get('settings') or {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f'{path} is damaged: {type(error).__name__}: {error}; {_AGAIN}') from None
    pairs = {_name(one): one for one in _data_sets(place) or _data_sets(folder)}
    return {name: _tested(one, place, dict(pairs.get(name, {})), root, settings) for name, one in errors.items()}


def _tested(errors: DatasetErrors, place: Path, pairs: dict[str, Any], root: Path | None,
            settings: Mapping[str, Any]) -> Tested:
    here = root or find_moved(place, pairs.get('data_root'))
    stamp = here / WORLD if here else None
    world = read_json(stamp, 'simulate the pairs again').get('stamp', '') if stamp and stamp.is_file() else ''
    if pairs:
        pairs['data_root'] = str(here) if here else None
    maps = place / 'predictions' / errors.dataset
    return Tested(errors, maps if maps.is_dir() else None, pairs, world, settings)


def _errors(name: str, entry: Mapping[str, Any]) -> DatasetErrors:
    rules = {key: value for key, value in entry['protocol'].items() if key != 'text'}
    protocol = Protocol(**{**rules, 'thresholds': tuple(rules['thresholds'])})
    pictures = [PictureErrors(picture, {region: _sums(sums, len(protocol.thresholds))
                                        for region, sums in regions.items()})
                for picture, regions in entry['pictures'].items()]
    if not pictures:
        raise ValueError(f'no pictures of {name}')
    return DatasetErrors(name, protocol, pictures)


def _sums(sums: Mapping[str, Any], thresholds: int) -> RegionErrors:
    bad = tuple(map(int, sums['bad']))
    if len(bad) != thresholds:
        raise ValueError(f'{len(bad)} counts for {thresholds} thresholds')
    return RegionErrors(int(sums['pixels']), int(sums['predicted']), float(sums['error']), bad, int(sums['outliers']))


def _data_sets(place: Path) -> list[dict[str, Any]]:
    """Of the newest test in a folder, else of its training."""
    for pattern in _CONFIGS:
        found = sorted(place.glob(pattern))
        if found:
            return list(_inside((read_dumped_config(found[-1]).get('test_dataloader') or {}).get('dataset')))
    return []


def _inside(settings: Any) -> Iterator[dict[str, Any]]:
    """A data set, or those that another one is made of."""
    if not isinstance(settings, dict):
        return
    if settings.get('type') == 'StereoDataset':
        yield settings
    for one in settings.get('datasets') or ():
        yield from _inside(one)


def _name(settings: Mapping[str, Any]) -> str:
    """As ``StereoDataset`` calls it."""
    layout = settings.get('layout') or 'middlebury'
    return str(settings.get('name') or Path(settings.get('ann_file') or '').stem
               or (layout if isinstance(layout, str) else 'pairs'))
