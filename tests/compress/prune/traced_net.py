"""A toy detector with all that joins channels: sums, weighted sums, concatenation, attention, grouped convolutions."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from perception_kd.distill.taps import tap
from perception_kd.structures import BEVGrid, TapSpec

GRID = BEVGrid(-3.2, -3.2, 3.2, 3.2, 0.8)  # 8 x 8 cells


def layer(inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(outputs),
                         nn.SiLU())


class ChannelAttention(nn.Module):
    """Squeeze and excite; as CBAM's, of mean and maximum, by convolutions, or by linear layers."""

    def __init__(self, channels: int, linear: bool) -> None:
        super().__init__()
        make = nn.Linear if linear else lambda *widths: nn.Conv2d(*widths, 1)
        self.squeeze, self.excite, self.linear = make(channels, 8), make(8, channels), linear

    def forward(self, x: Tensor) -> Tensor:
        if self.linear:
            gate = self.excite(self.squeeze(x.mean((2, 3))).relu())
            return x * gate.sigmoid().view(*gate.shape, 1, 1)
        parts = F.adaptive_avg_pool2d(x, 1), x.amax((2, 3), keepdim=True)
        return x * sum(self.excite(self.squeeze(part).relu()) for part in parts).sigmoid()


class SpatialAttention(nn.Module):
    """As CBAM's: of the mean and the maximum over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv(torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)).sigmoid()


class Backbone(nn.Module):
    """Two levels: a residual sum, a depth-wise and a grouped convolution, a scale, a split, attention."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner, self.outer = layer(3, 16), layer(16, 12), layer(12, 16)
        self.scale = nn.Parameter(torch.rand(16, 1, 1))
        self.depthwise, self.grouped = layer(16, 16, groups=16), layer(16, 24, stride=2, groups=4)
        self.attention, self.excite = ChannelAttention(24, linear=False), ChannelAttention(24, linear=True)
        self.halves = nn.Conv2d(16, 20, 1)
        self.mixed = nn.Conv2d(10, 12, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.stem(x)
        fine = fine + self.scale * self.outer(self.inner(fine))
        coarse = self.excite(self.attention(self.grouped(self.depthwise(fine))))
        one, other = self.halves(fine).chunk(2, dim=1)
        return torch.cat([fine, self.mixed(one * other)], dim=1), coarse


class Neck(nn.Module):
    """A weighted sum of two levels, up-sampled, concatenation, spatial attention."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([1.0, 0.5]))
        self.fine, self.coarse, self.up = nn.Conv2d(28, 16, 1), nn.Conv2d(24, 16, 1), nn.ConvTranspose2d(24, 12, 2, 2)
        self.join, self.attention, self.out = layer(28, 20), SpatialAttention(), nn.Conv2d(20, 12, 1)

    def forward(self, levels: tuple[Tensor, Tensor]) -> Tensor:
        fine, coarse = levels
        weights = self.weights.relu() / (self.weights.relu().sum() + 1e-4)
        merged = weights[0] * self.fine(fine) + weights[1] * F.interpolate(self.coarse(coarse), scale_factor=2)
        neck = tap('neck', self.join(torch.cat([merged, self.up(coarse).relu()], dim=1)))
        return self.out(self.attention(neck))


class TracedNet(BaseModel):
    """Backbone, neck and two heads; the loss asks for nothing sensible."""

    def __init__(self, channels_last: bool = False) -> None:
        super().__init__()
        self.backbone, self.neck = Backbone(), Neck()
        self.heads = nn.ModuleDict({name: nn.Sequential(layer(12, 16), nn.Conv2d(16, outputs, 1))
                                    for name, outputs in dict(boxes=4, scores=2).items()})
        self.unused = nn.Conv2d(3, 3, 1)
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def tap_specs(self) -> dict[str, TapSpec]:
        return {'neck': TapSpec('neck', 'bev', 20, 'joined levels', grid=GRID)}

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        neck = self.neck(self.backbone(inputs))
        found = {name: head(neck) for name, head in self.heads.items()}
        if mode == 'loss':
            return dict(loss=found['boxes'].square().mean() + found['scores'].sigmoid().mean())
        return found if mode == 'tensor' else [found['scores'].amax()]


def trained(seed: int = 0, **settings: Any) -> TracedNet:
    """A net whose norms have seen something."""
    torch.manual_seed(seed)
    net = TracedNet(**settings)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return net.eval()


class RandomMaps(Dataset):
    """Four maps."""

    metainfo = dict(classes=('drone', 'bird'))

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return dict(inputs=torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(index)))
