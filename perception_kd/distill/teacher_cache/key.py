"""What an entry of the cache belongs to: a teacher, a data set, a sample, and what the teacher saw of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.distill.batch import DistillBatch
from perception_kd.files import fingerprint
from perception_kd.structures import is_annotated
from perception_kd.version import __version__

FORMAT = 'perception_kd teacher cache 2'
BOXES = 'boxes'
"""Stands among the inputs that a teacher reads for the true boxes and labels of the data samples."""

_NOT_DECIDING = ('checkpoint', 'allow_random', 'trust', 'name')
_STAMP = ('version', 'split', 'schema', 'box_convention')
_PLAIN = (str, int, float, bool, type(None))


def teacher_identity(settings: Mapping[str, Any], model: nn.Module | None) -> dict[str, str]:
    """What decides a teacher's answers besides its inputs.

    Args:
        settings: Its config. The place of its checkpoint does not count, the content does. Of parts that are built
            already, the class, the printed form of a network, and plain attributes of others count.
        model: Its built network where there is no checkpoint: its weights count.
    """
    kept = {key: value for key, value in settings.items() if key not in _NOT_DECIDING}
    checkpoint = settings.get('checkpoint')
    weights = fingerprint(checkpoint) if checkpoint else 'none' if model is None else digest_of(model.state_dict())
    config = json.dumps(kept, sort_keys=True, default=_text)
    return dict(format=FORMAT, version=__version__, checkpoint=weights,
                config=hashlib.sha256(config.encode()).hexdigest()[:16])


def _text(part: Any) -> Any:
    """Of a ready part of a config: the architecture of a network, the numbers of an array, else class and settings."""
    if isinstance(part, nn.Module):
        return repr(part)
    if hasattr(part, 'tolist'):
        return part.tolist()
    own = {key: value for key, value in getattr(part, '__dict__', {}).items()
           if all(isinstance(item, _PLAIN) for item in (value if isinstance(value, tuple) else (value,)))}
    return [type(part).__qualname__, repr(own)]


def digest_of(value: Any) -> str:
    """Hash of a nested value: of all weights and buffers, of what an entry holds."""
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class SampleKey:
    """One sample as one teacher sees it.

    Args:
        token: Of the sample.
        stamp: Of its data set: version, split, schema, box convention.
        matrix: The 16 numbers of ``lidar_aug_matrix``.
        digest: Hash of everything that the teacher reads.
    """

    token: str
    stamp: tuple[str, ...]
    matrix: tuple[float, ...]
    digest: str

    @classmethod
    def of(cls, one: DistillBatch, reads: Sequence[str]) -> SampleKey:
        """Key of one sample.

        Args:
            one: A batch of this sample alone; its data sample has ``token`` and ``stamp`` as metainfo.
            reads: Keys of the inputs that the teacher reads, and :data:`BOXES`.

        Raises:
            ValueError: the sample lacks something that the key is made of.
        """
        inputs, data_sample = one.inputs, one.data_samples[0]
        meta = getattr(data_sample, 'metainfo', None) or {}
        token, stamp = meta.get('token'), meta.get('stamp')
        if not token or not isinstance(stamp, Mapping) or not all(stamp.get(key) for key in _STAMP[:2]):
            raise ValueError('the teacher cache needs token and stamp (version, split) of every sample; one has token '
                             f'{token!r} and stamp {stamp!r}: read the data with NuScenesRadarDataset and PackInputs')
        _require(one, *(key for key in reads if key != BOXES))
        digest = hashlib.sha256()
        for key in reads:
            digest.update(key.encode())
            _feed(digest, _truth(data_sample) if key == BOXES else inputs[key])
        return cls(str(token), tuple(str(stamp.get(key, '')) for key in _STAMP), world_matrix(one),
                   digest.hexdigest()[:32])

    @property
    def augmented(self) -> bool:
        """Whether the sample's world was moved."""
        return not same_matrix(self.matrix, torch.eye(4).flatten().tolist())

    @property
    def name(self) -> str:
        """Path of its entry within a teacher's folder."""
        moved = hashlib.sha256(repr(self.matrix).encode()).hexdigest()[:8] if self.augmented else ''
        return f'{self.stamp[0]}-{self.stamp[1]}/{self.token}{"-" if moved else ""}{moved}.pt'


def world_matrix(one: DistillBatch) -> tuple[float, ...]:
    """The 16 numbers of ``lidar_aug_matrix`` of a batch of one sample, rounded.

    Raises:
        ValueError: there is none.
    """
    _require(one, 'lidar_aug_matrix')
    return tuple(round(number, 5) + 0.0 for number in one.inputs['lidar_aug_matrix'][0].flatten().tolist())


def same_matrix(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two matrices are the same but for rounding in float32."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-4


def _require(one: DistillBatch, *keys: str) -> None:
    missing = [key for key in keys if key not in one.inputs]
    if missing:
        raise ValueError(f'the teacher cache needs {", ".join(missing)} in the inputs (keys of PackInputs); there are: '
                         f'{", ".join(one.inputs)}')


def _truth(data_sample: Any) -> Any:
    if not is_annotated(data_sample):
        return 'not annotated'
    truth = data_sample.gt_instances_3d
    return [getattr(truth.bboxes_3d, 'tensor', truth.bboxes_3d), truth.labels_3d]


def _feed(digest: Any, value: Any) -> None:
    """Put a nested value into a hash, with shapes and kinds."""
    if isinstance(value, Tensor):
        digest.update(f'{value.dtype}{tuple(value.shape)}'.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            digest.update(f'{key}:'.encode())
            _feed(digest, item)
    elif isinstance(value, (list, tuple)):
        digest.update(f'{len(value)} items'.encode())
        for item in value:
            _feed(digest, item)
    else:
        digest.update(repr(value).encode())
