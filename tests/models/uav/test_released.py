"""State dicts under YOLOv5's names: an independent reading of its layer table runs them, ours must give the same."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.weights import load_strictly
from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.models.uav.released import convert_yolov5_weights, from_yolov5
from perception_kd.registry import MODELS
from tests.models.uav.tiny import ANCHORS, ANCHORS_P2

TOOL = Path(__file__).parents[3] / 'tools/convert.py'

# From, kind, channels, number: the layers as the published table has them; 'c3h': without shortcut.
TRUNK = [(-1, 'conv6', 64, 1), (-1, 'down', 128, 1), (-1, 'c3', 128, 3), (-1, 'down', 256, 1), (-1, 'c3', 256, 6),
         (-1, 'down', 512, 1), (-1, 'c3', 512, 9), (-1, 'down', 1024, 1), (-1, 'c3', 1024, 3), (-1, 'sppf', 1024, 1)]
PAN = [(-1, 'conv', 512, 1), (-1, 'up', 0, 1), ((-1, 6), 'cat', 0, 1), (-1, 'c3h', 512, 3), (-1, 'conv', 256, 1),
       (-1, 'up', 0, 1), ((-1, 4), 'cat', 0, 1), (-1, 'c3h', 256, 3), (-1, 'down', 256, 1), ((-1, 14), 'cat', 0, 1),
       (-1, 'c3h', 512, 3), (-1, 'down', 512, 1), ((-1, 10), 'cat', 0, 1), (-1, 'c3h', 1024, 3),
       ((17, 20, 23), 'detect', 0, 1)]
SKIP = [*PAN[:9], ((-1, 14, 6), 'cat', 0, 1), *PAN[10:]]
P2 = [*PAN[:8], (-1, 'conv', 128, 1), (-1, 'up', 0, 1), ((-1, 2), 'cat', 0, 1), (-1, 'c3h', 128, 3),
      (-1, 'down', 128, 1), ((-1, 18), 'cat', 0, 1), (-1, 'c3h', 256, 3), (-1, 'down', 256, 1), ((-1, 14), 'cat', 0, 1),
      (-1, 'c3h', 512, 3), (-1, 'down', 512, 1), ((-1, 10), 'cat', 0, 1), (-1, 'c3h', 1024, 3),
      ((21, 24, 27, 30), 'detect', 0, 1)]
TABLES = dict(plain=(PAN, ANCHORS), skip=(SKIP, ANCHORS), p2=(P2, ANCHORS_P2))


class Reference:
    """Runs the table; weights are made as they are asked for, under their names."""

    def __init__(self, table: list, anchors: list, classes: int, depth: float = 0.33, width: float = 0.125) -> None:
        self.table, self.anchors, self.classes = [*TRUNK, *table], torch.tensor(anchors).float(), classes
        self.depth, self.width = depth, width
        self.weights: dict[str, Tensor] = {}
        self.random = torch.Generator().manual_seed(0)

    def get(self, name: str, *shape: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
        if name not in self.weights:
            self.weights[name] = torch.rand(shape, generator=self.random) * scale + shift
        return self.weights[name]

    def conv(self, name: str, x: Tensor, out: int, kernel: int = 1, stride: int = 1,
             padding: int | None = None) -> Tensor:
        fan = x.shape[1] * kernel**2
        weight = self.get(f'{name}.conv.weight', out, x.shape[1], kernel, kernel, scale=4 / fan, shift=-1.7 / fan)
        x = functional.conv2d(x, weight, None, stride, kernel // 2 if padding is None else padding)
        mean = self.get(f'{name}.bn.running_mean', out, scale=0.1)
        var = self.get(f'{name}.bn.running_var', out, shift=0.5)
        gamma, beta = self.get(f'{name}.bn.weight', out, shift=0.5), self.get(f'{name}.bn.bias', out, scale=0.2)
        self.weights.setdefault(f'{name}.bn.num_batches_tracked', torch.tensor(3))
        return functional.silu(functional.batch_norm(x, mean, var, gamma, beta, eps=1e-3))

    def c3(self, name: str, x: Tensor, out: int, blocks: int, shortcut: bool) -> Tensor:
        main, side = (self.conv(f'{name}.{part}', x, out // 2) for part in ('cv1', 'cv2'))
        for number in range(blocks):
            made = self.conv(f'{name}.m.{number}.cv2', self.conv(f'{name}.m.{number}.cv1', main, out // 2), out // 2, 3)
            main = main + made if shortcut else made
        return self.conv(f'{name}.cv3', torch.cat([main, side], 1), out)

    def sppf(self, name: str, x: Tensor, out: int) -> Tensor:
        parts = [self.conv(f'{name}.cv1', x, out // 2)]
        for _ in range(3):
            parts.append(functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.conv(f'{name}.cv2', torch.cat(parts, 1), out)

    def __call__(self, x: Tensor) -> list[Tensor]:
        """Boxes ``(B, A, H, W, 4)`` x y w h px, as YOLOv5 decodes them, and logits behind: ``(B, A, H, W, 5+K)``."""
        maps = []
        for number, (source, kind, channels, blocks) in enumerate(self.table):
            name = f'model.{number}'
            inputs = [maps[one] if one >= 0 else (maps[-1] if maps else x)
                      for one in (source if isinstance(source, tuple) else (source,))]
            if kind == 'detect':
                return self.detect(name, inputs)
            out, blocks = math.ceil(channels * self.width / 8) * 8, max(round(blocks * self.depth), 1)
            maps.append(
                self.conv(name, inputs[0], out, 6, 2, 2) if kind == 'conv6' else
                self.conv(name, inputs[0], out, 3, 2) if kind == 'down' else
                self.conv(name, inputs[0], out) if kind == 'conv' else
                self.sppf(name, inputs[0], out) if kind == 'sppf' else
                torch.cat(inputs, 1) if kind == 'cat' else
                functional.interpolate(inputs[0], scale_factor=2) if kind == 'up' else
                self.c3(name, inputs[0], out, blocks, kind == 'c3'))
        raise AssertionError('no detect')

    def detect(self, name: str, inputs: list[Tensor]) -> list[Tensor]:
        found, rows = [], 5 + self.classes
        strides = [2 ** (5 - len(inputs) + 1 + index) for index in range(len(inputs))]
        self.weights[f'{name}.anchors'] = self.anchors / torch.tensor(strides)[:, None, None]
        for index, (x, stride) in enumerate(zip(inputs, strides)):
            weight = self.get(f'{name}.m.{index}.weight', 3 * rows, x.shape[1], 1, 1, scale=0.6, shift=-0.3)
            y = functional.conv2d(x, weight, self.get(f'{name}.m.{index}.bias', 3 * rows, shift=-0.5))
            batch, _, ny, nx = y.shape
            y = y.view(batch, 3, rows, ny, nx).permute(0, 1, 3, 4, 2)
            grid = torch.stack(torch.meshgrid(torch.arange(nx), torch.arange(ny), indexing='xy'), -1)
            share = y.sigmoid()
            xy = (share[..., :2] * 2 - 0.5 + grid) * stride
            wh = (share[..., 2:4] * 2) ** 2 * self.anchors[index].view(1, 3, 1, 1, 2)
            found.append(torch.cat([xy, wh, y[..., 4:]], -1))
        return found


def made(kind: str, classes: int = 3, **sizes) -> tuple[Reference, list[Tensor], Tensor]:
    reference = Reference(*TABLES[kind], classes, **sizes)
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    return reference, reference(picture), picture


@pytest.mark.parametrize('kind', TABLES)
def test_ours_computes_what_the_table_does(kind):
    reference, wanted, picture = made(kind)
    converted = from_yolov5(reference.weights)
    model = MODELS.build(dict(converted.model, type='perception_kd.UAVDetector')).eval()
    report = load_strictly(model, converted.weights)
    assert not report.problems and len(report.matched) == len(reference.weights) - 1  # the anchors are in the config
    with torch.no_grad():
        for level, theirs in zip(model.raw(picture), wanted, strict=True):
            low, high = level['boxes'].permute(0, 1, 3, 4, 2).split(2, -1)
            ours = torch.cat([(low + high) / 2, high - low], -1)
            assert torch.allclose(ours, theirs[..., :4], atol=2e-3, rtol=1e-4)
            assert torch.allclose(level['objectness'], theirs[..., 4], atol=1e-4)
            assert torch.allclose(level['classes'].permute(0, 1, 3, 4, 2), theirs[..., 5:], atol=1e-4)
    assert converted.model['neck']['fusion'] == ('concat_skip' if kind == 'skip' else 'pan')


def test_sizes_are_read_off():
    reference, _, _ = made('plain', depth=0.67, width=0.25)
    found = from_yolov5(reference.weights)
    assert found.model['backbone']['width'] == 0.25
    assert found.model['backbone']['depth'] == pytest.approx(0.67, abs=0.01)
    assert found.model['head']['num_classes'] == 3 and found.model['head']['anchors'][2][1] == pytest.approx([156, 198])


def test_other_classes_begin_anew_and_the_tool_writes_what_builds(tmp_path, monkeypatch, capsys):
    reference, _, picture = made('plain', classes=80)
    path, out = tmp_path / 'yolov5.pth', tmp_path / 'out.pth'
    torch.save({f'module.{name}': value for name, value in reference.weights.items()}, path)
    monkeypatch.setattr('sys.argv', ['convert.py', 'yolov5-weights', '--file', str(path), '--out', str(out),
                                     '--classes', '1'])
    assert runpy.run_path(str(TOOL))['main']() == 0
    assert capsys.readouterr().out.startswith(f'{out}: ')
    config = json.loads(out.with_suffix('.json').read_text())['model']
    model = MODELS.build(dict(config, type='perception_kd.UAVDetector')).eval()
    load_strictly(model, load_weights(out))
    every = from_yolov5(reference.weights).weights['head.convs.1.weight'].view(3, 85, -1)
    assert torch.equal(model.head.convs[1].weight.view(3, 6, -1)[:, :5], every[:, :5])
    assert not model.head.convs[1].weight.view(3, 6, -1)[:, 5].any()
    assert all(torch.isfinite(level['boxes']).all() for level in model.raw(picture))


def test_other_files(tmp_path):
    reference, _, _ = made('plain')
    with pytest.raises(ValueError, match=r'holds no state dict of a YOLOv5 6.x detector'):
        from_yolov5({'conv.weight': torch.zeros(1)})
    more = dict(reference.weights, **{'model.3.extra.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match=r'1 of \d+ names are not those of the released model: model.3.extra.weight'):
        from_yolov5(more)
    less = {name: value for name, value in reference.weights.items() if not name.startswith('model.0.')}
    with pytest.raises(ValueError, match=r'the file lacks what is backbone.stem.conv.weight here'):
        from_yolov5(less)
    missing = {name: value for name, value in reference.weights.items() if name != 'model.4.cv1.bn.bias'}
    torch.save(missing, tmp_path / 'less.pth')
    with pytest.raises(ValueError, match=r'do not fit .* 1 missing \(backbone.stages.p3.c3.main.norm.bias\)'):
        convert_yolov5_weights(tmp_path / 'less.pth', tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()
    with pytest.raises(ValueError, match=r'name a .pth file'):
        convert_yolov5_weights(tmp_path / 'less.pth', tmp_path / 'out.pt')


def test_a_pickled_model_is_refused(tmp_path):
    path = tmp_path / 'yolov5n.pt'
    torch.save(dict(model=torch.nn.Linear(2, 2)), path)
    with pytest.raises(ValueError, match=r'is refused: it asks for torch.nn'):
        convert_yolov5_weights(path, tmp_path / 'out.pth')
