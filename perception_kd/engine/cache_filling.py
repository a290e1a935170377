"""What ``tools/cache_teachers.py`` does: every training sample once through the teachers of a config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from torch import nn

from perception_kd.datasets.nuscenes.labelled import count_distinct
from perception_kd.datasets.transforms.bev_aug import BEVAug
from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.teacher_cache import CachedTeacher
from perception_kd.distill.teacher_cache.key import SampleKey
from perception_kd.engine.build import naming_config
from perception_kd.engine.hooks.teacher_cache import cached_teachers
from perception_kd.engine.hooks.teacher_check import spread
from perception_kd.engine.shards import Shard, ShardSampler
from perception_kd.registry import MODELS

PLANNED = 8  # samples from which the size of all is foretold


def fill_caches(cfg: Config, *, out: str | Path | None = None, batch: int | None = None, plan: bool = False,
                shard: Shard | None = None) -> None:
    """Write an entry for every training sample, in every state of augmentation, of every cached teacher.

    Entries that are there are read, checked and kept, so that an interrupted run goes on, and several may run at once.

    Args:
        cfg: Of a distiller with cached teachers.
        out: Folder of the caches; None: as the config says.
        batch: Samples at once; None: as in training.
        plan: Stop after the size plans.
        shard: Of the batches, what this process does; None: all.

    Raises:
        ValueError: no cached teacher, a plan that does not fit, stale entries, or a pipeline that gives the teachers
            something else each time.
    """
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    settings = [one for one in (cfg.model.get('teachers') or {}).values() if one.get('type') == 'CachedTeacher']
    if not settings:
        raise ValueError(f"{cfg.filename} has no cached teacher; see configs/demo/sim_imkd_cached.py, or set "
                         'model.teachers.NAME.type=CachedTeacher and model.teachers.NAME.cache')
    for one in settings if out is not None else ():
        one.cache = dict(one.get('cache') or {}, folder=str(out))
    shard = shard or Shard()
    with naming_config(cfg):
        model = MODELS.build(cfg.model).to('cuda' if torch.cuda.is_available() else 'cpu')
        dataset = Runner.build_dataloader({**_in_order(cfg, batch, shard), 'num_workers': 0}).dataset
    teachers = {name: one for name, one in cached_teachers(model).items() if one.needs}
    states = {repr(state): state for teacher in teachers.values() for state in teacher.rule.states}

    drawn = _some(model, dataset, 1)
    _augment(dataset, next(iter(states.values())))
    seen, again = _some(model, dataset, PLANNED), _some(model, dataset, 1)
    for teacher in teachers.values():
        teacher.writers = shard.count
        _plan(teacher, count_distinct(dataset), drawn, seen, again)
    if plan:
        return
    for number, state in enumerate(states.values(), 1):
        _augment(dataset, state)
        loader = Runner.build_dataloader({**_in_order(cfg, batch, shard), 'dataset': dataset})
        title = f'state {number} of {len(states)}' if len(states) > 1 else 'samples'
        title = title if shard.count == 1 else f'{shard}, {title}'
        for data in track(loader, title, len(loader), console=Console(stderr=True)):
            data = model.data_preprocessor(data, False)
            for teacher in teachers.values():
                teacher.run(data['inputs'], data['data_samples'], list(teacher.needs))
    for teacher in teachers.values():
        print(teacher.summary() + (f' ({shard})' if shard.count > 1 else ''))
        print(teacher)


def _plan(teacher: CachedTeacher, samples: int, drawn: Mapping[str, Any], first: Mapping[str, Any],
          again: Mapping[str, Any]) -> None:
    """Print and check what a teacher's cache is going to hold.

    Args:
        teacher: With the needs of its pairs.
        samples: Of the data set.
        drawn: Its first sample as training draws it.
        first: Samples from all over it in one state of augmentation, the first one in front.
        again: The first one, loaded again.
    """
    teacher.keeps_going = False
    drawn, one, other = (DistillBatch(data['inputs'], data['data_samples'], device=teacher.device).keep([0], ())
                         for data in (drawn, first, again))
    teacher.rule.serves(drawn, teacher.name)
    if SampleKey.of(one, teacher.reads) != SampleKey.of(other, teacher.reads):
        raise ValueError(f"teacher '{teacher.name}': a sample that is loaded twice gives other "
                         f'{", ".join(teacher.reads)}: turn off what draws them at random')
    plan = teacher.plan(samples, teacher.measure(first['inputs'], first['data_samples'], list(teacher.needs)))
    print(plan)
    cells, others = (teacher.cells(batch, teacher.needs) for batch in (one, other))
    for tap, need in teacher.needs.items():
        print(f'  {tap:16s} {"whole: " + need.reason if need.reason else "cells that count in its pairs"}')
        if cells[tap] is not None and not torch.equal(cells[tap], others[tap]):
            print(f"  {'':16s} which differ from one loading to the next: entries will be made again for more cells; "
                  "cache.store='whole' avoids that")
    plan.check()


def _some(model: nn.Module, dataset: Any, most: int) -> dict[str, Any]:
    """A batch of samples spread evenly over a data set: neighbours are alike in size, and in having annotations."""
    return model.data_preprocessor(pseudo_collate([dataset[index] for index in spread(len(dataset), most)]), False)


def _augment(dataset: Any, state: Mapping[str, Any]) -> None:
    """Let a data set augment all samples alike."""
    for transform in _augmentations(dataset):
        transform.states = [state]


def _in_order(cfg: Config, batch: int | None, shard: Shard) -> dict[str, Any]:
    """The training loader's config, without shuffling; each sample of the shard comes once."""
    settings = {key: value for key, value in cfg.train_dataloader.items() if key not in ('batch_sampler', 'sampler')}
    batch = batch or settings['batch_size']
    return {**settings, 'sampler': dict(type=ShardSampler, shard=shard, batch=batch), 'drop_last': False,
            'batch_size': batch, 'persistent_workers': False}


def _augmentations(dataset: Any) -> list[BEVAug]:
    """Every BEVAug of a data set, or of those inside it."""
    inside = [getattr(dataset, 'dataset', None), *(getattr(dataset, 'datasets', None) or ())]
    own = [step for step in _steps(getattr(dataset, 'pipeline', None)) if isinstance(step, BEVAug)]
    return own + [transform for one in inside if one is not None for transform in _augmentations(one)]


def _steps(holder: Any) -> list[Any]:
    """All transforms of a pipeline, also of those inside others, such as ``BesideClean``."""
    steps = getattr(holder, 'transforms', None) or ()
    return [step for one in steps for step in (one, *_steps(one))]
