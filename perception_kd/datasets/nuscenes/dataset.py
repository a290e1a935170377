"""nuScenes-format key frames with cameras, LiDAR and any number of radars, read from our info files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from perception_kd.datasets.corrupt import CorruptTolerantDataset
from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.datasets.nuscenes.labelled import Labelled
from perception_kd.datasets.nuscenes.sensor_files import locate
from perception_kd.datasets.nuscenes.stamp import CURE, PSEUDO_LABELS, load_infos, naming_damage
from perception_kd.datasets.nuscenes.store import InfoStore, check_frames_back, past_rows
from perception_kd.datasets.nuscenes.tables import table_folder
from perception_kd.registry import DATASETS
from perception_kd.structures.classes import CLASS_COLOURS, NUSCENES_CLASSES, flat_classes


@DATASETS.register_module()
class NuScenesRadarDataset(CorruptTolerantDataset):
    """Key frames of one split. Version and split are those in the info file's stamp.

    A sample has mmdet3d's keys (``images``, ``lidar_points``, ``lidar_sweeps``, ``radar_points``,
    ``ann_info``, ``ego2global``, ...) with absolute paths and matrices as float64 arrays; ``sample_idx`` is
    the sample's token. ``ann_info`` holds ``gt_bboxes_3d`` (M, 9: centre, l, w, h, yaw, vx, vy; velocity NaN
    where unknown), ``gt_labels_3d``, ``num_lidar_pts`` and ``num_radar_pts``.

    Annotated and unannotated key frames may be mixed: ``annotated`` says which a sample is, and one that is not has no
    ``ann_info``. Not annotated are infos without ``instances``, all infos of a file in which none has any (as of
    ``v1.0-test``), and those that ``labelled`` hides. Data sets of several versions or splits are joined by mmengine's
    ``ConcatDataset(..., ignore_keys=['version', 'split'])``.

    Args:
        ann_file: Info file: its name in ``data_root``, or any path.
        data_root: Folder with ``samples/``.
        pipeline: Transforms.
        classes: Names to detect, in label order, or the lists of names of a head's tasks, whose order
            together is then the label order. Boxes of other classes are left out. Default: all ten.
        cameras: Channels to use, in this order; default: all that the infos have.
        radars: The same for radars; a key frame may lack some of them.
        past_frames: How many key frames back further frames lie (2, 4, 6 are 1, 2 and 3 s at nuScenes' 2 Hz); a sample
            then has ``past``, newest first: their infos prepared like its own, without boxes. They come from the
            whole file, whatever ``indices`` chooses, see :func:`past_rows`.
        earlier_frames: A frame, past ones too, has the infos of so many key frames before it as ``earlier``, newest
            first, fewer at a scene's start: what sensors that deliver late (``CameraStale``, ...) deliver.
        labelled: Annotate a part of the key frames only, see :class:`Labelled`: ``dict(fraction=0.1)``.
        sensor_root: Where ``samples/`` and ``sweeps/`` lie, if not in ``data_root``: a folder, or an address
            (``s3://bucket/nuscenes``) that the loaders read by their ``backend_args``.
        **kwargs: ``max_corrupt`` (:class:`CorruptTolerantDataset`), and mmengine's (``indices``, ``test_mode``, ...).

    Raises:
        FileNotFoundError: info file, data root or the version's tables are missing.
        ValueError: wrong stamp, unknown class, impossible ``labelled``, ``past_frames`` that are not different whole
            numbers above 0, or a sensor that the infos, or a key frame of them, do not have.
    """

    METAINFO = {
        'dataset': 'nuscenes',
        'classes': NUSCENES_CLASSES,
        'palette': [CLASS_COLOURS[name] for name in NUSCENES_CLASSES],
    }

    def __init__(self, *, ann_file: str, data_root: str, pipeline: Sequence[Any] = (),
                 classes: Sequence[str] | Sequence[Sequence[str]] | None = None,
                 cameras: Sequence[str] | None = None,
                 radars: Sequence[str] | None = None, past_frames: Sequence[int] = (), earlier_frames: int = 0,
                 labelled: dict[str, Any] | Labelled | None = None, sensor_root: str | None = None,
                 **kwargs: Any) -> None:
        self.labelled = Labelled.build(labelled)
        if self.labelled is not None and kwargs.get('test_mode'):
            raise ValueError('labelled hides annotations from training; a data set with test_mode=True takes none')
        self.cameras, self.radars, self.past_frames = cameras, radars, check_frames_back(past_frames)
        self.earlier_frames = earlier_frames
        self.sensor_root = str(data_root if sensor_root is None else sensor_root)
        names = flat_classes(NUSCENES_CLASSES if classes is None else classes)
        unknown = [name for name in names if name not in NUSCENES_CLASSES]
        if unknown:
            raise ValueError(f'unknown classes {unknown}; there are {", ".join(NUSCENES_CLASSES)}')
        self._label_of = {NUSCENES_CLASSES.index(name): label for label, name in enumerate(names)}
        metainfo = {'classes': names, 'palette': [CLASS_COLOURS[name] for name in names]}
        inside = Path(data_root) / ann_file
        ann_file = str((inside if inside.is_file() else Path(ann_file)).absolute())
        super().__init__(ann_file=ann_file, data_root=data_root, metainfo=metainfo, pipeline=list(pipeline),
                         data_prefix={}, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Rows of the info file; arrays and paths are made when a sample is asked for."""
        stamp, infos = self._read_infos()
        for key in ('version', 'split', 'schema', 'box_convention'):
            self._metainfo[key] = stamp[key]
        if PSEUDO_LABELS in stamp:  # a checkpoint's dataset_meta then tells whose boxes it has learnt
            self._metainfo[PSEUDO_LABELS] = stamp[PSEUDO_LABELS]
        self._stamp = {key: stamp[key] for key in ('version', 'split', 'schema', 'box_convention')}
        with naming_damage(self.ann_file):
            for info in infos:
                self._pick(info['images'], self.cameras or list(infos[0]['images']), 'camera', info['token'])
            self._pick({channel: 0 for info in infos for channel in info['radar_points']}, self.radars, 'radar')
            annotated = self._forget(infos)
            self._infos, self._past = InfoStore(infos), past_rows(infos, self.past_frames)
            self._earlier = past_rows(infos, range(1, 1 + self.earlier_frames))
            rows = range(len(infos)) if self.labelled is None else self.labelled.rows(annotated)
        return [{'row': row, 'annotated': annotated[row]} for row in rows]

    def _read_infos(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Stamp and infos, which may be changed."""
        stamp, infos = load_infos(self.ann_file)
        if not infos:
            raise ValueError(f'{self.ann_file}: has no key frame; {CURE}')
        try:
            table_folder(self.data_root, stamp['version'])
        except (OSError, ValueError) as error:
            raise FileNotFoundError(f'{self.ann_file}: {error}') from None
        return stamp, infos

    def _forget(self, infos: list[dict[str, Any]]) -> list[bool]:
        """Which infos are annotated; nothing is left of the annotations of the others."""
        any_box = any(info.get('instances') for info in infos)
        chosen = [True] * len(infos) if self.labelled is None else self.labelled.annotated(infos)
        annotated = [any_box and good and 'instances' in info for good, info in zip(chosen, infos)]
        for info, good in zip(infos, annotated):
            if not good:
                info.pop('instances', None)
        return annotated

    @property
    def annotated_samples(self) -> int:
        """How many of the samples are annotated."""
        self.full_init()
        return sum(BaseDataset.get_data_info(self, place)['annotated'] for place in range(len(self)))

    @property
    def distinct_samples(self) -> int:
        """How many samples there are without repetitions."""
        self.full_init()
        return len({BaseDataset.get_data_info(self, place)['row'] for place in range(len(self))})

    def get_cat_ids(self, idx: int) -> set[int]:
        """Labels of the boxes that training keeps; wrappers that balance classes (``CBGSDataset``) ask."""
        entry = super().get_data_info(idx)
        instances = self._infos[entry['row']]['instances'] if entry['annotated'] else ()
        return {self._label_of[one['bbox_label_3d']] for one in instances
                if one['bbox_3d_isvalid'] and one['bbox_label_3d'] in self._label_of}

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """One sample before the pipeline.

        Raises:
            ValueError: a matrix or a box of the sample holds NaN or infinity, or its info is of another form.
        """
        entry = super().get_data_info(idx)
        with naming_damage(self.ann_file, f'key frame {entry["row"]}'):
            return self._sample(entry['row'], entry['annotated'])

    def _sample(self, row: int, annotated: bool) -> dict[str, Any]:
        info = self._infos[row]
        instances = info.pop('instances', ())
        info = {**self._with_earlier(self._sensors(info), row), 'annotated': annotated, 'stamp': self._stamp}
        if annotated:
            info['ann_info'] = self._annotations(instances)
            if not np.isfinite(info['ann_info']['gt_bboxes_3d'][:, :7]).all():
                raise self._nan(info, 'a box')
        if self.past_frames:
            info['past'] = [self._with_earlier(self._past_info(past), past) for past in self._past[row]]
        return info

    def _with_earlier(self, info: dict[str, Any], row: int) -> dict[str, Any]:
        if self.earlier_frames:
            # What would lie before a scene's start is its first frame.
            rows = [place for place in dict.fromkeys(self._earlier[row]) if place != row]
            info['earlier'] = [self._past_info(place) for place in rows]
        return info

    def _past_info(self, row: int) -> dict[str, Any]:
        info = self._infos[row]
        info.pop('instances', None)
        return self._sensors(info)

    def _sensors(self, info: dict[str, Any]) -> dict[str, Any]:
        """The chosen sensors of an info, with absolute paths and arrays."""
        info['sample_idx'] = info['token']
        self._arrays(info, info, 'ego2global')
        info['images'] = self._pick(info['images'], self.cameras, 'camera')
        if self.radars is not None:
            info['radar_points'] = {name: info['radar_points'][name] for name in self.radars
                                    if name in info['radar_points']}
        for channel, image in info['images'].items():
            image['img_path'] = self._file(channel, image['img_path'])
            self._arrays(info, image, 'cam2img', 'cam2ego', 'lidar2cam')
        self._arrays(info, info['lidar_points'], 'lidar2ego')
        for sweep in info['lidar_sweeps']:
            self._arrays(info, sweep['lidar_points'], 'lidar2ego', 'lidar2sensor')
        for points in (info['lidar_points'], *(sweep['lidar_points'] for sweep in info['lidar_sweeps'])):
            if 'lidar_path' in points:  # rigs of cameras and radars have none
                points['lidar_path'] = self._file(LIDAR_CHANNEL, points['lidar_path'])
        for channel, radar in info['radar_points'].items():
            self._arrays(info, radar, 'radar2ego')
            for sweep in (radar, *radar['sweeps']):
                sweep['radar_path'] = self._file(channel, sweep['radar_path'])
                self._arrays(info, sweep, 'radar2lidar')
        return info

    def _arrays(self, info: dict[str, Any], holder: dict[str, Any], *keys: str) -> None:
        for key in keys:
            matrix = holder[key] = np.asarray(holder[key], np.float64)
            if matrix.shape != (4, 4) and (key != 'cam2img' or matrix.shape != (3, 3)):
                raise ValueError(f'{key} is a matrix of shape {matrix.shape}, not (4, 4)')
            if not np.isfinite(matrix).all():
                raise self._nan(info, key)

    def _nan(self, info: dict[str, Any], what: str) -> ValueError:
        return ValueError(f'{self.ann_file}: sample {info["token"]}: {what} holds NaN or infinity; make the file '
                          'again with tools/create_data.py')

    def _annotations(self, instances: list[dict[str, Any]]) -> dict[str, np.ndarray]:
        kept = [one for one in instances if one['bbox_label_3d'] in self._label_of]
        boxes = [[*one['bbox_3d'], *one['velocity']] for one in kept]
        return {
            'gt_bboxes_3d': np.array(boxes, np.float32).reshape(-1, 9),
            'gt_labels_3d': np.array([self._label_of[one['bbox_label_3d']] for one in kept], np.int64),
            'num_lidar_pts': np.array([one['num_lidar_pts'] for one in kept], np.int64),
            'num_radar_pts': np.array([one['num_radar_pts'] for one in kept], np.int64),
        }

    def _pick(self, sensors: dict[str, Any], chosen: Sequence[str] | None, what: str,
              token: str = '') -> dict[str, Any]:
        if chosen is None:
            return sensors
        missing = [channel for channel in chosen if channel not in sensors]
        if missing:
            where = f'sample {token} has ' if token else ''
            raise ValueError(f'{self.ann_file}: {where}no {what} {", ".join(missing)}; '
                             f'it has {", ".join(sensors) or "none"}')
        return {channel: sensors[channel] for channel in chosen}

    def _file(self, channel: str, path: str) -> str:
        return locate(self.sensor_root, channel, path)
