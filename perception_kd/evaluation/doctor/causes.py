"""All mistakes that the doctor knows: how bad, what was done wrong, what to do."""

from __future__ import annotations

_INFERENCE = 'run tools/test.py again'
_OLD = ('mmdet3d before 1.0 kept boxes as (w, l, h) with yaw = -yaw - pi/2; make info files and result file again with '
        'code of one convention (mmdet3d >= 1.0: l, w, h and yaw counter-clockwise from x), and use a checkpoint that '
        'was trained with such info files')
_ROTATE = 'rotate it into the global frame together with the centre: lidar2ego, then ego2global, of the same key frame'

CAUSES: dict[str, tuple[str, str, str]] = {
    'frame_lidar': ('error', 'boxes are in the LiDAR frame, the metric wants the global frame',
                    'move them by lidar2ego and then ego2global of their key frame before writing the result file'),
    'frame_ego': ('error', 'boxes are in the ego frame, the metric wants the global frame',
                  'move them by ego2global of their key frame before writing the result file'),
    'sensor_to_ego': ('error', 'boxes went through the wrong chain of frames: LiDAR and ego frame are confused',
                      'look whether the model predicts in the LiDAR or in the ego frame, and apply lidar2ego exactly '
                      'once in the first case and not at all in the second'),
    'ego_to_global': ('error', 'boxes were moved by the inverse of the ego pose',
                      'ego_pose is the pose of the ego car in the global frame: apply it as it is'),
    'mirrored': ('error', 'boxes are mirrored',
                 'look for an axis with the wrong sign, or a flipped input whose predictions were not flipped back'),
    'transposed': ('error', 'x and y are swapped', 'look for a BEV map that was read as (x, y) and written as (y, x)'),
    'turned': ('error', 'boxes are turned about the ego car',
               'look for another definition of the x axis: nuScenes has x to the right in the LiDAR frame and forward '
               'in the ego frame'),
    'units': ('error', 'positions are in another unit than metres', 'write metres'),
    'stale_pose': ('error', 'boxes were moved with the ego pose of a neighbouring key frame',
                   'take the ego_pose of the key frame itself, and look for an index that is off by one'),
    'frame_shifted': ('error', 'boxes belong to a neighbouring key frame',
                      'look for sample tokens or data samples that are off by one, or for stale sweeps'),
    'sensor_place': ('error', "the LiDAR's place on the car is missing in the positions",
                     'apply the whole lidar2ego, translation too'),
    'height_bottom': ('error', 'z is the height of the bottom, the metric wants the centre',
                      'add half the height (mmdet3d: gravity_center instead of bottom_center or tensor); mATE does not '
                      'see it, IoU-based metrics, tracking and planning do'),
    'height_top': ('error', 'z is too high by half the height: it was added to a centre, or z is of the top',
                   'leave z as it is; mATE does not see it, IoU-based metrics, tracking and planning do'),
    'height_offset': ('warning', 'z is off by a constant',
                      'look for a missing height of the LiDAR above the ground (about 1.84 m in nuScenes); mATE does '
                      'not see it'),
    'old_convention': ('error', 'boxes follow the old convention: w and l are swapped and yaw is -yaw - pi/2', _OLD),
    'old_yaw': ('error', 'headings follow the old convention (-yaw - pi/2), sizes the new one', _OLD),
    'yaw_sign': ('error', 'headings have the wrong sign',
                 'yaw is counter-clockwise from x seen from above, in a frame with z upwards'),
    'yaw_reversed': ('error', 'headings are off by pi: boxes point backwards',
                     'look at the direction of the x axis of boxes, or at an offset of the direction classifier'),
    'yaw_quarter': ('error', 'headings are off by a quarter turn',
                    'yaw 0 means that the length lies along x; look for code that counts it from y'),
    'yaw_frame': ('error', 'headings were not turned into the global frame',
                  f'do not leave the heading behind: {_ROTATE}'),
    'yaw_offset': ('error', 'headings are off by a constant angle', 'look for a rotation that is missing or doubled'),
    'size_swapped': ('error', 'width and length are swapped',
                     'write size as (w, l, h); boxes of mmdet3d >= 1.0 hold (l, w, h)'),
    'size_order': ('error', 'the three sizes are in another order', 'write size as (w, l, h)'),
    'size_scale': ('error', 'sizes are in another unit, or halved or doubled', 'write whole sizes in metres'),
    'velocity_frame': ('error', 'velocities are in another frame than the global one',
                       f'do not leave the velocity behind: {_ROTATE}'),
    'velocity_sign': ('error', 'velocities point the wrong way',
                      'velocity is (next place - place before) / time; look for swapped frames'),
    'velocity_unit': ('error', 'velocities are in another unit than m/s', 'write m/s'),
    'velocity_relative': ('error', "velocities are relative to the ego car",
                          "add the ego car's own velocity (radar: use the compensated vx_comp, vy_comp)"),
    'velocity_zero': ('warning', 'no velocity is predicted',
                      'train a velocity branch, or keep the last two of nine box values until the result file'),
    'class_order': ('error', 'classes are in another order',
                    'give the metric the classes in the order of the head that trained: dataset, head and result file '
                    'need one list'),
    'one_class': ('warning', 'all predictions are of one class',
                  'right for a model that was trained on this class alone; else look for labels that are not offset '
                  'from head to head'),
    'attributes_missing': ('warning', 'no attributes are predicted, each true positive costs mAAE 1',
                           'write a default attribute by class and speed (perception_kd.evaluation.submission has '
                           'default_attribute)'),
    'attributes_foreign': ('error', 'attributes belong to another kind of object',
                           'look for an attribute list in another order, or labels that changed after it was chosen'),
    'attributes_wrong': ('error', 'attributes are the wrong way round',
                         'look for an attribute list in another order or a turned speed threshold'),
    'score_order': ('error', 'scores are the wrong way round: the best predictions have the lowest',
                    'write the probability that there is such an object; look for a sign, a distance or a loss'),
    'score_range': ('error', 'scores lie outside of 0 to 1',
                    'write probabilities: apply the sigmoid to logits. The metrics stop at scores below 0'),
    'score_constant': ('warning', 'all scores are equal, so that precision cannot fall with recall',
                       'write the score of the model'),
    'score_cut': ('warning', 'low scores were thrown away, which costs recall',
                  'lower the score threshold (below 0.1) for the metric and keep up to 500 boxes a key frame'),
    'duplicates': ('warning', 'objects are predicted several times',
                   'apply non-maximum suppression, or a larger radius'),
    'no_predictions': ('error', 'there is no prediction', f'lower the score threshold, look whether the checkpoint was '
                       f'loaded, and {_INFERENCE}'),
    'frames_empty': ('error', 'most key frames have no prediction',
                     f'look whether inference ran over all of them, and {_INFERENCE}'),
    'out_of_range': ('error', 'hardly a prediction is near enough to count',
                     'look at the frame and unit of the boxes: positions are global, in m'),
    'few_predictions': ('warning', 'there are fewer predictions than a class needs',
                        'look at its score threshold and its share of the boxes kept in a key frame'),
}
"""Code -> severity, cause, cure."""

_LABELS = 'make the info files again with tools/create_data.py nuscenes, and train again'

INFO_CAUSES: dict[str, tuple[str, str, str]] = {
    'labels_old_convention': ('error', 'labels follow the convention of mmdet3d before 1.0', _LABELS),
    'labels_swapped': ('error', 'labels have width and length swapped', _LABELS),
    'labels_yaw': ('error', 'labels have another heading', _LABELS),
    'labels_frame': ('error', 'labels are in the ego frame, the LiDAR frame is wanted', _LABELS),
    'labels_bottom': ('error', 'labels have another z than that of the centre', _LABELS),
    'labels_mirrored': ('error', 'labels are mirrored', _LABELS),
    'labels_scale': ('error', 'labels have sizes in another unit, or halved or doubled', _LABELS),
    'labels_elsewhere': ('error', 'labels do not lie on their LiDAR points, for no reason that is known',
                         'look whether LiDAR files and labels are of the same key frames and the same data set'),
}
"""The same for the labels of info files."""
