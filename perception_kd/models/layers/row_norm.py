"""Normalisation of rows, of which a batch may hold few or none."""

from __future__ import annotations

from mmcv.cnn import build_norm_layer
from torch import Tensor, nn
from torch.nn import functional as F


class RowBatchNorm(nn.BatchNorm1d):
    """BatchNorm over rows ``(M, C)`` that falls back on its running statistics where M is 0 or 1.

    Statistics of one row would turn it into the bias whatever it holds, and torch refuses them. Conversion to
    ``SyncBatchNorm``, which counts the rows of all processes, drops the fallback together with the need for it.
    """

    def forward(self, rows: Tensor) -> Tensor:
        """``(M, C)`` -> ``(M, C)``."""
        if self.training and len(rows) < 2:
            return F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(rows)


def row_norm(norm_cfg: dict, channels: int) -> nn.Module:
    """Normalisation of rows from mmcv's config: ``BN1d`` as ``RowBatchNorm``, anything else (``LN``) as mmcv has it."""
    cfg = dict(norm_cfg)
    if cfg['type'] in ('BN', 'BN1d'):
        cfg.pop('type')
        return RowBatchNorm(channels, **cfg)
    return build_norm_layer(cfg, channels)[1]
