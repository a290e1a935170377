"""The settings of a merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MergeSettings:
    """How to merge.

    Args:
        steps: Updates of the coefficients; 0: they stay as they start. Published: 2500 of batches of 16.
        start: First coefficient of every expert and layer, or ``mean`` for 1/T.
        layer_wise: A coefficient for each expert and layer; else one for each expert.
        rho, learning_rate: Of sharpness-aware minimisation and Adam.
        temperature, box_weight: Of the divergence.
        batch_size: Samples of each expert in a step; None: the config's.
        batch_norm: Whose data the statistics of batch norms are taken from afterwards: ``all`` experts together,
            ``each`` for itself (a file for each), or ``none``: they stay combined.
        norm_batches: Most batches of each expert for that; no more than one pass over its data.
        workers: Processes that read data.
        seed: Of the order of the data.
        save_every: Steps between two states from which to resume.
    """

    steps: int = 2500
    start: float | str = 0.3
    layer_wise: bool = True
    rho: float = 0.05
    learning_rate: float = 1e-3
    temperature: float = 2.0
    box_weight: float = 0.25
    batch_size: int | None = None
    batch_norm: Literal['all', 'each', 'none'] = 'all'
    norm_batches: int = 100
    workers: int = 0
    seed: int = 0
    save_every: int = 50

    def __post_init__(self) -> None:
        if self.start != 'mean':
            try:
                object.__setattr__(self, 'start', float(self.start))
            except ValueError:
                raise ValueError(f"merging: the first coefficient is a number or 'mean', got '{self.start}'") from None
        least = dict(steps=0, rho=0, norm_batches=1, workers=0, seed=0, save_every=1)
        least.update({} if self.batch_size is None else dict(batch_size=1))
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f'merging: {name} must be at least {value}, got {getattr(self, name)}')
