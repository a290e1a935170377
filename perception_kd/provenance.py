"""What a number was made with: the commit of the project's files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def commit() -> str:
    """The project's commit, ``+`` behind it where files were changed; empty without git, or where the repository around
    the package is that of another project."""
    def git(*words: str) -> str:
        return subprocess.run(['git', *words], cwd=ROOT, capture_output=True, text=True, check=False,
                              env={**os.environ, 'GIT_OPTIONAL_LOCKS': '0'}).stdout.strip()
    try:
        if not git('ls-files', '--', 'perception_kd/provenance.py'):
            return ''
        changed = git('status', '--porcelain', '--', 'perception_kd', 'configs')
        return git('rev-parse', '--short', 'HEAD') + ('+' if changed else '')
    except OSError:
        return ''
