"""mmdet3d's own detectors, shrunk, on the CPU: loss, gradients and predictions through the portable ops."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only, spconv_free

pytestmark = lite_only


def model_cfg(name: str) -> ConfigDict:
    """The model of one of mmdet3d's base configs."""
    import mmdet3d

    return Config.fromfile(Path(mmdet3d.__path__[0], '.mim', 'configs', '_base_', 'models', f'{name}.py')).model


def batch(features: int, box_dim: int, classes: int, low: list[float], high: list[float]) -> dict:
    """Two clouds with three boxes each; the second cloud has points outside and not a number."""
    from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes

    generator = torch.Generator().manual_seed(0)
    low, high = torch.tensor(low), torch.tensor(high)
    clouds, samples = [], []
    for _ in range(2):
        points = torch.rand(600, features, generator=generator)
        points[:, :3] = low + points[:, :3] * (high - low)
        boxes = torch.cat([(low + high) / 2 + torch.tensor([[-3.0, -3, -1], [0, 2, -1], [3, -1, -1]]),
                           torch.tensor([[3.9, 1.6, 1.56, 0.3]]).expand(3, 4), torch.zeros(3, box_dim - 7)], 1)
        sample = Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes))
        sample.gt_instances_3d = InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=box_dim),
                                              labels_3d=torch.arange(3) % classes)
        clouds.append(points)
        samples.append(sample)
    clouds[1][:5, :3] = high + 1
    return dict(inputs=dict(points=clouds), data_samples=samples)


def run(cfg: ConfigDict, data: dict) -> list:
    """A training step and predictions; gives the predictions."""
    from mmdet3d.registry import MODELS
    from mmdet3d.utils import register_all_modules

    register_all_modules()
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    packed = model.data_preprocessor(data, True)
    total, _ = model.parse_losses(model(**packed, mode='loss'))
    total.backward()
    assert total.isfinite()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without
    model.eval()
    with torch.no_grad():
        results = model(**model.data_preprocessor(data, False), mode='predict')
    for result in results:
        found = result.pred_instances_3d
        assert found.bboxes_3d.tensor.isfinite().all() and len(found.scores_3d) == len(found.bboxes_3d)
    return results


KITTI = [0.0, -5.12, -3.0, 10.24, 5.12, 1.0]


def point_pillars(voxel_encoder: dict, voxel_layer: dict) -> ConfigDict:
    """The KITTI config on 64 x 64 pillars with thin layers."""
    cfg = model_cfg('pointpillars_hv_secfpn_kitti')
    cfg.data_preprocessor.voxel_layer.update(point_cloud_range=KITTI, **voxel_layer)
    if voxel_layer['max_num_points'] < 0:
        cfg.type, cfg.data_preprocessor.voxel_type = 'DynamicVoxelNet', 'dynamic'
    cfg.voxel_encoder.update(feat_channels=[8], point_cloud_range=KITTI, **voxel_encoder)
    cfg.middle_encoder.update(in_channels=8, output_shape=[64, 64])
    cfg.backbone.update(in_channels=8, layer_nums=[1, 1, 1], out_channels=[8, 8, 8])
    cfg.neck.update(in_channels=[8, 8, 8], out_channels=[8, 8, 8])
    cfg.bbox_head.update(in_channels=24, feat_channels=24)
    cfg.bbox_head.anchor_generator.ranges = [[*KITTI[:2], -1.78, *KITTI[3:5], -1.78]] * 3
    cfg.test_cfg.update(score_thr=0.0, nms_pre=100, nms_thr=0.2)
    return cfg


@pytest.mark.parametrize('voxels', ['hard', 'dynamic'])
@pytest.mark.parametrize('rotated', [True, False])
def test_point_pillars(voxels: str, rotated: bool) -> None:
    hard = voxels == 'hard'
    cfg = point_pillars(dict(type='PillarFeatureNet' if hard else 'DynamicPillarFeatureNet'),
                        dict(max_num_points=8 if hard else -1, max_voxels=(300, 300) if hard else (-1, -1)))
    cfg.test_cfg.use_rotate_nms = rotated
    assert all(len(result.pred_instances_3d) for result in run(cfg, batch(4, 7, 3, KITTI[:3], KITTI[3:])))


@pytest.mark.parametrize('encoder', ['DynamicSimpleVFE', 'HardSimpleVFE', 'DynamicVFE'])
def test_voxel_encoders_of_second(encoder: str) -> None:
    from mmdet3d.registry import MODELS

    voxel, limits = [0.4, 0.4, 1.0], [0.0, -5.2, -3.0, 10.4, 5.2, 1.0]
    hard = encoder.startswith('Hard')
    layer = dict(max_num_points=5 if hard else -1, max_voxels=(200, 200) if hard else (-1, -1), voxel_size=voxel,
                 point_cloud_range=limits)
    prepare = MODELS.build(dict(type='Det3DDataPreprocessor', voxel=True, voxel_type='hard' if hard else 'dynamic',
                                voxel_layer=layer))
    voxels = prepare(batch(4, 7, 3, limits[:3], limits[3:]), True)['inputs']['voxels']
    more = dict(num_features=4) if hard else dict(voxel_size=voxel, point_cloud_range=limits)
    more = dict(more, in_channels=4, feat_channels=[8], with_cluster_center=True) if encoder == 'DynamicVFE' else more
    net = MODELS.build(dict(type=encoder, **more))
    found = net(voxels['voxels'], voxels['num_points'], voxels['coors']) if hard else net(
        voxels['voxels'], voxels['coors'])
    features = found if hard else found[0]
    assert features.isfinite().all() and len(features) > 100


@spconv_free
@pytest.mark.parametrize('encoder', ['SparseEncoder', 'SparseUNet'])
def test_sparse_encoders_of_second_and_parta2(encoder: str) -> None:
    from mmdet3d.registry import MODELS

    torch.manual_seed(0)
    net = MODELS.build(dict(type=encoder, in_channels=4, sparse_shape=[41, 32, 24], order=('conv', 'norm', 'act')))
    cells = torch.stack([torch.randint(0, size, (300,)) for size in (2, 41, 32, 24)], 1).unique(dim=0)
    features = torch.randn(len(cells), 4, requires_grad=True)
    found = net(features, cells, 2)
    found = found if encoder == 'SparseEncoder' else found['spatial_features']
    assert found.shape == (2, 256, 4, 3) and found.isfinite().all()
    found.square().mean().backward()
    assert features.grad.any() and all(weight.grad.any() for name, weight in net.named_parameters()
                                       if name.startswith(('conv_input', 'encoder_layers', 'conv_out')))


NUSCENES = [-12.8, -12.8, -5.0, 12.8, 12.8, 3.0]


@pytest.mark.parametrize('suppression', ['circle', 'rotate'])
@pytest.mark.parametrize('head', ['plain', 'dcn'])
def test_centerpoint_pillars(suppression: str, head: str) -> None:
    cfg = model_cfg('centerpoint_pillar02_second_secfpn_nus')
    cfg.data_preprocessor.voxel_layer.update(max_num_points=8, max_voxels=(400, 400), point_cloud_range=NUSCENES)
    cfg.pts_voxel_encoder.update(feat_channels=[8], point_cloud_range=NUSCENES)
    cfg.pts_middle_encoder.update(in_channels=8, output_shape=(128, 128))
    cfg.pts_backbone.update(in_channels=8, out_channels=[8, 8, 8], layer_nums=[1, 1, 1])
    cfg.pts_neck.update(in_channels=[8, 8, 8], out_channels=[8, 8, 8])
    cfg.pts_bbox_head.update(in_channels=24, share_conv_channel=16)
    cfg.pts_bbox_head.bbox_coder.update(pc_range=NUSCENES[:2], score_threshold=0.0, max_num=60)
    if head == 'dcn':
        cfg.pts_bbox_head.separate_head = dict(
            type='DCNSeparateHead', init_bias=-2.19, final_kernel=3,
            dcn_config=dict(type='DCN', in_channels=16, out_channels=16, kernel_size=3, padding=1, groups=4))
    cfg.train_cfg = dict(pts=dict(cfg.train_cfg.pts, grid_size=[128, 128, 1], point_cloud_range=NUSCENES))
    cfg.test_cfg = dict(pts=dict(cfg.test_cfg.pts, nms_type=suppression, pc_range=NUSCENES[:2]))
    assert all(len(result.pred_instances_3d) for result in run(cfg, batch(5, 9, 10, NUSCENES[:3], NUSCENES[3:])))
