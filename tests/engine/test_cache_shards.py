"""Teachers' answers kept by several processes: together those of one, each resumable on its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, SequentialSampler

from perception_kd.engine.launch import Place, place_in_job
from perception_kd.engine.shards import Shard, ShardSampler
from tests.engine.test_cache_filling import entries, fill, teacher  # noqa: F401


@given(size=st.integers(0, 40), batch=st.integers(1, 5), count=st.integers(1, 7))
def test_the_batches_of_all_shards_are_those_of_the_whole(size: int, batch: int, count: int) -> None:
    whole = list(BatchSampler(SequentialSampler(range(size)), batch, drop_last=False))
    samplers = [ShardSampler(range(size), shard=Shard(index, count), batch=batch) for index in range(1, count + 1)]
    parts = [list(BatchSampler(sampler, batch, drop_last=False)) for sampler in samplers]
    assert sorted(one for part in parts for one in part) == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert [len(sampler) for sampler in samplers] == [sum(map(len, part)) for part in parts]


def contents(folder: Path) -> dict[str, dict]:
    return {str(file.relative_to(folder)): torch.load(file, weights_only=True) for file in entries(folder)}


def assert_same(one: object, other: object) -> None:
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other):
            assert_same(left, right)
    else:
        assert one == other


def test_shards_leave_what_one_process_leaves(fill, tmp_path, monkeypatch):  # noqa: F811
    """Six samples in three batches of two: the first shard has the first and the last of them."""
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    assert fill('--out', whole)[0] == 0
    monkeypatch.setenv('SLURM_PROCID', '1')
    monkeypatch.setenv('SLURM_NTASKS', '2')
    status, said, _ = fill('--out', parts, '--launcher', 'slurm')
    assert status == 0 and '0 samples from the cache, 2 computed (shard 2 of 2)' in said and len(entries(parts)) == 2
    assert fill('--out', parts, '--shard', '1/2')[0] == 0
    assert_same(contents(whole), contents(parts))

    for file in entries(parts)[:1]:  # of the first shard, as if it had been killed before the last one
        file.unlink()
    assert '2 samples from the cache, 0 computed' in fill('--out', parts, '--shard', '2/2')[1]
    assert '3 samples from the cache, 1 computed' in fill('--out', parts, '--shard', '1/2')[1]
    assert contents(whole).keys() == contents(parts).keys()


@pytest.mark.parametrize(('arguments', 'error'), [
    (('--shard', '3/2'), 'from 1 to N, such as 2/8; got 3/2'), (('--shard', '0/2'), 'got 0/2'),
    (('--shard', 'half'), "got 'half'"), (('--shard', '1/2', '--launcher', 'slurm'), 'give one of them'),
    (('--launcher', 'slurm'), 'no SLURM_PROCID, SLURM_NTASKS: start the command through srun'),
])  # fmt: skip
def test_what_is_no_shard_is_one_line(fill, tmp_path, arguments, error, monkeypatch):  # noqa: F811
    monkeypatch.delenv('SLURM_PROCID', raising=False)
    monkeypatch.delenv('SLURM_NTASKS', raising=False)
    status, _, line = fill(*arguments, '--out', tmp_path)
    assert status == 1 and error in line and not entries(tmp_path)


def test_a_process_knows_its_place_and_its_gpu(monkeypatch):
    chosen = []
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 4)
    monkeypatch.setattr('torch.cuda.set_device', chosen.append)
    for name, value in dict(RANK=5, WORLD_SIZE=8, LOCAL_RANK=1, OMPI_COMM_WORLD_RANK=6, OMPI_COMM_WORLD_SIZE=8,
                            OMPI_COMM_WORLD_LOCAL_RANK=2).items():
        monkeypatch.setenv(name, str(value))
    assert place_in_job('none') == Place() and not chosen
    assert place_in_job('pytorch') == Place(5, 8, 1) and place_in_job('mpi') == Place(6, 8, 2) and chosen == [1, 2]
