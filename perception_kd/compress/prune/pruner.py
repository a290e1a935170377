"""What ``tools/prune.py`` asks of a way to prune."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner, set_random_seed
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn


@dataclass(frozen=True)
class Pruned:
    """A slimmed model.

    Attributes:
        model: Config that builds it from scratch.
        weights: Its state dict.
        record: What was done, for JSON.
        retraining: Settings that replace those of the config where the slimmed model is trained beside the one it was
            made from; None: it is trained like any other.
    """

    model: dict[str, Any]
    weights: Mapping[str, Tensor]
    record: dict[str, Any] = field(default_factory=dict)
    retraining: dict[str, Any] | None = None


class Pruner(ABC):
    """A way to prune: the ``prune`` section of a config names it by ``type`` (registry ``PRUNERS``).

    Args:
        ratio: Part of what can be removed that is, in (0, 1).

    Raises:
        ValueError: another ratio.
    """

    def __init__(self, *, ratio: float) -> None:
        if not isinstance(ratio, (int, float)) or not 0 <= ratio < 1:
            raise ValueError(f'prune.ratio lies in [0, 1), got {ratio!r}')
        self.ratio = float(ratio)

    @abstractmethod
    def prune(self, model: nn.Module, cfg: Config, checkpoint: Path) -> Pruned:
        """Slim a model.

        Args:
            model: The student of ``cfg`` with its weights, in eval mode; left as it is.
            cfg: Its config with the data of its training.
            checkpoint: Where the weights came from.

        Raises:
            ValueError: what of it cannot be pruned so.
        """


def training_batches(model: nn.Module, cfg: Config, count: int) -> Iterator[dict[str, Any]]:
    """The first batches of the config's training data as the model's ``forward`` takes them, read in this process.

    Args:
        model: Has a ``data_preprocessor``.
        cfg: With ``train_dataloader``; its ``randomness.seed`` orders and augments.
        count: At most; fewer where an epoch is shorter.
    """
    seed = (cfg.get('randomness') or {}).get('seed') or 0
    set_random_seed(seed)  # augmentation draws from random and NumPy, too
    loader = Runner.build_dataloader({**cfg.train_dataloader, 'num_workers': 0, 'persistent_workers': False}, seed=seed)
    for _, batch in zip(range(count), loader):
        yield model.data_preprocessor(batch, True)


def counted_batches(model: nn.Module, cfg: Config, count: int) -> Iterable[dict[str, Any]]:
    """The same, with a bar that tells how far importance is."""
    return track(training_batches(model, cfg, count), 'importance', count, console=Console(stderr=True), transient=True)
