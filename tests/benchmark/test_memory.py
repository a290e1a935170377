"""The peak of live tensors against hand-counted cases."""

import pytest
import torch
from torch import nn

from perception_kd.benchmark.memory import peak_bytes, tensor_bytes

N = 1000  # floats of 4 bytes


def test_freed_tensors_make_room():
    outside = torch.zeros(N)

    def one_after_another():
        for _ in range(5):
            torch.ones(N)
    assert peak_bytes(one_after_another) == 4 * N
    assert peak_bytes(lambda: [torch.ones(N) for _ in range(5)]) == 5 * 4 * N
    assert peak_bytes(lambda: outside.add_(1)) == 0
    assert peak_bytes(lambda: outside.view(10, -1).T) == 0
    assert peak_bytes(lambda: (outside + 1).view(2, -1)[0]) == 4 * N
    assert peak_bytes(lambda: None) == 0


def test_activations_and_gradients_of_a_step_count():
    layer, x = nn.Linear(N, N, bias=False), torch.randn(8, N)

    def step():
        layer(x).square().sum().backward()
    first = peak_bytes(step)  # the weight's gradient stays, the output and its gradient go
    assert 4 * N * N + 4 * 8 * N <= first <= 4 * N * N + 4 * 4 * 8 * N
    layer.zero_grad(set_to_none=False)
    with torch.no_grad():
        assert peak_bytes(lambda: layer(x)) == 4 * 8 * N


def test_what_checkpointing_saves_is_seen():
    layers = nn.Sequential(*(nn.Tanh() for _ in range(16)))
    x = torch.randn(N, requires_grad=True)
    plain = peak_bytes(lambda: layers(x).sum().backward())
    saved = peak_bytes(
        lambda: torch.utils.checkpoint.checkpoint_sequential(layers, 4, x, use_reentrant=False).sum().backward())
    assert 16 * 4 * N <= plain <= 20 * 4 * N and saved < 0.7 * plain


def test_sparse_tensors_count_by_their_parts():
    eye = torch.eye(N)
    assert peak_bytes(lambda: eye.to_sparse_coo()) >= N * (2 * 8 + 4)
    rows = torch.sparse_csr_tensor(torch.arange(N + 1), torch.arange(N), torch.ones(N))
    assert tensor_bytes(rows) == (N + 1) * 8 + N * (8 + 4)
    assert peak_bytes(lambda: rows @ torch.ones(N, 2)) == 2 * 2 * 4 * N


def test_bytes_of_containers():
    x = torch.zeros(10, 2)
    assert tensor_bytes([x, dict(a=x.T, b=x[0]), torch.zeros(3, dtype=torch.float64), 'text']) == 80 + 24


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_cuda_counts_what_its_allocator_gives():
    assert peak_bytes(lambda: torch.ones(1 << 20, device='cuda'), 'cuda') == 4 << 20
