"""A faulty sample with parts of the sound one beside it: faults for the student, none for a teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.registry import TRANSFORMS

CLEAN = 'clean_'
"""Before the name of an input: the same without faults."""


@TRANSFORMS.register_module()
class BesideClean(BaseTransform):
    """Run a pipeline on a sample with faults and on the same sample without; ``inputs`` are those with faults.

    What ``keys`` name comes from the sample without faults too: ``inputs['clean_img']`` and so on. A teacher reads it
    under its usual name by ``renamed=dict(img='clean_img')``. Both see the same augmentation: each transform starts
    from the same state of NumPy's generator for both.

    Args:
        faults: ``ApplyFaults`` or its config.
        transforms: The pipeline after it, with ``PackInputs`` at the end.
        keys: Inputs that are wanted without faults.

    Raises:
        ValueError: The pipeline makes no such input.
    """

    def __init__(self, *, faults: dict[str, Any] | Callable[[dict], dict],
                 transforms: Sequence[dict[str, Any] | Callable[[dict], dict]], keys: Sequence[str]) -> None:
        self.faults, *self.transforms = (TRANSFORMS.build(one) if isinstance(one, dict) else one
                                         for one in (faults, *transforms))
        self.keys = tuple(keys)

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """The faulty sample, packed; None where a transform drops one of the two."""
        clean = {**results, 'past': [dict(frame) for frame in results['past']]} if 'past' in results else dict(results)
        faulty = self.faults(results)
        for transform in self.transforms:
            before = np.random.get_state(legacy=False)
            faulty = transform(faulty)
            np.random.set_state(before)  # what is drawn goes on from the clean sample, whatever a fault left
            clean = transform(clean)
            if clean is None or faulty is None:
                return None
        missing = [key for key in self.keys if key not in clean['inputs']]
        if missing:
            raise ValueError(f'BesideClean: the pipeline makes no {", ".join(missing)}; it makes '
                             f'{", ".join(clean["inputs"])}')
        faulty['inputs'].update({CLEAN + key: clean['inputs'][key] for key in self.keys})
        return faulty
