"""Pruning of a model's parts by tracing them: ``prune.parts`` names the parts, a list of several is a chain."""

prune = dict(
    type='TracedPruning',
    ratio=0.5,
    importance='taylor',
    batches=16,
    round_to=4,
    min_keep=8,
    keep=[],
    joint='keep')
