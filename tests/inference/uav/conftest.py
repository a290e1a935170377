"""Pictures and videos whose targets are known, a config of a detector that finds exactly these, and the command."""

import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from perception_kd.export import student
from tests.blob_detector import BlobDetector, painted

CLASSES = ('drone', 'bird')
SLICED = dict(type='SlicedDetector', detector=dict(type='BlobDetector'), tile=64, overlap=0.5)


def save(path: Path, image: np.ndarray) -> Path:
    """As a PNG file; BGR."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


def save_video(path: Path, frames, fps: float = 10, codec: str = 'FFV1') -> Path:
    """Without loss, unless another codec is named."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def moving(frames: int = 12) -> list[np.ndarray]:
    """Boxes (2, 4) of two targets of 8 and 6 px that pass each other."""
    return [np.array([[10 + 5 * step, 20, 18 + 5 * step, 28], [90 - 4 * step, 40, 96 - 4 * step, 46]])
            for step in range(frames)]


def film_of(boxes) -> list[np.ndarray]:
    """Frames of 96 x 128, the first target brighter than the second."""
    return [painted(96, 128, one, values=(255, 230)) for one in boxes]


@pytest.fixture(autouse=True)
def drones_are_blobs(monkeypatch):
    monkeypatch.setattr(student, 'UAV_MODELS', (*student.UAV_MODELS, 'BlobDetector'))


@pytest.fixture(scope='session')
def weights(tmp_path_factory):
    """Config and checkpoint of the blob detector on tiles, and on whole pictures."""
    folder = tmp_path_factory.mktemp('weights')
    torch.save(dict(state_dict=BlobDetector().state_dict(), meta=dict(dataset_meta=dict(classes=CLASSES))),
               folder / 'blob.pth')
    Config(dict(model=SLICED)).dump(folder / 'sliced.py')
    pipeline = [dict(type='LoadPicture'), dict(type='mmdet.LoadAnnotations', with_bbox=True),
                dict(type='LetterBox', size=128), dict(type='PackPicture')]
    Config(dict(model=dict(type='BlobDetector'), default_scope='perception_kd',
                test_dataloader=dict(dataset=dict(pipeline=pipeline)))).dump(folder / 'whole.py')
    return {name: (str(folder / f'{name}.py'), str(folder / 'blob.pth')) for name in ('sliced', 'whole')}


@pytest.fixture
def infer(monkeypatch, capsys):
    """``infer(*arguments)`` -> status, lines on stdout, and those on stderr that tell an error."""
    def run(*arguments) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            runpy.run_path('tools/infer.py', run_name='__main__')
        out, err = capsys.readouterr()
        assert 'Traceback' not in err
        return left.value.code, out.splitlines(), [line for line in err.splitlines() if line.startswith('error:')]

    return run
