"""Image backbone that starts from ImageNet weights in a local file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import perception_kd.compat  # noqa: F401  # isort: skip
from mmdet.models.backbones import ResNet
from mmengine.logging import print_log

from perception_kd.distill.weights import load_strictly
from perception_kd.registry import MODELS

# What an ImageNet file may hold or lack besides the backbone: the classifier, and counters of older files.
EXCEPTIONS = ('fc.*', '*.num_batches_tracked')


@MODELS.register_module()
class ImageNetResNet(ResNet):
    """mmdet's ResNet, which reads torchvision's ImageNet weights when it is initialised, and not before.

    Nothing is downloaded. Building a model, testing and exporting do not read the file.

    Args:
        weights: File of torchvision's ImageNet weights with their own key names, for example
            ``data/weights/resnet50-0676ba61.pth``; None trains all stages from
            scratch.
        kwargs: As for ``mmdet.ResNet``: ``depth``, ``out_indices``, ``frozen_stages``, ``norm_eval``, ...
    """

    def __init__(self, *, weights: str | Path | None, **kwargs: object) -> None:
        if weights is None:
            kwargs['frozen_stages'] = -1  # random weights are not worth keeping
        super().__init__(**kwargs)
        self.weights_file = None if weights is None else Path(weights)

    def init_weights(self) -> None:
        """Random weights as mmdet draws them, then all of the file's.

        Raises:
            FileNotFoundError: No such file; says what to fetch and where to put it.
            ValueError: Its content is not what its name says, or does not fit.
        """
        super().init_weights()
        if self.weights_file is None:
            return
        from perception_kd.engine.foreign_checkpoint import load_weights  # the engine imports this package

        self._check_file()
        report = load_strictly(self, load_weights(self.weights_file), exceptions=EXCEPTIONS,
                               who=f'ImageNet weights {self.weights_file}')
        print_log(f'ImageNet weights from {self.weights_file}: {report}', logger='current')

    def _check_file(self) -> None:
        path = self.weights_file
        if not path.is_file():
            raise FileNotFoundError(
                f"no ImageNet weights at {path}: fetch torchvision's ResNet-{self.depth} ImageNet weights and put the "
                'file there, or set weights=None in image_backbone to train from scratch')
        named = re.search(r'-([0-9a-f]{8,64})$', path.stem)  # torchvision names a file by its content
        if named and not _sha256(path).startswith(named[1]):
            raise ValueError(f'ImageNet weights {path} are damaged or incomplete: their SHA-256 does not begin with '
                             f'{named[1]} as their name says; fetch them again')


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
