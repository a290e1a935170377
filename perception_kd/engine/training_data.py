"""The training data set of a config, inside of what wraps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config


def training_data(cfg: Config, setting: str) -> Mapping[str, Any]:
    """Config of the outermost data set that has ``setting``; of the innermost one where none has.

    Wrappers (which repeat, balance or mix samples) hold another data set as ``dataset``.
    """
    data = cfg.train_dataloader.get('dataset') or {}
    while setting not in data and isinstance(data.get('dataset'), dict):
        data = data['dataset']
    return data
