"""The deployed file: the student alone, without teachers, connectors or optimiser."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from perception_kd.distill.checkpoint_origin import check_origin
from perception_kd.distill.weights import load_strictly
from perception_kd.engine.build import naming_config, require
from perception_kd.engine.foreign_checkpoint import ModelFile, load_model_file, load_weights
from perception_kd.engine.safe_checkpoint import write_checkpoint
from perception_kd.files import atomic_path
from perception_kd.registry import MODELS
from perception_kd.version import __version__

PREFIX = 'student.'
STEREO_MODELS = ('StereoMatcher',)
UAV_MODELS = ('UAVDetector', 'SlicedDetector')


def without_teachers(cfg: Config) -> Config:
    """A copy of ``cfg`` whose distiller holds the student alone, so that testing needs no teacher's weights.

    Predictions are the same bit for bit: they never pass a teacher. Configs of other models come back as
    they are.
    """
    cfg = copy.deepcopy(cfg)
    if cfg.model.get('type') == 'Distiller':
        for part in ('teachers', 'pairs', 'balance'):
            cfg.model.pop(part, None)
    return cfg


def student_weights(path: str | Path, trust: bool = False) -> dict[str, Tensor]:
    """The student's part of a distiller's checkpoint, or all of a bare student's.

    Raises:
        FileNotFoundError, ValueError: As for ``load_weights``.
    """
    return _student_file(path, trust).weights


def _student_file(path: str | Path, trust: bool = False) -> ModelFile:
    weights, origin = load_model_file(path, trust=trust)
    inner = {name.removeprefix(PREFIX): value for name, value in weights.items() if name.startswith(PREFIX)}
    return ModelFile(inner or weights, origin)


def student_config(cfg: Config) -> Config:
    """The student's part of a distiller's config, or the model of any other; sets the registry's scope.

    Raises:
        ValueError: The config has no model.
    """
    require(cfg, 'model')
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    return cfg.model.student if cfg.model.get('type') == 'Distiller' else cfg.model


def model_type(cfg: Config) -> str:
    """Class of the student without its scope, as of :func:`student_config`."""
    return str(student_config(cfg).get('type')).rpartition('.')[2]


def is_stereo(cfg: Config) -> bool:
    """Whether the student is a stereo matcher; raises as :func:`student_config`."""
    return model_type(cfg) in STEREO_MODELS


def is_uav(cfg: Config) -> bool:
    """Whether the student is a drone detector; raises as :func:`student_config`."""
    return model_type(cfg) in UAV_MODELS


def load_student(cfg: Config, checkpoint: str | Path | None = None) -> nn.Module:
    """The student alone, ready to predict.

    Args:
        cfg: Of a distiller or of a bare student.
        checkpoint: Of either; None leaves the weights as they are built.

    Raises:
        FileNotFoundError, ValueError: No such checkpoint, or it does not fit, or was trained on other classes.
    """
    student = _build(cfg)
    if checkpoint is not None:
        _load(student, checkpoint)
    return student.eval()


def _build(cfg: Config) -> nn.Module:
    model_cfg = student_config(cfg)
    with naming_config(cfg):
        return MODELS.build(model_cfg)


def _load(student: nn.Module, checkpoint: str | Path) -> ModelFile:
    file, who = _student_file(checkpoint), f'checkpoint {checkpoint}'
    load_strictly(student, file.weights, who=who)
    check_origin(student, file.origin, who)
    return file


def export_student(cfg: Config, checkpoint: str | Path, out: str | Path, *, half: bool = False) -> int:
    """Write the student of ``checkpoint`` to ``out`` and prove that nothing got lost.

    Args:
        cfg: The config that the checkpoint was trained with (of a distiller, or of a bare student).
        checkpoint: Its file. Where weights were averaged it holds the average, and so does the export.
        out: New file; replaced atomically.
        half: Keep matrices and kernels as float16, see :func:`halved`; they are float32 again once loaded.

    Returns:
        Number of parameters of the student.

    Raises:
        ValueError: The checkpoint does not fit the config, was trained on other classes, or what was written differs
            from it; ``out`` is then as it was.
    """
    student = _build(cfg)
    weights, origin = _load(student, checkpoint)
    with atomic_path(out) as temporary:
        content = student_checkpoint(cfg, student, origin.classes)
        if half:
            content['state_dict'] = halved(content['state_dict'])
            weights = {name: value.to(weights[name].dtype) for name, value in content['state_dict'].items()}
        write_checkpoint(temporary, content)
        _prove_equal(_build(cfg), temporary, weights)
    return sum(weight.numel() for weight in student.parameters())


def student_checkpoint(cfg: Config, student: nn.Module, classes: Sequence[str] | None) -> dict[str, Any]:
    """What a file of a student alone holds.

    Args:
        cfg: Of a distiller or of a bare student.
        student: With its weights.
        classes: Names in label order, None where they are not known.
    """
    meta: dict[str, Any] = dict(format='student', perception_kd=__version__,
                                model=Config(dict(model=student_config(cfg))).pretty_text)
    if classes is not None:
        meta['dataset_meta'] = dict(classes=list(classes))
    return dict(state_dict=student.state_dict(), meta=meta)


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels (two dimensions or more) as float16; vectors, batch statistics among them, as they are.

    A weight moves by at most one part in 2048, or by 3e-8 where it is smaller than 6e-5.

    Raises:
        ValueError: A weight is beyond float16's range.
    """
    small = {name: value.half() if value.ndim > 1 and value.dtype == torch.float32 else value
             for name, value in weights.items()}
    beyond = [name for name, value in small.items() if not torch.isfinite(value).equal(torch.isfinite(weights[name]))]
    if beyond:
        raise ValueError(f'export: {beyond[0]} holds values beyond 65504, which float16 cannot; leave out --half')
    return small


def _prove_equal(fresh: nn.Module, path: Path, weights: dict[str, Tensor]) -> None:
    load_strictly(fresh, load_weights(path), who='export')
    state = fresh.state_dict()
    different = [name for name, value in weights.items() if not torch.equal(state[name].cpu(), value.cpu())]
    if different:
        raise ValueError(f'export: the file written differs from its source in {", ".join(different[:5])}')
