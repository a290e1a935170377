"""SGBM over a data set: maps in files, figures, and the time it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from numpy.typing import NDArray

from perception_kd.datasets.stereo.dataset import StereoDataset
from perception_kd.evaluation.stereo.pairs import samples
from perception_kd.evaluation.stereo.predictions import pair_name, write_prediction
from perception_kd.evaluation.stereo.protocols import Protocol
from perception_kd.evaluation.stereo.sgbm import SGBM, SGBMSettings
from perception_kd.evaluation.stereo.stored import measure_sample
from perception_kd.evaluation.stereo.summary import DatasetErrors


def run_sgbm(dataset: StereoDataset, settings: SGBMSettings, out: str | Path, *, protocol: Protocol, form: str = 'pfm',
             progress: Callable[[str], None] = lambda name: None) -> tuple[DatasetErrors | None, list[float]]:
    """Match every pair, write ``out/predictions/<pair>``, measure it where its truth is known.

    Args:
        dataset: With pictures.
        settings: Of the matcher.
        out: Folder.
        protocol: Rules.
        form: Of the files, see ``predictions.FORMATS``.
        progress: Told the name of each pair when it is done.

    Returns:
        Errors, None where no pair has its truth; and the seconds of the matcher for each pair, without files.

    Raises:
        FileNotFoundError, ValueError: a file that cannot be read, or pictures that cannot be matched.
    """
    matcher, pictures, seconds = SGBM(settings), [], []
    for sample in samples(dataset):
        name = pair_name(sample['left_path'], sample['scene'])
        start = time.perf_counter()
        disparity = _match(matcher, sample['left'], sample['right'], name)
        seconds.append(time.perf_counter() - start)
        write_prediction(Path(out) / 'predictions', name, disparity, form)
        if 'disp' in sample:
            pictures.append(measure_sample(disparity, sample, protocol))
        progress(name)
    return DatasetErrors(dataset.name, protocol, pictures) if pictures else None, seconds


def _match(matcher: SGBM, left: NDArray, right: NDArray, name: str) -> NDArray:
    try:
        return matcher(left, right)
    except ValueError as error:
        raise ValueError(f'pair {name}: {error}') from error
