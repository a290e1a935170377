"""What a report is made of: a page of sections of blocks. All texts are plain; ``page`` escapes them.

In running text (``Text``, captions, leads, notes, findings) a part between backticks is set as code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | float | int | bool | None
"""Of a table: NaN and None are shown as a dash and sorted last."""
ALIGNMENTS = ('left', 'right', 'centre')
BEST = ('max', 'min', None)
TONES = ('plain', 'good', 'bad')
SEVERITIES = ('error', 'warning', 'notice', 'good')
PICTURE_KINDS = ('png', 'jpeg')
_KEY = re.compile(r'[a-z][a-z0-9-]*')


def _one_of(what: str, value: object, choices: Sequence[object]) -> None:
    if value not in choices:
        raise ValueError(f'{what}: {value!r} is not among {", ".join(map(str, choices))}')


def _text(what: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'{what} must be a text that is not empty, got {value!r}')


@dataclass(frozen=True)
class Text:
    """Paragraphs, parted by empty lines; lines that begin with ``- `` are a list."""

    text: str


@dataclass(frozen=True)
class Number:
    """A headline number.

    Args:
        label: What it is.
        value: As it is to be read, ``0.318``.
        unit: Beside it, smaller.
        note: Below it: against what, of what.
        tone: ``good`` and ``bad`` colour the note, with a sign for those who see no colour.
        model: Title of the model (see ``Page.models``) whose colour marks it.
    """

    label: str
    value: str
    unit: str = ''
    note: str = ''
    tone: str = 'plain'
    model: str = ''

    def __post_init__(self) -> None:
        _text('the label of a number', self.label)
        _one_of(f'tone of the number {self.label!r}', self.tone, TONES)


@dataclass(frozen=True)
class Numbers:
    """Headline numbers side by side."""

    items: Sequence[Number]


@dataclass(frozen=True)
class Table:
    """Rows under named columns; the first column names the row. Sorted by a click on a column.

    Args:
        columns: Names of the columns.
        rows: As many cells each. Floats are rounded to ``digits``, integers get thin spaces, None and NaN a dash.
            A text that is the title of a model (see ``Page.models``) gets the mark that the model has in charts.
        caption: What is to be seen, in a sentence.
        best: For each column whether its largest or smallest number is set bold; () for none.
        align: For each column ``left``, ``right`` or ``centre``; (): columns of numbers to the right.
        digits: Decimals of floats, for all columns or for each; None: four significant digits.
        folded: Shown closed; print shows it open.
        apart: So many of the first rows do not compete for the best: teachers above students.

    Raises:
        ValueError: a row or a choice that does not fit the columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ''
    best: Sequence[str | None] = ()
    align: Sequence[str] = ()
    digits: int | Sequence[int | None] | None = 3
    folded: bool = False
    apart: int = 0

    def __post_init__(self) -> None:
        width, name = len(self.columns), self.caption or ', '.join(map(str, self.columns))
        if not width:
            raise ValueError('a table needs a column at least')
        for row in self.rows:
            if len(row) != width:
                raise ValueError(f'table {name!r}: a row of {len(row)} cells under {width} columns: {list(row)}')
        per_column = {'best': self.best, 'align': self.align}
        if isinstance(self.digits, Sequence):
            per_column['digits'] = self.digits
        for what, values in per_column.items():
            if len(values) not in (0, width):
                raise ValueError(f'table {name!r}: {what} has {len(values)} values for {width} columns')
        for value in self.best:
            _one_of(f'best of the table {name!r}', value, BEST)
        for value in self.align:
            _one_of(f'align of the table {name!r}', value, ALIGNMENTS)


@dataclass(frozen=True)
class Chart:
    """An interactive chart; ``charts`` builds them in the look of the page.

    Args:
        name: Its title.
        figure: ``{'data': [...], 'layout': {...}}`` as Plotly has it in JSON. Colours may be tokens of the page,
            such as ``var(--model-1)``, which follow light and dark.
        caption: What is to be seen, in a sentence.
        height: Pixels.
        table: What the chart shows, for those who cannot see it and for print; None: made from the figure.
    """

    name: str
    figure: Mapping[str, Any]
    caption: str = ''
    height: int = 360
    table: Table | None = None

    def __post_init__(self) -> None:
        _text('the name of a chart', self.name)
        if not isinstance(self.figure.get('data'), (list, tuple)) or 'layout' not in self.figure:
            raise ValueError(f"chart {self.name!r}: the figure must be {{'data': [...], 'layout': {{...}}}}")


@dataclass(frozen=True)
class Multiples:
    """Small charts of one kind side by side, numbered as one figure: a class each, a sensor each."""

    charts: Sequence[Chart]
    caption: str = ''


@dataclass(frozen=True)
class Picture:
    """A picture inside the page.

    Args:
        data: The file's bytes, PNG or JPEG.
        alt: What is to be seen, for those who cannot see it.
        caption: Below it.
        kind: ``png`` or ``jpeg``.
        width: Pixels it is shown at, at most; None: as wide as the page.
    """

    data: bytes = field(repr=False)
    alt: str
    caption: str = ''
    kind: str = 'png'
    width: int | None = None

    def __post_init__(self) -> None:
        _text('the alt text of a picture', self.alt)
        _one_of(f'kind of the picture {self.alt!r}', self.kind, PICTURE_KINDS)
        starts = {'png': b'\x89PNG\r\n\x1a\n', 'jpeg': b'\xff\xd8\xff'}[self.kind]
        if not self.data.startswith(starts):
            raise ValueError(f'picture {self.alt!r}: its bytes are not those of a {self.kind.upper()} file')


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side, numbered as one figure with parts a, b, c. Each opens large on a click."""

    pictures: Sequence[Picture]
    caption: str = ''


@dataclass(frozen=True)
class Film:
    """An MP4 film inside the page.

    Args:
        data: The file's bytes.
        alt: What is to be seen, for those who cannot see it.
        caption: Below it.
        poster: Shown until it plays, and in print.
    """

    data: bytes = field(repr=False)
    alt: str
    caption: str = ''
    poster: Picture | None = None

    def __post_init__(self) -> None:
        _text('the alt text of a film', self.alt)
        if self.data[4:8] != b'ftyp':
            raise ValueError(f'film {self.alt!r}: its bytes are not those of an MP4 file')


@dataclass(frozen=True)
class Finding:
    """Something that a check found.

    Args:
        severity: ``error``, ``warning``, ``notice`` or ``good``.
        title: In a few words.
        text: What it means.
        cure: What to do.
        evidence: What it was seen by.
    """

    severity: str
    title: str
    text: str = ''
    cure: str = ''
    evidence: str = ''

    def __post_init__(self) -> None:
        _text('the title of a finding', self.title)
        _one_of(f'severity of the finding {self.title!r}', self.severity, SEVERITIES)


@dataclass(frozen=True)
class Code:
    """Text of fixed width: a command, a config. Long ones are best ``folded``."""

    text: str
    caption: str = ''
    folded: bool = False


@dataclass(frozen=True)
class Difference:
    """Values that differ between two sides.

    Args:
        rows: (key, left, right); None where a side has no such key.
        left, right: Names of the sides.
        caption: What is to be seen, in a sentence.
    """

    rows: Sequence[tuple[str, str | None, str | None]]
    left: str = 'before'
    right: str = 'after'
    caption: str = ''


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown on demand; print shows them."""

    title: str
    blocks: Sequence[Block]

    def __post_init__(self) -> None:
        _text('the title of a fold', self.title)


@dataclass(frozen=True)
class Choice:
    """Blocks of which the reader chooses one group at a time: a class each, a model each. Print shows all.

    Args:
        label: What is chosen.
        options: (title, blocks), two or more; the first is shown to begin with.
    """

    label: str
    options: Sequence[tuple[str, Sequence[Block]]]

    def __post_init__(self) -> None:
        _text('the label of a choice', self.label)
        if len(self.options) < 2:
            raise ValueError(f'choice {self.label!r} needs two options at least, got {len(self.options)}')
        for title, _ in self.options:
            _text(f'an option of the choice {self.label!r}', title)


@dataclass(frozen=True)
class Heading:
    """A part of a section; listed below it in the table of contents."""

    title: str

    def __post_init__(self) -> None:
        _text('a heading', self.title)


Block = (
    Text | Numbers | Table | Chart | Multiples | Picture | Gallery | Film | Finding | Code | Difference | Fold | Choice
    | Heading
)


@dataclass(frozen=True)
class Section:
    """A chapter.

    Args:
        key: Its anchor: small letters, digits and hyphens, unlike any other of the page.
        title: Its heading.
        lead: A sentence or two, set larger.
        blocks: What it holds, in order.
    """

    key: str
    title: str
    lead: str = ''
    blocks: Sequence[Block] = ()

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError(f'key of a section: {self.key!r} is not made of small letters, digits and hyphens')
        _text(f'the title of the section {self.key!r}', self.title)


@dataclass(frozen=True)
class Page:
    """A report.

    Args:
        title, subtitle: At the top.
        facts: (name, value), a few lines below them: date, data, commit.
        sections: In order.
        models: Titles of the models in the order of their colours (teacher first); wherever a table's column or
            row is called so, it gets the mark that the charts have.
        language: Of the texts, ``en``.
    """

    title: str
    subtitle: str = ''
    facts: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()
    models: Sequence[str] = ()
    language: str = 'en'

    def __post_init__(self) -> None:
        _text('the title of a page', self.title)
        keys = [section.key for section in self.sections]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f'sections with the same key: {", ".join(twice)}')
