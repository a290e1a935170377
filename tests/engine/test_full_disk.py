"""A training whose disk fills up: told in one line, resumable from the last checkpoint, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.hooks import Hook

from perception_kd.engine.safe_checkpoint import find_newest_checkpoint, read_checkpoint
from perception_kd.files import DiskFullError
from tests.engine.tiny_run import assert_same, build
from tests.full_disk import file_size_limit


class FullInTheSecondEpoch(Hook):
    """From the second epoch on no file grows beyond a few bytes."""

    limit = None

    def before_train_epoch(self, runner) -> None:
        if runner.epoch == 1:
            self.limit = file_size_limit(2000)
            self.limit.__enter__()


def test_training_on_a_full_disk(tmp_path: Path) -> None:
    runner, hook = build(tmp_path, epochs=3), FullInTheSecondEpoch()
    runner.register_hook(hook)
    try:
        with pytest.raises(DiskFullError, match=r'no space left writing .*epoch_2\.pth'):
            runner.train()
    finally:
        hook.limit.__exit__(None, None, None)
    assert find_newest_checkpoint(tmp_path).name == 'epoch_1.pth'
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['epoch_1.pth'] and not list(tmp_path.glob('.*'))
    assert read_checkpoint(tmp_path / 'epoch_1.pth')['meta']['epoch'] == 1
    resumed = build(tmp_path, epochs=3, resume=True)
    resumed.train()
    whole = build(tmp_path / 'whole', epochs=3)
    whole.train()
    assert_same(resumed, whole)
