"""Parameters of the student by part, beside published counts."""

from __future__ import annotations

from torch import nn

PARTS = {  # as CRN counts them: the depth net belongs to the images, the trunk to the head
    'image': ('image_backbone', 'image_neck', 'view_transform'),
    'radar': ('radar_encoder',),
    'fuser': ('fuser', 'temporal'),
    'head': ('trunk', 'head'),
}
# Millions, from the tables that came with CRN's released code (Kim et al., ICCV 2023).
PUBLISHED = {
    'crn-r50': {'image': 31.6, 'radar': 5.7, 'fuser': 1.2, 'head': 22.8, 'total': 61.4},
    'crn-r18': {'total': 37.2},
}


def parameters_by_part(student: nn.Module) -> dict[str, int]:
    """Parameters of each part and in ``total``; what is in no part of :data:`PARTS` counts as ``other``."""
    found = {part: sum(map(_count, (getattr(student, name, None) for name in names)))
             for part, names in PARTS.items()}
    total = _count(student)
    other = total - sum(found.values())
    return {**{part: number for part, number in found.items() if number}, **({'other': other} if other else {}),
            'total': total}


def parameter_table(found: dict[str, int], beside: str | None = None) -> str:
    """One line a part in millions; ``beside`` names a column of :data:`PUBLISHED`."""
    published = PUBLISHED.get(beside or '', {})
    lines = [f'{"parameters":12s} {"ours M":>9s}' + (f' {beside:>9s} {"difference":>11s}' if beside else '')]
    for part, number in found.items():
        line = f'{part:12s} {number / 1e6:9.2f}'
        if part in published:
            line += f' {published[part]:9.1f} {number / 1e6 - published[part]:+11.2f}'
        lines.append(line)
    return '\n'.join(lines)


def _count(module: nn.Module | None) -> int:
    return 0 if module is None else sum(weight.numel() for weight in module.parameters())
