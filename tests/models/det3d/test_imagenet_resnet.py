"""ImageNet weights from a local file: they are read at initialisation only, strictly, and nothing overwrites them."""

import hashlib

import pytest
import torch

from perception_kd.models.det3d import ImageNetResNet
from tests.models.det3d.worlds import NORM, build, student_cfg


def _backbone(weights, **changes):
    return dict(dict(type='ImageNetResNet', depth=18, base_channels=8, out_indices=(1, 2, 3), frozen_stages=0,
                     norm_cfg=NORM, norm_eval=False, weights=weights), **changes)


def _file(folder, change=lambda weights: weights, name='resnet18-{}.pth'):
    """A file as torchvision's, with the classifier and without the counters, named by its content."""
    torch.manual_seed(7)
    weights = {key: torch.randn_like(value) for key, value in build(_backbone(None)).state_dict().items()
               if 'num_batches' not in key}
    weights |= {'fc.weight': torch.zeros(1000, 64), 'fc.bias': torch.zeros(1000)}
    path = folder / 'weights.pth'
    torch.save(change(weights), path)
    return path.rename(folder / name.format(hashlib.sha256(path.read_bytes()).hexdigest()[:8]))


def _student(weights):
    return build(student_cfg(
        image_backbone=_backbone(weights),
        image_neck=dict(type='ConcatNeck', in_channels=[16, 32, 64], level_channels=8, out_channels=16, norm_cfg=NORM)))


def test_names_are_torchvisions():
    names = ImageNetResNet(depth=50, weights=None).state_dict().keys()
    assert {'conv1.weight', 'bn1.running_var', 'layer1.0.conv3.weight', 'layer1.0.downsample.0.weight',
            'layer1.0.downsample.1.bias', 'layer3.5.bn3.weight', 'layer4.2.conv2.weight'} <= names
    assert len(names) == 318  # torchvision's 320 without the classifier


@pytest.mark.parametrize('wrapped', [False, True])
def test_the_whole_model_starts_from_the_file(tmp_path, wrapped):
    path = _file(tmp_path)
    model = student = _student(path)
    if wrapped:
        model = build(dict(type='Distiller', student=student))
    model.init_weights()
    model.train()
    found, wanted = student.image_backbone.state_dict(), torch.load(path)
    for name in wanted.keys() - {'fc.weight', 'fc.bias'}:
        assert torch.equal(found[name], wanted[name]), name
    frozen = [name for name, weight in student.image_backbone.named_parameters() if not weight.requires_grad]
    assert sorted(frozen) == ['bn1.bias', 'bn1.weight', 'conv1.weight']
    assert student.image_backbone.layer1[0].bn1.training and not student.image_backbone.bn1.training
    other = _student(None)
    other.init_weights()
    assert not torch.equal(other.image_backbone.conv1.weight, wanted['conv1.weight'])


def test_building_needs_no_file_and_initialising_says_what_to_fetch(tmp_path):
    model = _student(tmp_path / 'resnet18-f37072fd.pth')
    with pytest.raises(FileNotFoundError) as error:
        model.init_weights()
    assert "fetch torchvision's ResNet-18 ImageNet weights" in str(error.value) and 'weights=None' in str(error.value)
    assert str(tmp_path / 'resnet18-f37072fd.pth') in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda weights: {name: value for name, value in weights.items() if 'layer4' not in name}, 'missing'),
    (lambda weights: {**weights, 'layer9.conv1.weight': torch.zeros(1)}, r'unexpected \(layer9.conv1.weight\)'),
    (lambda weights: {**weights, 'conv1.weight': torch.zeros(64, 3, 7, 7)}, r'misshapen \(conv1.weight\)'),
    (lambda weights: {**weights, 'bn1.weight': torch.full((8,), torch.nan)}, 'NaN'),
])
def test_a_file_that_does_not_fit_is_refused(tmp_path, change, message):
    model = build(_backbone(_file(tmp_path, change)))
    with pytest.raises(ValueError, match=message):
        model.init_weights()


def test_a_file_has_to_be_what_its_name_says(tmp_path):
    good = _file(tmp_path)
    bad = good.rename(tmp_path / 'resnet18-f37072fd.pth')
    with pytest.raises(ValueError, match='SHA-256 does not begin with f37072fd'):
        build(_backbone(bad)).init_weights()
    build(_backbone(bad.rename(tmp_path / 'my_weights.pth'))).init_weights()
