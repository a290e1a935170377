"""From files to views."""

from __future__ import annotations

from pathlib import Path

from perception_kd.datasets.pictures import read_image
from perception_kd.evaluation.uav.predictions import Predicted
from perception_kd.evaluation.uav.truth import Image
from perception_kd.visualization.uav.view import UAVView


def open_view(root: Path, image: Image, predicted: Predicted | None, iou: float) -> UAVView:
    """A picture with its boxes.

    Args:
        root: What its file name is relative to.
        image: With its truth.
        predicted: At the threshold of deployment; None: targets alone.
        iou: Least IoU of a match.

    Raises:
        FileNotFoundError, ValueError: no such picture, damaged, or of another size than the annotations are for.
    """
    picture = read_image(root / image.file_name)
    if image.size is not None and picture.shape[1::-1] != tuple(image.size):
        raise ValueError(f'{root / image.file_name} is {picture.shape[1]} x {picture.shape[0]} px, its annotations are '
                         f'for {image.size[0]} x {image.size[1]}; give the pictures that belong to them')
    return UAVView(title=image.file_name, picture=picture, truth=image.truth, predicted=predicted, iou=iou)
