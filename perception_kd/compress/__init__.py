"""Compression of any model: blockwise search under a latency budget, structured pruning."""

from perception_kd.compress.prune.kept_channels import KeptChannelsAdapter
from perception_kd.compress.prune.taylor_pruning import TaylorPruning
from perception_kd.compress.prune.traced import TracedPruning
from perception_kd.compress.search.block_training import BlockDistillModel

__all__ = ['BlockDistillModel', 'KeptChannelsAdapter', 'TaylorPruning', 'TracedPruning']
