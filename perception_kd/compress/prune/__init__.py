"""Structured pruning: whole channels go, and what is left is a smaller model of the same kind."""

from perception_kd.compress.prune.pruner import Pruned, Pruner

__all__ = ['Pruned', 'Pruner']
