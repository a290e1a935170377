"""One search: what it works on, and where its parts are."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from perception_kd.compress.search.block_training import load_candidate
from perception_kd.compress.search.heldout import hold_out
from perception_kd.compress.search.latency import Bench, busy
from perception_kd.compress.search.parts import Parts
from perception_kd.compress.search.scoring import Scorer, figure
from perception_kd.compress.search.settings import SearchSettings, check_arguments
from perception_kd.compress.search.space import SearchSpace
from perception_kd.compress.search.tables import TEACHER, Table
from perception_kd.engine.build import load_config, naming_config, require
from perception_kd.export.student import load_student
from perception_kd.files import require_file
from perception_kd.registry import SEARCH_SPACES

Names = Mapping[str, str]  # block -> candidate, or the teacher
QUIET = 5.0  # seconds between two lines on how far it is


class SearchJob:
    """A teacher, the blocks to exchange in it, data, and the folder.

    Args:
        config: Of the teacher, a plain model, with ``search`` (:class:`SearchSettings`).
        checkpoint: The teacher's weights.
        folder: Of everything that the search makes.
        options: Overrides of the config.
        blocks: Names of those to work on now; None: all of the space.
        amp: Mixed precision of training, as of :func:`~perception_kd.engine.build.build_runner`.
        echo: Where progress lines go.

    Raises:
        FileNotFoundError, ValueError: no such file; a config, checkpoint or folder that does not fit.
    """

    def __init__(self, *, config: str | Path, checkpoint: str | Path, folder: str | Path,
                 options: Mapping[str, Any] | None = None, blocks: Sequence[str] | None = None, amp: str | None = None,
                 echo: Callable[[str], None] = print) -> None:
        self.config, self.checkpoint, self.options = Path(config), require_file(checkpoint, 'checkpoint'), options or {}
        self.amp, self.echo, self._warned = amp, echo, False
        cfg = load_config(config, dict(self.options))
        self.settings = SearchSettings.of(cfg)
        require(cfg, 'train_dataloader', 'optim_wrapper')
        if cfg.model.get('type') == 'Distiller':
            raise ValueError(f'config {config} is of a distiller; a search starts from its student alone '
                             '(tools/export.py writes that, and its plain config builds it)')
        check_arguments(hold_out, self.settings.validation, f'config {config}: search.validation', beside=['cfg'])
        self.held = hold_out(cfg, **self.settings.validation)
        with naming_config(cfg):
            self.space: SearchSpace = SEARCH_SPACES.build(dict(self.settings.space))
        self.blocks = list(self.space.blocks) if blocks is None else list(blocks)
        for block in self.blocks:
            self.space.path(block)
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.teacher = load_student(cfg, checkpoint).to(self.device)
        self.parts = Parts(folder, self._bound_to())

    def _bound_to(self) -> dict[str, Any]:
        """What decides candidates and scores; latency says itself what it was measured with."""
        training, settings = self.held.training, self.settings
        return dict(model=training.model.to_dict(), checkpoint=str(self.checkpoint), space=settings.space,
                    candidates=[settings.candidates, settings.seed],
                    training=[training.train_dataloader.to_dict(), training.optim_wrapper.to_dict(),
                              settings.iterations, self.amp],
                    validation=[self.held.loader, self.held.evaluator])

    @cached_property
    def bench(self) -> Bench:
        """For latency; on pictures of the size that is asked for, or on the first held-out sample."""
        size = self.settings.latency.size
        batch = self.scorer.sample() if size is None else self.space.pictures(tuple(size))
        return Bench(teacher=self.teacher, batch=batch, paths=self.space.blocks, settings=self.settings.latency)

    @cached_property
    def scorer(self) -> Scorer:
        """For accuracy."""
        with naming_config(self.held.training):
            return Scorer(model=self.teacher, loader=self.held.loader, evaluator=self.held.evaluator,
                          seed=self.settings.seed)

    def specs(self, block: str) -> dict[str, dict]:
        """Designs of a block's candidates by name."""
        return self.parts.need(f'candidates/{block}', 'sample')

    def module(self, block: str, name: str) -> nn.Module:
        """A trained candidate with its weights."""
        path = self.parts.folder / self.parts.need(f'train/{block}', 'train')['checkpoint']
        return load_candidate(path, space=self.space, block=block, spec=self.specs(block)[name], name=name,
                              teacher=self.teacher)

    def modules(self, names: Names) -> dict[str, nn.Module]:
        """The trained candidates of a combination by block; the teacher's own blocks are left out."""
        return {block: self.module(block, name) for block, name in names.items() if name != TEACHER}

    def score(self, names: Names) -> float:
        """The figure of a combination, NaN where it is not finite; measured once, then read from its part."""
        part = f'scores/{title(names)}'
        found = self.parts.read(part)
        if found is None:
            blocks = {self.space.path(block): module for block, module in self.modules(names).items()}
            figures = self.scorer.score(blocks)
            figure(figures, self.settings.metric)
            self.parts.write(part, dict(blocks=dict(names), figures=figures))
            found = self.parts.need(part, 'score')
        known = {name: math.nan if value is None else value for name, value in found['figures'].items()}
        return figure(known, self.settings.metric)

    def warn_when_busy(self) -> None:
        """Tell once that latency is measured on a machine with other work."""
        line = None if self._warned else busy(self.settings.latency)
        if line:
            self._warned = True
            self.echo(line)

    def counted(self, what: str, items: Sequence[Any]) -> Iterator[Any]:
        """The items, with a line now and then on how many are done and how long the others may take."""
        begin = told = time.perf_counter()
        for number, item in enumerate(items, 1):
            yield item
            now = time.perf_counter()
            if now - told > QUIET and number < len(items):
                told = now
                left = (now - begin) / number * (len(items) - number)
                self.echo(f'{what}: {number} of {len(items)} done, about {left:.0f} s for the others')

    def table(self) -> Table:
        """Latency and accuracy of all candidates of all blocks.

        Raises:
            ValueError: a part is missing, or latencies that cannot be mixed.
        """
        blocks = list(self.space.blocks)
        trained = {block: self.parts.need(f'train/{block}', 'train')['candidates'] for block in blocks}
        scores = {block: {name: self.score({block: name}) for name in names} for block, names in trained.items()}
        finite = {block: {name: value if math.isfinite(value) else None for name, value in found.items()}
                  for block, found in scores.items()}
        return Table.join(latencies={block: self.parts.need(f'latency/{block}', 'measure') for block in blocks},
                          model=self.parts.need('latency/model', 'measure'), metric=self.settings.metric,
                          better=self.settings.better, score=self.score({}), scores=finite,
                          specs={block: self.specs(block) for block in blocks})


def title(names: Names) -> str:
    """A short name of a combination, by what it exchanges."""
    names = {block: name for block, name in sorted(names.items()) if name != TEACHER}
    if len(names) > 1:
        return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()[:12]
    return next((f'{block}.{name}' for block, name in names.items()), TEACHER)
