"""One thread a process: with small tensors two threads that share the machine wait for each other."""

import pytest
import torch


@pytest.fixture(autouse=True, scope='package')
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
