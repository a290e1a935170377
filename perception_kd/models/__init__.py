"""Students, teachers' adapters and the layers they share."""

from perception_kd.models import det3d, layers

__all__ = ['det3d', 'layers']
