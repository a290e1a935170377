"""Released stereo weights -> a checkpoint of ours and the config that it fits, each layer accounted for."""

from __future__ import annotations

from pathlib import Path

import torch

from perception_kd.distill.weights import LoadReport, compare_weights
from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.engine.safe_checkpoint import write_checkpoint
from perception_kd.files import check_file_target, require_file, write_json
from perception_kd.models.stereo.released.fast import Converted
from perception_kd.models.stereo.released.foundation import foundation_model, from_foundation_stereo
from perception_kd.models.stereo.released.isolated import read_isolated
from perception_kd.registry import MODELS, SCOPE

SOURCES = ('foundation-stereo', 'fast-foundation-stereo')


def convert_stereo_weights(source: str, path: str | Path, out: str | Path, *, trust: bool = False) -> LoadReport:
    """Write ``out``, a checkpoint, and beside it the config of its model with the suffix ``.json``.

    Args:
        source: One of ``SOURCES``.
        path: The released file. Of FoundationStereo it holds tensors; of Fast-FoundationStereo whole modules.
        out: File to write, ``.pth``.
        trust: Read pickled modules. No code of the file is run, and it is read in a process of its own.

    Returns:
        What became of the parameters; all of them matched.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is of another model, needs ``trust``, or would be replaced by its own conversion.
    """
    path, out = require_file(path, 'checkpoint'), Path(out)
    if source not in SOURCES:
        raise ValueError(f'released weights are of {" or ".join(SOURCES)}, got {source!r}')
    if out.suffix != '.pth':
        raise ValueError(f'{out}: name a .pth file; its config is written beside it as .json')
    if out.exists() and out.samefile(path):
        raise ValueError(f'{out} is the released file itself: name another')
    check_file_target(out)
    converted = _read(source, path, trust)
    report = check_fit(converted, who=str(path))
    write_json(out.with_suffix('.json'), dict(default_scope=SCOPE, model=converted.model))
    write_checkpoint(out, dict(meta=dict(source=source), state_dict=converted.weights))
    return report


def _read(source: str, path: Path, trust: bool) -> Converted:
    if source == 'fast-foundation-stereo':
        if not trust:
            raise ValueError(f'{path} holds pickled modules, a form that can carry code: if you know where it is from, '
                             'say so with --trust; it is then read in a process of its own, without that code')
        return read_isolated(path)
    weights = from_foundation_stereo(load_weights(path), who=str(path))
    return Converted(foundation_model(weights, who=str(path)), weights)


def check_fit(converted: Converted, who: str) -> LoadReport:
    """Hold the weights against the model that the config builds; nothing is missing, nothing left over.

    Raises:
        ValueError: naming what does not fit.
    """
    with torch.device('meta'):
        model = MODELS.build(dict(converted.model))
    report = compare_weights(model, converted.weights)
    if report.problems:
        raise ValueError(f'{who}: the weights do not fit the model they were taken for: {report}')
    return report
