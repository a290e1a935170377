"""Sensors of the key frames before the current one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmcv.transforms import BaseTransform

from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadPastFrames(BaseTransform):
    """Run loading transforms on every info in ``past``; without past frames nothing happens.

    Each past frame becomes a sample of its own (``img``, ``radar``, ... in its own LiDAR frame) and makes its own
    random draws. ``ImageAug`` and ``ToBEVFrame`` later treat it as the key frame, ``PackInputs`` packs it.

    Args:
        transforms: ``LoadMultiViewImages``, ``LoadRadarSweeps`` or their configs.

    Raises:
        FileNotFoundError, OSError, ValueError: of a transform, with the sample and its past frame named.
    """

    def __init__(self, *, transforms: Sequence[dict[str, Any] | Callable[[dict], dict]]) -> None:
        self.transforms = [TRANSFORMS.build(one) if isinstance(one, dict) else one for one in transforms]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces the infos in ``past`` by loaded ones."""
        if 'past' in results:
            results['past'] = [self._load(info, results['token']) for info in results['past']]
        return results

    def _load(self, info: dict[str, Any], token: str) -> dict[str, Any]:
        try:
            for transform in self.transforms:
                info = transform(info)
        except (OSError, ValueError) as error:
            kind = next(kind for kind in (FileNotFoundError, OSError, ValueError) if isinstance(error, kind))
            raise kind(f'sample {token}: its past frame {info["token"]}: {error}') from error
        return info
