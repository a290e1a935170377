"""Where a model is to run."""

from __future__ import annotations

import torch


def check_device(name: str) -> None:
    """See that a device is there.

    Raises:
        ValueError: it is neither ``cpu`` nor a CUDA device of this machine.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ('cpu', 'cuda'):
        raise ValueError(f'--device {name}: give cpu or cuda')
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f'--device {name}: this torch sees {torch.cuda.device_count() or "no"} CUDA device(s)')
