"""What is fine, what is not, and what to do. Needs nothing but Python until a check asks for more.

A room of its own, since it must start where the other rooms cannot be imported.
"""

from perception_kd.doctor.check import Check, Level, format_checks, is_healthy
from perception_kd.doctor.data import check_data
from perception_kd.doctor.environment import check_environment
from perception_kd.doctor.kernels import check_kernels
from perception_kd.doctor.machine import check_machine
from perception_kd.doctor.sparse import check_sparse_convolution

__all__ = ['Check', 'Level', 'check_data', 'check_environment', 'check_kernels', 'check_machine',
           'check_sparse_convolution', 'format_checks', 'is_healthy']
