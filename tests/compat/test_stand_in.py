"""The stand-in for mmcv._ext as other libraries meet it."""

import importlib
import pkgutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from torch import nn

import perception_kd.compat as compat
from tests.compat import lite_only


def run_python(code: str, *path: str) -> str:
    setup = f'import sys; sys.path[:0] = {list(path)!r}\n'
    done = subprocess.run([sys.executable, '-c', setup + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_import_opens_mmcv_ops_and_both_model_zoos() -> None:
    code = (
        'import perception_kd.compat\n'
        'import mmcv.ops, mmdet.models, mmdet3d.models\n'
        'from mmdet3d.registry import MODELS\n'
        'print(MODELS.get("CenterPoint").__name__, "open3d" in sys.modules, "torchvision" in sys.modules)'
    )
    assert run_python(code).splitlines()[-1] == 'CenterPoint False False'


def test_import_of_compat_is_light_and_idempotent() -> None:
    code = (
        'import perception_kd.compat as c; c.install(); c.install()\n'
        'print("mmcv" in sys.modules, sum(type(f).__name__ == "_StandInFinder" for f in sys.meta_path))'
    )
    assert run_python(code) == 'False 1'


def test_compiled_extension_wins(tmp_path) -> None:
    package = tmp_path / 'mmcv'
    package.mkdir()
    (package / '__init__.py').write_text('')
    (package / '_ext.py').write_text('made_by = "compiler"\n')
    code = 'import perception_kd.compat, mmcv._ext; print(mmcv._ext.made_by)'
    assert run_python(code, str(tmp_path)) == 'compiler'


def test_compiled_extension_is_recognised_without_import(tmp_path, monkeypatch) -> None:
    package = tmp_path / 'mmcv'
    package.mkdir()
    (package / '__init__.py').write_text('raise RuntimeError("must not be imported")\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    saved = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split('.')[0] == 'mmcv'}
    try:
        assert not compat.compiled_mmcv_available()
        (package / f'_ext{EXTENSION_SUFFIXES[0]}').write_bytes(b'')
        importlib.invalidate_caches()
        assert compat.compiled_mmcv_available()
    finally:
        sys.modules.update(saved)


@lite_only
def test_spec_is_valid_and_private_names_stay_missing() -> None:
    ext = importlib.import_module('mmcv._ext')
    assert ext.__spec__.name == 'mmcv._ext' and ext.__spec__.loader is not None
    assert pkgutil.find_loader('mmcv._ext') is not None
    with pytest.raises(AttributeError, match='__path__'):
        _ = ext.__path__


@lite_only
def test_other_ops_import_and_fail_clearly_when_called() -> None:
    from mmcv.ops import CARAFENaive, RoIAlign

    with pytest.raises(compat.CompiledOpMissing, match=r"compiled mmcv: op 'carafe_naive_forward'.*Install"):
        CARAFENaive(3, 1, 2)(torch.rand(1, 2, 4, 4), torch.rand(1, 9, 8, 8))
    with pytest.raises(NotImplementedError, match="pool_mode 'max'"):
        RoIAlign(7, pool_mode='max')(torch.rand(1, 2, 9, 9), torch.zeros(3, 5))


class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor, mode: str = 'tensor'):
        out = self.layer(x)[:, 0]
        return {'loss': ((out - y) ** 2).mean()} if mode == 'loss' else out


def test_optimizer_builder_meets_the_stand_in() -> None:
    model = Line()
    cfg = dict(optimizer=dict(type='SGD', lr=0.1), paramwise_cfg=dict(bias_lr_mult=2.0))
    wrapper = build_optim_wrapper(model, dict(type='OptimWrapper', **cfg))
    assert sorted(group['lr'] for group in wrapper.optimizer.param_groups) == [0.1, 0.2]


def test_runner_trains_one_step(tmp_path) -> None:
    data = [dict(x=torch.ones(2), y=torch.tensor(3.0))]
    model = Line()
    before = model.layer.weight.detach().clone()
    runner = Runner(
        model=model,
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=1,
            dataset=data,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=False, max_iters=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1), paramwise_cfg=dict(bias_lr_mult=2.0)),
        experiment_name='one_step',
        log_level='ERROR',
    )
    runner.train()
    assert runner.iter == 1 and not torch.equal(model.layer.weight, before)
