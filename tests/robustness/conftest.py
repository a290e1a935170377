"""Models and configs for grids on the tiny world."""

from pathlib import Path

import pytest
import torch

CONFIG = """
custom_imports = dict(imports=['tests.robustness.radar_echo', 'tests.evaluation.echo_model'])
default_scope = 'perception_kd'
data_root = {root!r}
test_split = 'tiny_train'
model = {model}
test_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='NuScenesRadarDataset', data_root='${{data_root}}', test_mode=True, serialize_data=False,
                 ann_file='nuscenes_infos_${{test_split}}.pkl',
                 pipeline=[{load} dict(type='LoadBoxes3D'), dict(type='PackInputs', keys={keys})]))
test_evaluator = dict(
    type='NuScenesDetMetric', data_root='${{data_root}}', ann_file='nuscenes_infos_${{test_split}}.pkl')
test_cfg = dict()
"""


class Files:
    """Configs and checkpoints in one folder."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder

    def radar(self, name: str = 'radar', **model: float) -> tuple[str, str]:
        """A model that sees by radar: config and checkpoint."""
        return self._write(name, dict(type='RadarEcho', **model),
                           "dict(type='LoadRadarSweeps', sweeps_num=0, filter_preset='none'),", ['radar'])

    def blind(self, name: str = 'blind') -> tuple[str, str]:
        """One that reads no sensor's file and knows the truth."""
        return self._write(name, dict(type='EchoTruth'), "dict(type='LoadLidarSweeps', sweeps_num=0),",
                           ['lidar_aug_matrix'])

    def weights(self, name: str, score: float = 1.0) -> str:
        path = self.folder / f'{name}.pth'
        torch.save({'state_dict': {'weight': torch.tensor(score)}}, path)
        return str(path)

    def _write(self, name: str, model: dict, load: str, keys: list[str]) -> tuple[str, str]:
        path = self.folder / f'{name}.py'
        path.write_text(CONFIG.format(root=str(self.root), model=model, load=load, keys=keys))
        return str(path), self.weights(name)


@pytest.fixture
def files(tiny_root: Path, tmp_path: Path) -> Files:
    """Writes models for the tiny world."""
    return Files(tiny_root, tmp_path)
