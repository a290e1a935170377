"""The metric that a Runner calls for stereo: any data sets in one run, by the rules of a named evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from numpy.typing import NDArray

from perception_kd.evaluation.stereo.errors import measure, region_masks
from perception_kd.evaluation.stereo.predictions import FORMATS, pair_name, write_prediction
from perception_kd.evaluation.stereo.protocols import DEFAULT, Protocol, protocol_of
from perception_kd.evaluation.stereo.summary import DatasetErrors, PictureErrors, flatten_figures, format_figures
from perception_kd.files import write_json
from perception_kd.registry import METRICS

METRICS_FILE = 'stereo_metrics.json'
UNNAMED = 'stereo'
"""What a data set without a name is called."""


@METRICS.register_module()
class StereoMetric(BaseMetric):
    """End-point error, shares of bad pixels and D1, for every region that is known and by both aggregates.

    Figures are called ``<dataset>/<figure>_<region>``: ``stereo/middlebury/BP-2_noc``. Pixels without a finite
    prediction count as bad; EPE leaves them out, and ``density`` says how many have one.

    Args:
        protocol: Whose rules: ``ffs``, ``raft_stereo``, ``openstereo`` or ``lite_any_stereo``; by data set.
        region, aggregate, max_disp, thresholds: Other than the protocol's, for all data sets; see :class:`Protocol`.
            ``max_disp`` of infinity takes a limit away.
        save_dir: Folder for ``stereo_metrics.json`` and for ``predictions/<dataset>/<pair>``, which
            ``tools/evaluate.py stereo`` scores to the same figures; None: nothing is kept.
        save_format: Of the predictions: ``pfm``, ``npy`` or ``png`` (16 bit, which rounds); None: figures alone.
        format_only: Write predictions, score nothing; for pairs without truth.
        prefix, collect_device: As in mmengine.

    Raises:
        ValueError: an unknown name, or ``format_only`` without a place to write.
    """

    def __init__(self, *, protocol: str = DEFAULT, region: str | None = None, aggregate: str | None = None,
                 max_disp: float | None = None, thresholds: Sequence[float] | None = None,
                 save_dir: str | None = None, save_format: str | None = 'pfm', format_only: bool = False,
                 prefix: str | None = 'stereo', collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and (save_dir is None or save_format is None):
            raise ValueError('format_only needs save_dir and save_format: where predictions go, and in which form')
        if save_format not in (None, *FORMATS):
            raise ValueError(f'save_format is one of {", ".join(FORMATS)} or None, got {save_format!r}')
        self.preset, self.save_dir, self.save_format, self.format_only = protocol, save_dir, save_format, format_only
        self._changes = dict(region=region, aggregate=aggregate, max_disp=max_disp, thresholds=thresholds)
        self._protocol('')  # says now what is wrong with a choice
        self._written: set[Path] = set()

    def _protocol(self, dataset: str) -> Protocol:
        return protocol_of(dataset, self.preset, **self._changes)

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Measure a batch, and write its maps where they are wanted.

        Args:
            data_batch: Not looked at.
            data_samples: Of :class:`StereoDataSample` with ``pred_disp`` and, unless ``format_only``, truth.
        """
        for sample in data_samples:
            dataset, name = sample.get('dataset') or UNNAMED, pair_name(sample['left_path'], sample.get('scene') or '')
            predicted = _array(sample['pred_disp']).astype(np.float32)
            if self.save_dir is not None and self.save_format is not None:
                self._write(dataset, name, predicted)
            errors = None if self.format_only else self._measure(dataset, name, predicted, sample)
            self.results.append((dataset, errors))

    def _measure(self, dataset: str, name: str, predicted: NDArray, sample: Mapping[str, Any]) -> PictureErrors:
        if 'gt_disp' not in sample or 'gt_valid' not in sample:
            raise ValueError(f'pair {dataset} {name} has no true disparity; give its data set LoadDisparity, or write '
                             'predictions alone with format_only')
        noc = _array(sample['gt_noc']) if 'gt_noc' in sample else None
        try:
            return measure_picture(name, predicted, _array(sample['gt_disp']), _array(sample['gt_valid']), noc,
                                   self._protocol(dataset))
        except ValueError as error:
            raise ValueError(f'pair {dataset} {name}: {error}') from error

    def _write(self, dataset: str, name: str, predicted: NDArray) -> None:
        folder = Path(self.save_dir) / 'predictions' / dataset
        path = write_prediction(folder, name, predicted, self.save_format)
        if path in self._written:
            raise ValueError(f'{path}: two pairs of {dataset} are called {name}, so one prediction would replace the '
                             'other; give their samples a scene')
        self._written.add(path)

    def evaluate(self, size: int) -> dict[str, float]:
        """As mmengine's, on every rank; ``size`` pairs make the whole."""
        self._written.clear()
        return super().evaluate(size)

    def compute_metrics(self, results: list[tuple[str, PictureErrors | None]]) -> dict[str, float]:
        """Print the table and give the figures; see :func:`flatten_figures`."""
        if self.format_only:
            print_log(f'predictions: {Path(self.save_dir) / "predictions"}: {len(results)} pairs', logger='current')
            return {}
        by_dataset: dict[str, list[PictureErrors]] = {}
        for dataset, errors in results:
            by_dataset.setdefault(dataset, []).append(errors)
        found = [DatasetErrors(dataset, self._protocol(dataset), pictures) for dataset, pictures in by_dataset.items()]
        print_log('\n' + format_figures(found), logger='current')
        if self.save_dir is not None:
            write_metrics(self.save_dir, found, self.preset)
        return flatten_figures(found)


def measure_picture(name: str, predicted: NDArray, truth: NDArray, valid: NDArray, noc: NDArray | None,
                    protocol: Protocol) -> PictureErrors:
    """Errors of one map (H, W) in every region that is known.

    Raises:
        ValueError: maps that do not belong together.
    """
    rules = dict(thresholds=protocol.thresholds, max_disp=protocol.max_disp, d1_share=protocol.d1_share)
    masks = region_masks(valid.astype(bool), None if noc is None else noc.astype(bool))
    return PictureErrors(name, {region: measure(predicted, truth, mask, **rules) for region, mask in masks.items()})


def write_metrics(folder: str | Path, datasets: Sequence[DatasetErrors], preset: str, **more: Any) -> Path:
    """Write ``stereo_metrics.json``: figures by data set, region and aggregate, sums of every pair, ``more``."""
    path = Path(folder) / METRICS_FILE
    write_json(path, {'protocol': preset, **more, 'datasets': {one.dataset: one.as_dict() for one in datasets}})
    return path


def _array(values: Any) -> NDArray:
    return values.detach().cpu().numpy() if hasattr(values, 'detach') else np.asarray(values)
