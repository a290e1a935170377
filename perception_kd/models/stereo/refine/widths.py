"""Widths and kernels of the recurrent refinement, by name, so that pruning can write them and a config read them.

The 18 groups are those channels of Fast-FoundationStereo's refinement (Wen et al., CVPR 2026) that can only be removed
together; a comment names what makes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from perception_kd.files import require_file

UNPRUNED_WIDTHS: dict[str, int] = dict(
    motion_volume1=256,     # motion.convc1
    motion_volume2=256,     # motion.convc2
    motion_disparity1=64,   # motion.convd1
    motion_disparity2=64,   # motion.convd2
    motion=127,             # motion.fuse; the disparity itself is one channel more
    context=128,            # the context net's second head, with its channel attention
    hidden=128,             # the context net's first head and all six gates
    gru_input=256,          # conv0 of the GRU
    gru_joint=384,          # conv1 of the GRU
    head=128,               # disp_head.conv0 and both its residual blocks
    head_expand1=512,       # disp_head.blocks[0].mlp.fc1
    head_expand2=512,       # disp_head.blocks[1].mlp.fc1
    mask1=64,               # mask.conv0
    mask2=32,               # mask.conv1
    up_deconv=32,           # upsampler.deconv
    stem1=32,               # upsampler.stem[0]
    stem2=32,               # upsampler.stem[1]
    up_conv=64,             # upsampler.conv
)
RELEASED_WIDTHS: dict[str, int] = dict(
    motion_volume1=56, motion_volume2=96, motion_disparity1=16, motion_disparity2=12, motion=48, context=48, hidden=60,
    gru_input=100, gru_joint=168, head=36, head_expand1=212, head_expand2=244, mask1=32, mask2=16, up_deconv=12,
    stem1=12, stem2=16, up_conv=24)
PRESETS = dict(unpruned=UNPRUNED_WIDTHS, released=RELEASED_WIDTHS)

# Of the GRUs of the coarser levels, which only the teacher has.
COARSE_WIDTHS: dict[str, int] = dict(gru8_input=384, gru8_joint=512, gru16_input=256, gru16_joint=384)
THREE_LEVEL_WIDTHS: dict[str, int] = {**UNPRUNED_WIDTHS, **COARSE_WIDTHS, 'gru_input': 384, 'gru_joint': 512}

KERNELS: dict[str, int] = dict(
    motion_volume1=1, motion_volume2=3, motion_disparity1=7, motion_disparity2=3, motion=1, gru_input=3, gru_joint=3,
    small=1, large=3, head=3, head_block=7, mask1=3, mask2=3)

Widths = Mapping[str, int] | str | None


def resolve_widths(widths: Widths, levels: int = 1) -> dict[str, int]:
    """All widths of a refinement of 1 or 3 levels.

    Args:
        widths: Those that differ from the unpruned ones; the name of a preset (``unpruned``, ``released``); a pruning's
            record (``pruned.json``); None for the unpruned ones.
        levels: Of the refinement; three need the widths of the coarser GRUs too.

    Raises:
        ValueError: an unknown name, a width that is no positive integer, or a file that is no such record.
        FileNotFoundError: no such file.
    """
    known = UNPRUNED_WIDTHS if levels == 1 else THREE_LEVEL_WIDTHS
    if isinstance(widths, str):
        if widths not in PRESETS and not widths.endswith('.json'):
            raise ValueError(f'widths {widths!r}: one of {", ".join(PRESETS)}, a mapping, or a .json of tools/prune.py')
        widths = PRESETS[widths] if widths in PRESETS else _recorded(widths)
    return merged('widths', known, widths)


def _recorded(path: str) -> dict[str, int]:
    try:
        return dict(json.loads(require_file(path, 'record of a pruning').read_text())['widths'])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is no record of a pruning with widths: {error!r}') from error


def merged(what: str, known: Mapping[str, int], changes: Mapping[str, int] | None) -> dict[str, int]:
    """``known`` with ``changes``; both hold positive integers by name.

    Raises:
        ValueError: a change has an unknown name or is no positive integer.
    """
    changes = dict(changes or {})
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(f'{what}: no {", ".join(unknown)}; there are {", ".join(known)}')
    wrong = {name: value for name, value in changes.items() if not isinstance(value, int) or value < 1}
    if wrong:
        raise ValueError(f'{what} are positive integers, got {wrong}')
    return {**known, **changes}
