"""Readers of the public formats, one a file, all by one protocol: ``perception_kd.datasets.uav.records.Reader``."""

from __future__ import annotations

from dataclasses import dataclass

from perception_kd.datasets.uav.formats.anti_uav import read_anti_uav
from perception_kd.datasets.uav.formats.coco import read_coco
from perception_kd.datasets.uav.formats.drone_vs_bird import read_drone_vs_bird
from perception_kd.datasets.uav.formats.dut import read_dut
from perception_kd.datasets.uav.formats.mav_vid import read_mav_vid
from perception_kd.datasets.uav.formats.svanstrom import read_svanstrom
from perception_kd.datasets.uav.formats.voc import read_voc
from perception_kd.datasets.uav.formats.yolo import read_yolo
from perception_kd.datasets.uav.records import Reader


@dataclass(frozen=True)
class Format:
    """A format by its name.

    Args:
        read: Its reader.
        what: For help.
        licence: Terms of the set, for the converted files' ``info``.
        options: Names of options that the reader takes.
        defaults: Values of options where they are not those of the reader.
    """

    read: Reader
    what: str
    licence: str = 'that of the set'
    options: tuple[str, ...] = ()
    defaults: tuple[tuple[str, object], ...] = ()


FORMATS: dict[str, Format] = {
    'coco': Format(read_coco, 'COCO json, also with videos', options=('ann', 'grouping')),
    'yolo': Format(read_yolo, 'YOLO txt: images/ and labels/, data.yaml or classes.txt', options=('grouping',)),
    'voc': Format(read_voc, 'Pascal VOC xml', options=('origin', 'grouping')),
    'drone-vs-bird': Format(read_drone_vs_bird, 'Drone-vs-Bird challenge: a text file a video',
                            'data-use agreement of the challenge, research only'),
    'anti-uav': Format(read_anti_uav, 'Anti-UAV 300, 410, 600: RGB and infrared videos with json', 'that of Anti-UAV',
                       options=('modality',)),
    'dut': Format(read_dut, 'DUT Anti-UAV: detection (xml) and tracking (folders)', 'that of DUT Anti-UAV',
                  options=('origin', 'part')),
    'mav-vid': Format(read_mav_vid, 'MAV-VID: frames with YOLO txt and .shape', 'that of MAV-VID (Kaggle)'),
    'det-fly': Format(read_voc, 'Det-Fly: JPEGImages and Annotations (xml)', 'that of Det-Fly',
                      options=('origin', 'grouping'), defaults=(('origin', 0),)),
    'svanstrom': Format(read_svanstrom, 'Svanström et al. (Halmstad): clips with MATLAB labels', 'CC0 1.0',
                        options=('modality',)),
}
"""Name on the command line, behind ``uav-``, -> format."""
