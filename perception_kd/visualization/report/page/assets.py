"""What the page brings along: style sheets, scripts, and Plotly's own bundle, compressed."""

from __future__ import annotations

import gzip
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from perception_kd.visualization.report.page.theme import style_sheet

_HERE = Path(__file__).parent
STYLES = ('page.css', 'blocks.css', 'figures.css', 'choice.css', 'print.css')
SCRIPTS = ('theme.js', 'contents.js', 'tables.js', 'pictures.js', 'choice.js', 'look.js', 'charts.js')


def styles() -> str:
    """All style sheets, colours first."""
    return style_sheet() + '\n'.join(_read(name) for name in STYLES)


def script() -> str:
    """All scripts in one closure."""
    return "(() => {\n'use strict';\n" + '\n'.join(_read(name) for name in SCRIPTS) + '\n})();'


@lru_cache(maxsize=1)
def plotly() -> tuple[str, str, str]:
    """Plotly's bundle as base64 of gzip (a third of its size), the hash that lets the page run it, its version.

    Raises:
        ImportError: plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs, get_plotlyjs_version
    except ImportError:
        raise ImportError('charts of a report need plotly; install it with: pip install "plotly>=6.0"') from None
    source = get_plotlyjs()
    packed = gzip.compress(source.encode(), compresslevel=9, mtime=0)
    return b64encode(packed).decode(), hash_of(source), get_plotlyjs_version()


def hash_of(source: str) -> str:
    """Of a script, as a content security policy names it."""
    return f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding='utf-8')
