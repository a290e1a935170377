"""Whether an exported graph does what PyTorch does."""

from __future__ import annotations

from dataclasses import replace

import torch
from mmengine.config import Config
from torch import nn

from perception_kd.benchmark.synthetic import BatchShape, make_batch
from perception_kd.export.onnx_session import OnnxStudent

RADARS, RETURNS = 5, 125  # radars of nuScenes and most returns of one of their sweeps


def most_radar_points(cfg: Config) -> int:
    """How many radar points a sample can have by the sweeps of the test pipeline."""
    dataset = cfg.test_dataloader['dataset']
    sweeps = next((step.get('sweeps_num', 0) for step in dataset['pipeline'] if step['type'] == 'LoadRadarSweeps'), 0)
    radars = dataset.get('radars')
    return (RADARS if radars is None else len(radars)) * RETURNS * (1 + sweeps)


def largest_difference(reference: nn.Module, graph: OnnxStudent, shape: BatchShape) -> float:
    """Largest difference of any raw map over two random batches, the second without radar returns.

    Of a map it is the largest absolute difference over the map's largest absolute value, or over 1 where that is less.
    The reference takes its ordinary operators and computes past frames from their pictures.
    """
    worst = 0.0
    for seed, points in ((1, shape.radar_points // 2), (2, 0)):
        batch = make_batch(replace(shape, radar_points=points), seed=seed)
        with torch.no_grad():
            data = reference.data_preprocessor(batch, False)
            expected = reference(**data, mode='tensor')
        found = graph.run(graph.feed(batch['inputs']))
        for index, task in enumerate(expected):
            for name, value in task.items():
                difference = (found[f'{name}_{index}'] - value).abs().max() / value.abs().max().clamp(min=1)
                worst = max(worst, float(difference)) if difference == difference else float('nan')
    return worst
