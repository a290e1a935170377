"""3D detection: the camera-radar student and the adapters of its LiDAR teachers."""

from perception_kd.models.det3d.bev_trunk import BEVTrunk
from perception_kd.models.det3d.camera_radar_detector import CameraRadarDetector
from perception_kd.models.det3d.center_head import BEVCenterHead
from perception_kd.models.det3d.depth_net import DepthLoss, DepthNet
from perception_kd.models.det3d.fusers import IntensityGuidedFuser
from perception_kd.models.det3d.image_branch import ConcatNeck
from perception_kd.models.det3d.imagenet_resnet import ImageNetResNet
from perception_kd.models.det3d.intensity import IntensityGate
from perception_kd.models.det3d.label_encoder import LabelEncoder, LabelEncoderAdapter
from perception_kd.models.det3d.label_trainer import LabelEncoderTrainer
from perception_kd.models.det3d.lidar_encoder import LidarPillarEncoder
from perception_kd.models.det3d.pillar_centerpoint import PillarCenterPoint
from perception_kd.models.det3d.pillar_encoder import CompactPillarFeatureNet
from perception_kd.models.det3d.points_preprocessor import PointsPreprocessor
from perception_kd.models.det3d.preprocessor import CameraRadarPreprocessor
from perception_kd.models.det3d.radar_assisted_view import RadarAssistedTransform
from perception_kd.models.det3d.radar_branch import RadarPillarEncoder
from perception_kd.models.det3d.radar_frustum import RadarFrustumEncoder
from perception_kd.models.det3d.resnet_trunk import ResNetBEVTrunk
from perception_kd.models.det3d.teachers import CenterPointAdapter
from perception_kd.models.det3d.temporal import TemporalFuser
from perception_kd.models.det3d.view_transform import LiftSplatTransform
from perception_kd.models.det3d.voxel_centerpoint import VoxelCenterPoint

__all__ = ['BEVCenterHead', 'BEVTrunk', 'CameraRadarDetector', 'CameraRadarPreprocessor', 'CenterPointAdapter',
           'CompactPillarFeatureNet', 'ConcatNeck', 'DepthLoss', 'DepthNet', 'ImageNetResNet', 'IntensityGate',
           'IntensityGuidedFuser', 'LabelEncoder', 'LabelEncoderAdapter', 'LabelEncoderTrainer', 'LidarPillarEncoder',
           'LiftSplatTransform', 'PillarCenterPoint', 'PointsPreprocessor', 'RadarAssistedTransform',
           'RadarFrustumEncoder', 'RadarPillarEncoder', 'ResNetBEVTrunk', 'TemporalFuser', 'VoxelCenterPoint']
