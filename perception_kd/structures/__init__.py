"""Small value types that every room shares."""

from perception_kd.structures.annotated import annotated_rows, is_annotated
from perception_kd.structures.bev_grid import BEVGrid
from perception_kd.structures.image_grid import ImageGrid
from perception_kd.structures.tap_spec import TapKind, TapSpec

__all__ = ['BEVGrid', 'ImageGrid', 'TapKind', 'TapSpec', 'annotated_rows', 'is_annotated']
