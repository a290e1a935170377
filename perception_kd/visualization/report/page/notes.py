"""Findings, and text of fixed width."""

from __future__ import annotations

from html import escape

from perception_kd.visualization.report.blocks import Code, Finding
from perception_kd.visualization.report.page.text import paragraphs, running

_MARKS = {'error': '×', 'warning': '!', 'notice': 'i', 'good': '✓'}


def finding_html(block: Finding) -> str:
    """A finding with its severity in a sign, a word and a colour."""
    more = ''.join(f'<dt>{name}</dt><dd>{running(text)}</dd>'
                   for name, text in (('Evidence', block.evidence), ('Cure', block.cure)) if text)
    return (f'<div class="finding {block.severity}" role="note"><p class="what"><span class="sign" aria-hidden="true">'
            f'{_MARKS[block.severity]}</span><span class="severity">{block.severity.capitalize()}</span> '
            f'<strong>{running(block.title)}</strong></p>{paragraphs(block.text)}'
            f'{f"<dl>{more}</dl>" if more else ""}</div>')


def code_html(block: Code) -> str:
    """Text of fixed width; its lines scroll sideways."""
    caption = running(block.caption)
    code = f'<pre data-label="Code"><code>{escape(block.text, quote=False)}</code></pre>'
    if block.folded:
        return f'<details class="fold"><summary>{caption or "Text"}</summary>{code}</details>'
    above = f'<p class="caption">{caption}</p>' if caption else ''
    return f'<div class="code">{above}{code}</div>'
