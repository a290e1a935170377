"""What holds a graph against PyTorch looks at frames with and without radar."""

import pytest
import torch
from torch import nn

from perception_kd.benchmark.synthetic import BatchShape
from perception_kd.export.parity import largest_difference

SHAPE = BatchShape(keys=('img', 'radar'), image=(8, 8), cameras=1, radar_points=6, boxes=1)


class Counting(nn.Module):
    """One map: how many returns there are."""

    def data_preprocessor(self, batch, training):
        return batch

    def forward(self, inputs, data_samples, mode):
        return [dict(heatmap=torch.full((1, 1, 2, 2), float(len(inputs['radar'][0]))))]


class Graph:
    """Does the same, and adds something where there are, or are not, returns."""

    def __init__(self, with_radar: float, without: float) -> None:
        self.wrong = with_radar, without

    def feed(self, inputs):
        return inputs

    def run(self, feeds):
        count = len(feeds['radar'][0])
        return dict(heatmap_0=torch.full((1, 1, 2, 2), count + self.wrong[count == 0]))


@pytest.mark.parametrize(('wrong', 'difference'), [
    ((0.0, 0.0), 0.0), ((0.3, 0.0), 0.1), ((0.0, 0.5), 0.5), ((0.0, float('nan')), float('nan'))])
def test_a_graph_that_fails_with_or_without_radar_is_found(wrong, difference):
    found = largest_difference(Counting(), Graph(*wrong), SHAPE)
    assert found == pytest.approx(difference, nan_ok=True)
