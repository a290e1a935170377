"""The whole page: head, contents, sections, scripts, and a look at its size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from perception_kd.version import __version__
from perception_kd.visualization.report.blocks import (
    Block,
    Choice,
    Film,
    Fold,
    Gallery,
    Heading,
    Page,
    Picture,
    Section,
)
from perception_kd.visualization.report.page import assets
from perception_kd.visualization.report.page.parts import Writer
from perception_kd.visualization.report.page.text import attribute, running

MOST_BYTES = 15_000_000
_SWITCH = ('<button type="button" class="switch" aria-label="Dark colours" aria-pressed="false">'
           '<svg viewBox="0 0 20 20" width="18" aria-hidden="true"><circle cx="10" cy="10" r="7.2" fill="none" '
           'stroke="currentColor" stroke-width="1.6"/><path d="M10 2.800a7.2 7.2 0 0 1 0 14.400z" '
           'fill="currentColor"/></svg></button>')


class PageTooLargeError(ValueError):
    """The page would be larger than its limit; says what fills it."""


def render(page: Page, *, most_bytes: int = MOST_BYTES) -> str:
    """The page as one HTML file that needs no network; the same page gives the same text.

    Args:
        page: What it holds.
        most_bytes: It may have, as UTF-8.

    Raises:
        PageTooLargeError: it has more; names the largest pictures and films.
        ImportError: it has charts, and plotly is not installed.
        ValueError, TypeError: a block that cannot be shown, see ``blocks``.
    """
    writer = Writer(page.models)
    sections = '\n'.join(writer.section(section, number) for number, section in enumerate(page.sections, 1))
    packed, allowed, version = assets.plotly() if writer.charts else ('', '', '')
    script = assets.script()
    policy = ("default-src 'none'; img-src data: blob:; media-src data:; style-src 'unsafe-inline'; "
              f"script-src {assets.hash_of(script)} {allowed}; base-uri 'none'; form-action 'none'")
    library = f'<script type="text/plain" id="plotly">{packed}</script>' if packed else ''
    made = f'Made by perception_kd {__version__}.'
    charts = f' Charts: Plotly.js {version}, MIT licence, inside this file.' if packed else ''
    html = f"""<!doctype html>
<html lang={attribute(page.language)} class="no-js">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content={attribute(policy)}>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="perception_kd {__version__}">
<title>{escape(page.title)}</title>
<style>
{assets.styles()}
</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
{_contents(page)}
<main id="main">
{_head(page)}
{sections}
<footer><p>{made}{charts} It opens without a network.</p></footer>
</main>
<dialog class="large" aria-label="Picture"><button type="button" class="close">Close</button><img alt=""></dialog>
{library}
<script>{script}</script>
</body>
</html>
"""
    _check_size(html, page, most_bytes)
    return html


def _head(page: Page) -> str:
    subtitle = f'<p class="subtitle">{running(page.subtitle)}</p>' if page.subtitle else ''
    facts = ''.join(f'<div><dt>{escape(name)}</dt><dd>{running(value)}</dd></div>' for name, value in page.facts)
    return (f'<header class="head"><h1>{escape(page.title)}</h1>{subtitle}'
            f'{f"<dl>{facts}</dl>" if facts else ""}</header>')


def _contents(page: Page) -> str:
    """Beside the page on wide screens, a menu above it on narrow ones."""
    items = ''.join(
        f'<li><a href="#{section.key}"><span class="no">{number}</span> {escape(section.title)}</a>'
        f'{_parts(section)}</li>'
        for number, section in enumerate(page.sections, 1)
    )
    return ('<nav class="contents" aria-label="Contents"><div class="bar">'
            '<button type="button" class="menu" aria-expanded="false" aria-controls="contents">'
            '<span class="icon" aria-hidden="true"></span><span class="here">Contents</span></button>'
            f'<a class="top" href="#main">Contents</a>{_SWITCH}</div>'
            f'<ol id="contents">{items}</ol></nav>')


def _parts(section: Section) -> str:
    titles = [block.title for block in _all(section.blocks) if isinstance(block, Heading)]
    items = ''.join(f'<li><a href="#{section.key}-{k}">{running(title)}</a></li>' for k, title in enumerate(titles, 1))
    return f'<ol>{items}</ol>' if items else ''


def _all(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks and those inside folds and choices, in order."""
    for block in blocks:
        yield block
        inner = [block.blocks] if isinstance(block, Fold) else []
        for one in [part for _, part in block.options] if isinstance(block, Choice) else inner:
            yield from _all(one)


def _check_size(html: str, page: Page, most_bytes: int) -> None:
    size = len(html.encode())
    if size <= most_bytes:
        return
    media = [(len(one.data) * 4 // 3, what, one.alt) for section in page.sections for one, what in _media(section)]
    largest = '; '.join(f'{what} {alt!r} {_megabytes(bytes_)}' for bytes_, what, alt in sorted(media)[:-4:-1])
    raise PageTooLargeError(
        f'the page has {_megabytes(size)}, more than its {_megabytes(most_bytes)}; '
        + (f'the largest in it: {largest}; use fewer or smaller ones, JPEG instead of PNG' if media else
           'there is no picture in it: give fewer or shorter charts and tables')
    )


def _media(section: Section) -> Iterator[tuple[Picture | Film, str]]:
    where = f'(section {section.title!r})'
    for block in _all(section.blocks):
        if isinstance(block, Picture):
            yield block, f'picture {where}'
        elif isinstance(block, Gallery):
            yield from ((picture, f'picture {where}') for picture in block.pictures)
        elif isinstance(block, Film):
            yield block, f'film {where}'
            if block.poster is not None:
                yield block.poster, f'poster {where}'


def _megabytes(size: int) -> str:
    return re.sub(r'\.0$', '', f'{size / 1e6:.1f}') + ' MB'
