"""Mixed precision of the whole distiller: what has to be float32 is, losses stay near those of float32."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from perception_kd.distill.nested import tensors_of
from perception_kd.engine.amp import PortableAmpOptimWrapper
from perception_kd.models.det3d.depth_net import DepthLoss
from perception_kd.models.layers import DepthBins
from tests.distributed.test_imkd import SAMPLES, distiller
from tests.models.det3d.worlds import TASKS, collate, sample

HALVES = {'bfloat16': torch.bfloat16, 'float16': torch.float16}


class Island:
    """Notes of every call of a module: the dtypes of the tensors that went in, and whether autocast was on."""

    def __init__(self) -> None:
        self.calls: dict[str, list[tuple[set[torch.dtype], bool]]] = {}

    def note(self, name: str, values: Any) -> None:
        found = {value.dtype for value in tensors_of(values) if value.is_floating_point()}
        self.calls.setdefault(name, []).append((found, torch.is_autocast_enabled('cpu')))

    def around(self, name: str, function: Callable) -> Callable:
        def noted(*args: Any) -> Any:
            self.note(name, list(args))
            return function(*args)
        return noted

    def hook(self, name: str) -> Any:
        return lambda module, args, kwargs: self.note(name, [list(args), list(kwargs.values())])


@contextmanager
def watched(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Iterator[Island]:
    """Look into the losses, the pairs and the sparse pooling of a distiller."""
    island = Island()
    parts = {f'pair.{name}.{part}': getattr(pair, part) for name, pair in model.pairs.items()
             for part in ('connector', 'loss')}
    parts |= {'heat': model.student.head.loss_cls, 'boxes': model.student.head.loss_bbox}
    handles = [module.register_forward_pre_hook(island.hook(name), with_kwargs=True) for name, module in parts.items()]
    handles.append(model.student.image_backbone.register_forward_hook(
        lambda module, args, out: island.note('backbone', list(out))))
    with monkeypatch.context() as patch:
        for path, name in (('perception_kd.models.layers.bev_pool', '_csr'),
                           ('perception_kd.models.det3d.depth_net', '_bce')):
            room = importlib.import_module(path)
            patch.setattr(room, name, island.around(name, getattr(room, name)))
        yield island
    for handle in handles:
        handle.remove()


def losses(dtype: str | None, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, dict[str, Tensor], Island]:
    """One backward pass of the whole distiller."""
    model = distiller()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    batch = collate(*(sample(**settings) for settings in SAMPLES[:2]))
    with watched(model, monkeypatch) as island:
        if dtype is None:
            total, log = model.parse_losses(model(**model.data_preprocessor(batch, True), mode='loss'))
            total.backward()
        else:
            wrapper = PortableAmpOptimWrapper(optimizer=optimiser, dtype=dtype, loss_scale=128.0)
            with wrapper.optim_context(model):
                total, log = model.parse_losses(model(**model.data_preprocessor(batch, True), mode='loss'))
            wrapper.backward(total)
    return model, log, island


@pytest.fixture(scope='module')
def exact() -> dict[str, Tensor]:
    with pytest.MonkeyPatch.context() as patch:
        return losses(None, patch)[1]


@pytest.mark.parametrize('dtype', HALVES)
def test_islands_are_float32_and_losses_near_those_of_float32(dtype: str, exact: dict, monkeypatch) -> None:
    model, log, island = losses(dtype, monkeypatch)
    assert island.calls.pop('backbone')[0] == ({HALVES[dtype]}, True), 'the backbone runs in half precision'
    assert {'heat', 'boxes', '_csr', '_bce'} < island.calls.keys()
    assert {f'pair.{name}.{part}' for name in model.pairs for part in ('connector', 'loss')} < island.calls.keys()
    wrong = {name: calls for name, calls in island.calls.items()
             if any(found != {torch.float32} or autocast for found, autocast in calls)}
    assert not wrong
    for name, value in exact.items():
        assert value.isfinite() and log[name].isfinite() and log[name].dtype == torch.float32, name
        torch.testing.assert_close(log[name], value, rtol=0.08, atol=0.02, msg=f'{name}: {log[name]} {value}')
    grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert {grad.dtype for grad in grads} == {torch.float32} and all(grad.isfinite().all() for grad in grads)
    assert len(grads) > 0.9 * len(list(model.parameters()))


def test_sums_that_float16_cannot_hold() -> None:
    """Teacher features of some hundreds: their squared distances are beyond float16's 65504."""
    model = distiller()
    norms = [part for part in model.teachers['lidar'].model.pts_backbone.blocks[0] if isinstance(part, nn.BatchNorm2d)]
    nn.init.constant_(norms[-1].bias, 500.0)
    batch = collate(*(sample(**settings) for settings in SAMPLES[:2]))
    with torch.autocast('cpu', dtype=torch.float16):
        log = model(**model.data_preprocessor(batch, True), mode='loss')
    large = log['loss_distill.lidar_to_fused']
    assert large > 65504 and large.dtype == torch.float32
    assert all(value.isfinite().all() for values in log.values() for value in tensors_of(values))


@pytest.mark.parametrize('kind', ['bce', 'ce'])
def test_depth_loss_of_large_logits(kind: str) -> None:
    bins = DepthBins(1.0, 9.0, 1.0)
    logits = torch.full((1, 8, 2, 2), -6e4, dtype=torch.float16)
    logits[:, 3] = 6e4
    target = torch.full((1, 1, 2, 2), 4.5)
    with torch.autocast('cpu', dtype=torch.float16):
        right, wrong = DepthLoss(kind=kind)(logits, target, bins), DepthLoss(kind=kind)(-logits, target, bins)
    assert right.dtype == torch.float32 and right == 0 and wrong.isfinite() and wrong > 65504


def test_head_losses_of_large_outputs() -> None:
    """Box values whose L1 sum is beyond float16."""
    model = distiller().student
    batch = collate(sample(**SAMPLES[0]))
    truth = [one.gt_instances_3d for one in batch['data_samples']]
    size = [model.head.grid.ny, model.head.grid.nx]
    widths = dict(heatmap=len(TASKS[0]), reg=2, height=1, dim=3, rot=2, vel=2)
    maps = {name: torch.full((1, width, *size), 6e4 if name != 'heatmap' else 50.0, dtype=torch.float16)
            for name, width in widths.items()}
    with torch.autocast('cpu', dtype=torch.float16):
        found = model.head.loss_by_feat(([maps],), truth)
    assert all(value.dtype == torch.float32 and value.isfinite() for value in found.values())
    assert found['task0.loss_bbox'] > 65504
