"""Sharpness-aware steps of two processes: each climbs by its own samples, and the second gradients are averaged."""

from __future__ import annotations

import torch
from mmengine.model import MMDistributedDataParallel

from perception_kd.engine.sam import SAMOptimWrapper
from perception_kd.leaving import leave
from tests.distill.toys import ToyStudent, toy_batch

RHO, RATE = 0.5, 0.1
SAMPLES = [(1, 2, 3, 4), (5, 0, 2, 6)]


def build() -> ToyStudent:
    torch.manual_seed(0)
    return ToyStudent(norm=False, dropout=0.0)


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2)
    model = MMDistributedDataParallel(build(), find_unused_parameters=False)
    wrapper = SAMOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=RATE), rho=RHO)
    for tokens in SAMPLES:
        model.train_step(toy_batch(*tokens[2 * rank:2 * rank + 2]), wrapper)
    torch.save(model.module.state_dict(), f'{folder}/rank{rank}.pt')
    leave()


def gradient(model: ToyStudent, tokens: tuple[int, ...]) -> list[torch.Tensor]:
    batch = model.data_preprocessor(toy_batch(*tokens), True)
    loss = model.parse_losses(model(**batch, mode='loss'))[0]
    return list(torch.autograd.grad(loss, list(model.parameters())))


def gradient_uphill(model: ToyStudent, tokens: tuple[int, ...]) -> list[torch.Tensor]:
    """Of one process, at weights that its own gradient has perturbed."""
    first, other = gradient(model, tokens), build()
    length = sum(part.square().sum() for part in first).sqrt()
    with torch.no_grad():
        for weight, start, part in zip(other.parameters(), model.parameters(), first):
            weight.copy_(start + RHO * part / length)
    return gradient(other, tokens)


def test_two_processes_average_their_second_gradients(tmp_path):
    torch.multiprocessing.spawn(worker, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f'rank{rank}.pt', weights_only=True) for rank in (0, 1))
    model = build()
    for tokens in SAMPLES:
        parts = [gradient_uphill(model, half) for half in (tokens[:2], tokens[2:])]
        with torch.no_grad():
            for weight, one, other in zip(model.parameters(), *parts):
                weight -= RATE * (one + other) / 2
    for name, value in model.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, atol=1e-6, rtol=1e-5, msg=name)
