"""Scores of disparity maps that lie in files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from perception_kd.datasets.stereo.dataset import StereoDataset
from perception_kd.evaluation.stereo.metric import measure_picture
from perception_kd.evaluation.stereo.pairs import samples
from perception_kd.evaluation.stereo.predictions import find_prediction, pair_name, read_prediction
from perception_kd.evaluation.stereo.protocols import Protocol
from perception_kd.evaluation.stereo.summary import DatasetErrors, PictureErrors


def score_folder(folder: str | Path, dataset: StereoDataset, protocol: Protocol,
                 progress: Callable[[str], None] = lambda name: None) -> DatasetErrors:
    """Errors of the maps of a folder; see :mod:`predictions` for how files are called.

    Args:
        folder: Of the predictions.
        dataset: With truth; pictures are not needed.
        protocol: Rules.
        progress: Told the name of each pair when it is measured.

    Raises:
        FileNotFoundError, ValueError: a pair without prediction, two with one file, or a map of another size.
    """
    taken: dict[Path, str] = {}
    pictures = []
    pairs = [dataset.get_data_info(index) for index in range(len(dataset))]
    files = [find_prediction(folder, pair['left_path'], pair['scene']) for pair in pairs]
    for path, sample in zip(files, samples(dataset)):
        name = pair_name(sample['left_path'], sample['scene'])
        if path in taken:
            raise ValueError(f'{path}: the prediction for {taken[path]} and for {name}; call it as the pair: {name}')
        taken[path] = name
        try:
            pictures.append(measure_sample(read_prediction(path), sample, protocol))
        except ValueError as error:
            raise ValueError(str(error) if str(path) in str(error) else f'{path}: {error}') from error
        progress(name)
    return DatasetErrors(dataset.name, protocol, pictures)


def measure_sample(predicted: NDArray, sample: Mapping[str, Any], protocol: Protocol) -> PictureErrors:
    """Errors of a map (H, W) in px against a sample with ``disp``, ``valid`` and maybe ``noc``.

    Raises:
        ValueError: another size than the truth's.
    """
    name = pair_name(sample['left_path'], sample['scene'])
    return measure_picture(name, predicted, sample['disp'], sample['valid'], sample.get('noc'), protocol)
