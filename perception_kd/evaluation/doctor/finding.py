"""What the doctor says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

SEVERITIES = ('error', 'warning')


@dataclass(frozen=True)
class Finding:
    """A mistake behind a metric.

    Args:
        code: Name for programs, a key of ``CAUSES``.
        severity: ``error``: the numbers are not the model's; ``warning``: they may be, and something costs points.
        cause: What was done wrong.
        cure: What to do.
        evidence: The numbers that show it.
        classes: Which classes are concerned; empty: all.
    """

    code: str
    severity: str
    cause: str
    cure: str
    evidence: str
    classes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def format_findings(findings: Sequence[Finding]) -> str:
    """One block: cause, evidence and cure of each; one line where there is none."""
    if not findings:
        return 'doctor: no known mistake recognised'
    count = f'{len(findings)} finding{"s" if len(findings) > 1 else ""}'
    lines = [f'doctor: {count}']
    for finding in findings:
        about = f' ({", ".join(finding.classes)})' if finding.classes else ''
        lines += [f'  {finding.severity}: {finding.cause}{about} [{finding.code}]',
                  f'    evidence: {finding.evidence}', f'    cure: {finding.cure}']
    return '\n'.join(lines)
