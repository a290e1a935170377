"""Data sets that go on where a few of their files are broken."""

from __future__ import annotations

from typing import Any

from mmengine.dataset import BaseDataset

from perception_kd.datasets.faults import FaultLog


class CorruptTolerantDataset(BaseDataset):
    """Replaces corrupt samples by others while training.

    The ``data_samples`` of a pipeline get ``index`` (place in the data set) and, in the place of corrupt samples,
    ``replaced`` (what was wrong with them) as metainfo; a sample that the pipeline has not packed gets them itself.

    Args:
        max_corrupt: In training, so many samples whose files are missing or broken are named in the log and
            replaced by others drawn at random, counted in each loader worker and epoch; one more stops the run,
            as the first does in testing.
        **kwargs: Of mmengine's ``BaseDataset``.
    """

    def __init__(self, *, max_corrupt: int = 0, **kwargs: Any) -> None:
        self._corrupt = FaultLog(what='corrupt samples', most=max_corrupt)
        self._replaced: list[str] = []  # which corrupt ones the next good sample stands for
        super().__init__(**kwargs)

    def prepare_data(self, idx: int) -> Any:
        """A sample after the pipeline; None, at which another is drawn, for one of the corrupt that may be."""
        try:
            sample = super().prepare_data(idx)
        except (ValueError, OSError) as error:
            if self.test_mode or not self._corrupt.most:
                raise
            self._corrupt.add(str(idx), f'sample {idx} is corrupt: {error}')
            self._replaced.append(f'sample {idx}: {error}')
            return None
        if isinstance(sample, dict):
            replaced, self._replaced = self._replaced, []
            packed = sample.get('data_samples')
            note = packed.set_metainfo if hasattr(packed, 'set_metainfo') else sample.update
            note({'index': idx, **({'replaced': replaced} if replaced else {})})
        return sample
