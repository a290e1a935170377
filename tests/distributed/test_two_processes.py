"""Two gloo processes, ``find_unused_parameters=False``, and a warm-up from weight 0."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from perception_kd.distill import Distiller
from perception_kd.distill.gradients import GradientProbe
from perception_kd.leaving import leave
from tests.distill.toys import ToyStudent, feature_pair, response_pair, toy_batch, toy_teacher

STEPS, LEARNING_RATE = 5, 0.1
PLACES = 'parameters', 'taps'
SAMPLES = [(1, 2, 3, 4), (3, 3, 0, 0), (0, 0, 1, 5), (6, 7, 8, 9), (2, 1, 3, 0)]
"""Tokens of the four samples of each step. Their numbers of boxes differ between the halves; 0 has none."""


def build() -> Distiller:
    """No batch norm and no dropout anywhere: those may rightly depend on how a batch is split."""
    torch.manual_seed(0)
    warmup = dict(type='LinearWarmup', value=1.0, end=2)
    pairs = dict(
        gaussian=feature_pair(mask=dict(type='GaussianMask'), weight=warmup),
        scaled=feature_pair(mask=dict(type='ActiveCells'), target_scale=dict(type='IntensityMap'),
                            loss=dict(type='L1', channel='sum', normalise='rms'), weight=0.3),
        response=response_pair(weight=warmup))
    balance = dict(type='GradientNormBalance', shares=dict(scaled=0.5, response=0.2), interval=2)
    return Distiller(student=ToyStudent(norm=False, dropout=0.0), teachers=dict(lidar=toy_teacher()), pairs=pairs,
                     balance=balance)


def train(model: torch.nn.Module, part: slice) -> list[dict]:
    """Weights and gradients after each step on ``part`` of its samples."""
    core = getattr(model, 'module', model)
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=LEARNING_RATE))
    trace = []
    core.probe = GradientProbe('taps')
    for tokens in SAMPLES[:STEPS]:
        before = {name: weight.detach().clone() for name, weight in core.named_parameters()}
        model.train()
        model.train_step(toy_batch(*tokens[part]), optim)
        core.probe = GradientProbe(PLACES[len(trace) % 2])
        trace.append({name: (weight.detach() - before[name]) / -LEARNING_RATE
                      for name, weight in core.named_parameters()})
        trace[-1]['balance'] = core.balance.factors.float()
        if core.gradients:
            trace[-1]['gram'] = core.gradients.gram.float()
            trace[-1]['norms'] = torch.tensor(list(core.gradients.norms().values()))
    return trace


def worker(rank: int, folder: str) -> None:
    """One of two processes: trains on its half of every batch and writes what it did."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2)
    model = MMDistributedDataParallel(build(), find_unused_parameters=False)
    trace = train(model, slice(2 * rank, 2 * rank + 2))
    torch.save(dict(trace=trace, keys=list(model.state_dict())), f'{folder}/rank{rank}.pt')
    leave()


def failing_worker(rank: int, folder: str) -> None:
    """Process 1 meets a NaN; both must stop with a message, none may wait for the other."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2)
    model = MMDistributedDataParallel(build(), find_unused_parameters=False)
    batch = toy_batch(1, 2)
    if rank == 1:
        batch['inputs']['img'][1][:] = float('nan')
    message = 'nothing was raised'
    try:
        model(**batch, mode='loss')
    except ValueError as error:
        message = str(error)
    Path(folder, f'rank{rank}.txt').write_text(message)
    leave()


def test_gradients_equal_one_process_with_the_double_batch(tmp_path):
    torch.multiprocessing.spawn(worker, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f'rank{rank}.pt', weights_only=True) for rank in (0, 1))
    alone = train(build(), slice(0, 4))
    moved = set()
    for step, expected in enumerate(alone):
        for name, gradient in expected.items():
            torch.testing.assert_close(first['trace'][step][name], gradient, atol=2e-5, rtol=1e-4)
            assert torch.equal(first['trace'][step][name], second['trace'][step][name])
            moved.update([name] if gradient.any() else [])
    assert (alone[-1]['balance'] != 1).all() and 'gram' in alone[-1]
    assert moved == set(alone[-1]), 'every parameter has to have had a gradient at some step'
    assert not alone[0]['pairs.gaussian.connector.conv.weight'].any(), 'the warm-up begins at weight 0'
    assert {key.split('.')[1] for key in first['keys']} == {'student', 'pairs', 'balance'}


def test_a_nan_in_one_process_stops_both(tmp_path):
    torch.multiprocessing.spawn(failing_worker, args=(str(tmp_path),), nprocs=2)
    healthy, sick = ((tmp_path / f'rank{rank}.txt').read_text() for rank in (0, 1))
    assert healthy == 'another process met a loss that is not finite'
    assert 'token2' in sick and 'loss_distill.gaussian' in sick
