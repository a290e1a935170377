"""Loaders and metrics of any nuScenes-format root. The data base beside it gives the two pipelines."""

loader = dict(
    batch_size='${batch_size}',
    num_workers='${num_workers}',
    persistent_workers='${persistent_workers}')
labelled = dict(fraction=1.0, by='scene', seed=0, others='keep')  # which training frames keep their annotations
sensor_root = None  # where samples/ and sweeps/ lie, if not in data_root: a folder, or s3://bucket/nuscenes
backend_args = dict()  # of mmengine's storage backend; empty: the disk, or as sensor_root begins
dataset = dict(
    type='NuScenesRadarDataset',
    data_root='${data_root}',
    sensor_root='${sensor_root}',
    classes='${tasks}',
    cameras='${cameras}',
    radars='${radars}')
train_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset, ann_file='${info_root}/nuscenes_infos_${train_split}.pkl', pipeline='${train_pipeline}',
        labelled='${labelled}'))
val_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset, ann_file='${info_root}/nuscenes_infos_${val_split}.pkl', pipeline='${test_pipeline}',
        test_mode=True))
test_dataloader = {**val_dataloader, 'dataset': {
    **val_dataloader['dataset'], 'ann_file': '${info_root}/nuscenes_infos_${test_split}.pkl'}}

val_evaluator = dict(
    type='NuScenesDetMetric',
    data_root='${data_root}',
    ann_file='${info_root}/nuscenes_infos_${val_split}.pkl',
    modality='${modality}')
test_evaluator = {**val_evaluator, 'ann_file': '${info_root}/nuscenes_infos_${test_split}.pkl'}
