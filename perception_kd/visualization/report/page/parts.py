"""Each kind of block as HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from perception_kd.visualization.report.blocks import (
    Block,
    Chart,
    Choice,
    Code,
    Difference,
    Film,
    Finding,
    Fold,
    Gallery,
    Heading,
    Multiples,
    Number,
    Numbers,
    Picture,
    Section,
    Table,
    Text,
)
from perception_kd.visualization.report.charts import colour_of
from perception_kd.visualization.report.page.figures import common_legend, legend, legend_html, plot_html, table_of
from perception_kd.visualization.report.page.marks import model_mark
from perception_kd.visualization.report.page.media import film_html, picture_html, picture_size
from perception_kd.visualization.report.page.notes import code_html, finding_html
from perception_kd.visualization.report.page.tables import difference_html, named, table_html
from perception_kd.visualization.report.page.text import attribute, paragraphs, running

WIDE = 1.9
"""Pictures of a gallery whose width has more of their heights get a row of their own."""
_TONES = {'good': ('✓', 'better'), 'bad': ('×', 'worse')}


class Writer:
    """Writes blocks one after another and numbers figures and tables.

    The groups of a choice share their numbers and differ by a letter, so that no number is skipped on a screen.

    Args:
        models: See ``Page.models``.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self.models = list(models)
        self.numbers: Counter[str] = Counter()
        self.letter = ''
        self.charts = self.choices = self.headings = 0
        self.writers = {
            Text: lambda block: f'<div class="text">{paragraphs(block.text)}</div>', Numbers: self._numbers,
            Table: self._table, Chart: self._chart, Multiples: self._multiples, Picture: self._picture,
            Gallery: self._gallery, Film: self._film, Finding: finding_html, Code: code_html,
            Difference: self._difference,
            Fold: self._fold, Choice: self._choice, Heading: self._heading,
        }

    def section(self, section: Section, number: int) -> str:
        """A chapter with its heading."""
        self.key, self.headings = section.key, 0
        lead = f'<p class="lead">{running(section.lead)}</p>' if section.lead else ''
        return (f'<section id="{section.key}" aria-labelledby="{section.key}-title"><h2 id="{section.key}-title">'
                f'<span class="no">{number}</span> {escape(section.title)}</h2>{lead}{self.blocks(section.blocks)}'
                '</section>')

    def blocks(self, blocks: Sequence[Block]) -> str:
        """Blocks in order; findings that follow each other become a list.

        Raises:
            TypeError: something that is no block.
        """
        parts = []
        for block in blocks:
            if type(block) not in self.writers:
                raise TypeError(f'a section holds blocks, got {type(block).__name__}')
            parts.append(self.writers[type(block)](block))
        return '\n'.join(parts)

    def _next(self, kind: str) -> str:
        """``Figure 3``; ``Figure 3b`` within the second group of a choice."""
        self.numbers[kind] += 1
        return f'{kind} {self.numbers[kind]}{self.letter}'

    def _figure(self, caption: str, inside: str, kind: str) -> str:
        """A numbered figure with its caption below."""
        words = f' {running(caption)}' if caption else ''
        return (f'<figure class="{kind}">{inside}<figcaption><span class="label">{self._next("Figure")}</span>{words}'
                '</figcaption></figure>')

    def _numbers(self, block: Numbers) -> str:
        return f'<dl class="numbers">{"".join(self._number(one) for one in block.items)}</dl>'

    def _number(self, one: Number) -> str:
        known = one.model in self.models
        mark = model_mark(self.models.index(one.model)) if known else ''
        colour = f' style="--c:{colour_of(self.models.index(one.model))}"' if known else ''
        unit = f'<span class="unit">{escape(one.unit)}</span>' if one.unit else ''
        sign, meaning = _TONES.get(one.tone, ('', ''))
        tone = (f'<span class="sign" aria-hidden="true">{sign}</span><span class="unseen">{meaning}: </span>'
                if sign else '')
        note = f'<dd class="note {one.tone}">{tone}{running(one.note)}</dd>' if one.note else ''
        return (f'<div{colour}><dt>{mark}{escape(one.label)}</dt>'
                f'<dd class="value">{escape(one.value)}{unit}</dd>{note}</div>')

    def _table(self, block: Table) -> str:
        caption, label = self._table_caption(block.caption)
        html = table_html(block, self.models, caption='' if block.folded else caption, label=label)
        return f'<details class="fold"><summary>{caption}</summary>{html}</details>' if block.folded else html

    def _table_caption(self, words: str) -> tuple[str, str]:
        """Caption with its number as HTML, and as the name of the box; a table without a caption has no number."""
        if not words:
            return '', 'Table'
        number = self._next('Table')
        return f'<span class="label">{number}</span> {running(words)}', f'{number}: {words}'

    def _chart(self, block: Chart) -> str:
        caption = f' {running(block.caption)}' if block.caption else ''
        return (f'<figure class="chart"><figcaption><span class="label">{self._next("Figure")}</span> '
                f'<strong>{escape(block.name)}</strong>{"." if caption else ""}{caption}</figcaption>'
                f'{legend_html(legend(block))}{self._plot(block)}</figure>')

    def _plot(self, block: Chart) -> str:
        """The chart and the table behind it, which a page without scripts shows instead."""
        self.charts += 1
        table = table_of(block)
        html = table_html(table, self.models, caption=running(table.caption), label=f'Numbers of {block.name}')
        return (f'{plot_html(block, f"chart-{self.charts}")}<details class="behind" open><summary>Numbers</summary>'
                f'{html}</details>')

    def _multiples(self, block: Multiples) -> str:
        common = common_legend(block.charts)
        parts = ''.join(
            f'<div class="chart part"><p class="name">{escape(chart.name)}</p>'
            f'{"" if common else legend_html(legend(chart))}{self._plot(chart)}{_told(chart.caption)}</div>'
            for chart in block.charts
        )
        kind = 'multiples pairs' if len(block.charts) in (2, 4) else 'multiples'
        return (f'<figure class="many"><figcaption><span class="label">{self._next("Figure")}</span> '
                f'{running(block.caption)}</figcaption>{legend_html(common)}<div class="{kind}">{parts}</div></figure>')

    def _picture(self, block: Picture) -> str:
        return self._figure(block.caption, picture_html(block), 'picture')

    def _gallery(self, block: Gallery) -> str:
        parts = []
        for number, picture in enumerate(block.pictures):
            caption = f' {running(picture.caption)}' if picture.caption else ''
            letter = f'<span class="label">{_letter(number)}</span>'
            width, height = picture_size(picture)
            kind = ' class="wide"' if width > WIDE * height else ''
            parts.append(f'<figure{kind}>{picture_html(picture)}<figcaption>{letter}{caption}</figcaption></figure>')
        return self._figure(block.caption, f'<div class="gallery">{"".join(parts)}</div>', 'many')

    def _film(self, block: Film) -> str:
        return self._figure(block.caption, film_html(block), 'film')

    def _difference(self, block: Difference) -> str:
        return difference_html(block, self.models, *self._table_caption(block.caption or 'Differences'))

    def _fold(self, block: Fold) -> str:
        return f'<details class="fold"><summary>{running(block.title)}</summary>{self.blocks(block.blocks)}</details>'

    def _choice(self, block: Choice) -> str:
        self.choices += 1
        options = ''.join(f'<label><input type="radio" name="choice-{self.choices}"{"" if number else " checked"}>'
                          f'<span>{named(title, self.models)}</span></label>'
                          for number, (title, _) in enumerate(block.options))
        panels = ''.join(f'<div class="panel" role="group" aria-label={attribute(title)}><h4>{running(title)}</h4>'
                         f'{inside}</div>' for (title, _), inside in zip(block.options, self._groups(block)))
        return (f'<fieldset class="choice"><legend>{escape(block.label)}</legend><div class="options">{options}</div>'
                f'{panels}</fieldset>')

    def _groups(self, block: Choice) -> list[str]:
        """What the groups hold; all begin with the same numbers, and what follows goes on behind the longest."""
        before, outer, ends, parts = self.numbers, self.letter, Counter(), []
        for place, (_, blocks) in enumerate(block.options):
            self.numbers, self.letter = before.copy(), outer + _letter(place)
            parts.append(self.blocks(blocks))
            ends |= self.numbers
        self.numbers, self.letter = ends, outer
        return parts

    def _heading(self, block: Heading) -> str:
        self.headings += 1
        return f'<h3 id="{self.key}-{self.headings}">{running(block.title)}</h3>'


def _told(caption: str) -> str:
    """Words below a part of a figure."""
    return f'<p class="caption">{running(caption)}</p>' if caption else ''


def _letter(number: int) -> str:
    """a to z, then aa, ab and so on."""
    head, last = divmod(number, 26)
    return (_letter(head - 1) if head else '') + chr(ord('a') + last)
