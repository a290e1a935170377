"""The doctor of metrics: recognises mistakes of convention behind a result file, and says cause and cure.

``tools/doctor.py`` is the doctor of the environment.
"""

from perception_kd.evaluation.doctor.examine import examine
from perception_kd.evaluation.doctor.finding import Finding, format_findings
from perception_kd.evaluation.doctor.infos import examine_infos
from perception_kd.evaluation.doctor.load import examine_arrays, examine_file
from perception_kd.evaluation.doctor.summary import examine_summary

__all__ = [
    'Finding', 'examine', 'examine_arrays', 'examine_file', 'examine_infos', 'examine_summary', 'format_findings',
]
