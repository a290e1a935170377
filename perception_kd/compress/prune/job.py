"""One pruning: from a config and a checkpoint to a folder with the slimmed model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from perception_kd.compress.prune.pruner import Pruned, Pruner
from perception_kd.compress.written_config import write_config
from perception_kd.distill.weights import load_strictly
from perception_kd.engine.build import load_config, naming_config, require
from perception_kd.engine.foreign_checkpoint import load_model_file
from perception_kd.engine.safe_checkpoint import write_checkpoint
from perception_kd.export.student import load_student, student_checkpoint, student_config
from perception_kd.files import atomic_path, check_folder_target, require_file, write_json
from perception_kd.registry import PRUNERS

WEIGHTS, CONFIG, RECORD, RETRAINING = 'pruned.pth', 'pruned.py', 'pruned.json', 'retrain.py'


def prune_checkpoint(config: str | Path, checkpoint: str | Path, out: str | Path, *, ratio: float | None = None,
                     options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Prune the student of a checkpoint as its config says, and write what ``out`` is to hold.

    ``pruned.pth``: weights; ``pruned.py``: the config with the slimmed model in the place of the other one;
    ``pruned.json``: the record that is returned; ``retrain.py``, where the pruner says how: the config that trains the
    slimmed model beside the one it was made from. Both configs load ``pruned.pth``.

    Args:
        config: File of a config with ``prune`` (a :class:`~perception_kd.compress.prune.pruner.Pruner`).
        checkpoint: Of the model, or of its distiller.
        out: Folder.
        ratio: Instead of ``prune.ratio``.
        options: Overrides of the config.

    Raises:
        FileNotFoundError, ValueError: no such file, a checkpoint of another model, or what cannot be pruned.
    """
    checkpoint, out = require_file(checkpoint, 'checkpoint').resolve(), Path(out).resolve()
    check_folder_target(out)
    options = dict(options or {})
    cfg = load_config(config, options)
    require(cfg, 'model', 'train_dataloader', 'prune')
    pruner = build_pruner(cfg, ratio)
    model = load_student(cfg, checkpoint)
    model.to('cuda' if torch.cuda.is_available() else 'cpu')
    pruned = pruner.prune(model, cfg, checkpoint)
    slimmed = _with_model(cfg, pruned.model)
    after = _write_weights(slimmed, pruned, checkpoint, out / WEIGHTS)
    record = dict(config=str(config), options=options, checkpoint=str(checkpoint), ratio=pruner.ratio,
                  parameters=dict(before=count(model), after=after), **pruned.record)
    _write_configs(slimmed, pruned, out, dict(source=config, options=options), record)
    load_student(load_config(out / CONFIG), out / WEIGHTS)  # as tools/test.py will
    write_json(out / RECORD, record)
    return record


def build_pruner(cfg: Config, ratio: float | None = None) -> Pruner:
    """The pruner of a config.

    Raises:
        KeyError, ValueError: an unknown type, or settings that it does not take.
    """
    settings = {**cfg.to_dict()['prune'], **({} if ratio is None else dict(ratio=ratio))}
    with naming_config(cfg):
        return PRUNERS.build(settings)


def count(model: nn.Module) -> int:
    """Number of parameters, trained or not."""
    return sum(weight.numel() for weight in model.parameters())


def _write_weights(slimmed: Config, pruned: Pruned, checkpoint: Path, path: Path) -> int:
    """Write the slimmed weights as the checkpoint of what its config builds; gives the number of parameters."""
    student = load_student(slimmed)
    load_strictly(student, dict(pruned.weights), who='the slimmed model')
    with atomic_path(path) as temporary:
        write_checkpoint(temporary, student_checkpoint(slimmed, student, load_model_file(checkpoint).origin.classes))
    return count(student)


def _write_configs(slimmed: Config, pruned: Pruned, out: Path, base: dict[str, Any], record: dict[str, Any]) -> None:
    sizes = record['parameters']
    about = (f'The model of {record["checkpoint"]},\npruned from {sizes["before"] / 1e6:.3f} M to '
             f'{sizes["after"] / 1e6:.3f} M parameters.\n\n  python tools/')
    loaded = dict(model=slimmed.model.to_dict(), load_from=str(out / WEIGHTS))
    write_config(out / CONFIG, **base, about=f'{about}test.py THIS {WEIGHTS}\n', changes=loaded)
    if pruned.retraining is not None:
        write_config(out / RETRAINING, **base, about=f'{about}train.py THIS\n', changes={**loaded, **pruned.retraining})


def _with_model(cfg: Config, model: dict[str, Any]) -> Config:
    """The config with another student."""
    changed = Config(cfg.to_dict(), filename=cfg.filename)
    if student_config(changed) is changed.model:
        changed.model = model
    else:
        changed.model.student = model
    return changed
