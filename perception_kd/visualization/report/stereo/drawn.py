"""Pairs of a data set drawn as several runs see them, as JPEG for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perception_kd.datasets.stereo.dataset import StereoDataset
from perception_kd.evaluation.stereo.predictions import find_prediction, pair_name, read_prediction
from perception_kd.visualization.report.drawn_frames import WIDTH, jpeg
from perception_kd.visualization.report.runs import Run
from perception_kd.visualization.report.stereo.tested import Tested
from perception_kd.visualization.stereo.sheet import StereoView, draw_stereo

_KEPT = ('data_root', 'layout', 'ann_file', 'split', 'select', 'name', 'truth', 'skip_incomplete', 'count',
         'count_seed')
_PACKED = 'PackStereoInputs'
_COLUMN = 300  # px of the sheet, for each model and the left picture


def can_draw(tested: Tested) -> bool:
    """Whether maps and pictures are on this machine."""
    return bool(tested.maps and tested.pairs.get('data_root'))


class PairDrawer:
    """Draws pairs of one data set.

    Args:
        dataset: Its name.
        runs: With maps of it, from left to right; the last one's settings say where the pictures are.

    Raises:
        FileNotFoundError, ValueError: the data set is not as its settings say.
    """

    def __init__(self, *, dataset: str, runs: Sequence[Run]) -> None:
        self.maps = {run.title: run.tested[dataset].maps for run in runs}
        self.pairs = _opened(runs[-1].tested[dataset].pairs)
        infos = (self.pairs.get_data_info(index) for index in range(len(self.pairs)))
        self.places = {pair_name(info['left_path'], info['scene']): place for place, info in enumerate(infos)}

    def draw(self, name: str) -> bytes:
        """A JPEG of one pair: left picture and truth, and for each run its disparity and its errors.

        Raises:
            FileNotFoundError, ValueError: no such pair, or a file of it is missing or broken.
        """
        if name not in self.places:
            raise ValueError(f'{self.pairs.data_root}: there is no pair {name} among {len(self.pairs)}')
        sample = self.pairs[self.places[name]]
        models = {title: read_prediction(find_prediction(folder, sample['left_path'], sample['scene']))
                  for title, folder in self.maps.items()}
        truth = {key: sample[key] for key in ('disp', 'valid', 'noc') if key in sample}
        view = StereoView(title=name, left=sample['left'], models=models, **truth)
        return jpeg(draw_stereo([view], width=_COLUMN * (1 + len(models))).pixels(dpi=150, max_width=WIDTH))


def _opened(settings: Mapping[str, Any]) -> StereoDataset:
    """The data set with its steps but the last, which packs; foreign steps are built under our scope."""
    steps = [dict(step, _scope_='perception_kd') for step in settings.get('pipeline') or ()
             if step.get('type') != _PACKED]
    return StereoDataset(**{key: settings[key] for key in _KEPT if key in settings}, pipeline=steps, test_mode=True)
