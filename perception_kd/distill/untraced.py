"""What ``torch.compile`` must not trace. Apart from the taps, since saying so loads torch's compiler."""

import torch

from perception_kd.distill.taps import record

record_untraced = torch.compiler.disable(record)  # a compiled module would keep the recorder of its first step
