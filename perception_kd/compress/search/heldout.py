"""Which data candidates are scored on: a part of the training data that they are not trained on."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from perception_kd.engine.build import naming_config, require
from perception_kd.registry import DATASETS

SOURCES = ('data_root', 'ann_file', 'layout', 'split', 'select')


class HeldOut(NamedTuple):
    """A config split in two.

    Attributes:
        training: The config whose training set lacks what is held out.
        loader, evaluator: Configs for scoring on what is held out.
    """

    training: Config
    loader: dict[str, Any]
    evaluator: dict[str, Any]


def hold_out(cfg: Config, *, count: int | None = None, seed: int | None = 0,
             dataset: Mapping[str, Any] | None = None, evaluator: Mapping[str, Any] | None = None) -> HeldOut:
    """Hold data out of training, loaded as validation loads its own; or take the config's validation data.

    Never the test data: a student chosen by its benchmark is not zero-shot on it any more.

    Args:
        cfg: With ``train_dataloader``, ``val_dataloader`` and ``val_evaluator``.
        count: Samples to hold out of the training set; None: the validation set is another one already.
        seed: Draws them; None: the last ones, which in recordings share no scene with most of the others.
        dataset, evaluator: Other arguments of what validation builds.

    Raises:
        ValueError: the training set has no so many samples, is of a kind that cannot be cut, or what is left to score
            on is the test data.
    """
    require(cfg, 'train_dataloader', 'val_dataloader', 'val_evaluator')
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    training, loader = copy.deepcopy(cfg), copy.deepcopy(cfg.val_dataloader.to_dict())
    if count is not None:
        _cut(training, loader, count, seed)
    loader['dataset'].update(dataset or {})
    test = (cfg.get('test_dataloader') or {}).get('dataset')
    if test is not None and _source(loader['dataset']) == _source(test):
        raise ValueError(f'config {cfg.filename}: candidates would be scored on the test data; hold some training data '
                         'out by search.validation.count, or name another part by search.validation.dataset')
    return HeldOut(training, loader, {**cfg.val_evaluator.to_dict(), **(evaluator or {})})


def _cut(training: Config, loader: dict[str, Any], count: int, seed: int | None) -> None:
    """Share the indices of the training set out."""
    given = training.train_dataloader.dataset
    if given.get('dataset') or given.get('datasets') or given.get('indices') is not None or given.get('repeat', 1) != 1:
        raise ValueError(f'config {training.filename}: search.validation.count cuts plain training sets only, without '
                         'indices and repeat, not mixtures; name other data by search.validation.dataset')
    with naming_config(training):
        length = len(DATASETS.build({**given.to_dict(), 'pipeline': []}))
    if not 1 <= count < length:
        raise ValueError(f'config {training.filename}: search.validation.count is {count!r}; the training set has '
                         f'{length} samples, and some must be left')
    order = np.arange(length) if seed is None else np.random.default_rng(seed).permutation(length)
    given.indices = sorted(map(int, order[:-count]))
    held = {**given.to_dict(), 'indices': sorted(map(int, order[-count:])), 'test_mode': True}
    loader['dataset'] = {**held, 'pipeline': loader['dataset'].get('pipeline', ())}


def _source(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What says where a data set comes from."""
    return {name: dataset.get(name) for name in SOURCES}
