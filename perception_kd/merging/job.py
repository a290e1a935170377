"""From checkpoints to a merged one: what ``tools/merge.py`` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel

from perception_kd.distill.checkpoint_origin import classes_of
from perception_kd.engine.build import load_config
from perception_kd.engine.safe_checkpoint import read_checkpoint, write_checkpoint
from perception_kd.export.student import load_student, student_checkpoint
from perception_kd.files import check_file_target, fingerprint, write_json
from perception_kd.merging.batch_norm import reestimate
from perception_kd.merging.data import SampleStream
from perception_kd.merging.divergence import HeadDivergence
from perception_kd.merging.samerging import SAMerging
from perception_kd.merging.settings import MergeSettings

LARGE = 1.0  # |tau| / |theta_0| from which on an expert is named as hardly fine-tuned from the base


@dataclass
class MergeJob:
    """One merge.

    Args:
        config: Of the students.
        base: Checkpoint that all experts were fine-tuned from.
        experts: Their checkpoints by name.
        out: File to write; its record is written beside it as JSON.
        data: Overrides of the config that choose an expert's data, by its name.
        options: Overrides of the config for all.
        settings: How.
        resume: Go on from the state beside ``out``, if there is one.
        echo: Where lines on progress go.
    """

    config: str | Path
    base: str | Path
    experts: Mapping[str, str | Path]
    out: Path
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: MergeSettings = field(default_factory=MergeSettings)
    resume: bool = False
    echo: Callable[[str], None] = print

    def run(self) -> dict[str, Any]:
        """Merge, write checkpoint and record.

        Returns:
            The record.

        Raises:
            FileNotFoundError, ValueError: A checkpoint or config is missing or does not fit; data for an expert that
                there is not; a state of another merge.
        """
        self._check()
        cfg = load_config(self.config, dict(self.options))
        merging = self._build(cfg)
        # Scales of norms are near 1 in strangers, too.
        kernels = [name for name, weight in merging.model.named_parameters() if weight.dim() > 1]
        sizes = merging.vectors.sizes(kernels)
        for name, size in sizes.items():
            if size >= LARGE:
                self.echo(f"warning: expert '{name}' differs from the base by {size:.2f} times the base's own size; it "
                          'was hardly fine-tuned from it, and merging needs a common beginning')
        record = dict(self._inputs(), experts_change=sizes, experts_cosines=merging.vectors.cosines(kernels))
        started, losses = time.monotonic(), []
        with_data = self.settings.steps or (merging.norms and self.settings.batch_norm != 'none')
        streams = self._streams() if with_data else {}
        if self.settings.steps:
            losses = self._learn(merging, streams)
        record.update(divergence=losses, coefficients=merging.coefficients.record(merging.vectors.experts))
        record['files'] = self._write(cfg, merging, streams)
        record['seconds'] = round(time.monotonic() - started, 1)
        write_json(self.out.with_suffix('.json'), record)
        self._state_file.unlink(missing_ok=True)
        return record

    def _check(self) -> None:
        check_file_target(self.out)
        if self.out.suffix == '.json':
            raise ValueError(f'{self.out}: name a checkpoint (.pth); the record takes the name ending in .json')
        if 'base' in self.experts:
            raise ValueError("an expert cannot be called 'base'; write NAME=CHECKPOINT with another name")
        inputs = {Path(path).resolve() for path in (self.base, *self.experts.values())}
        for path in (self.out, *(self._file_of(name) for name in self.experts)):
            if path.resolve() in inputs:
                raise ValueError(f'{path} is one of the checkpoints to merge; name another file')
        unknown = [name for name in self.data if name not in self.experts]
        if unknown:
            raise ValueError(f"data for '{unknown[0]}', but the experts are {', '.join(self.experts)}")

    def _build(self, cfg: Config) -> SAMerging:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        names = {'base': self.base, **self.experts}
        models: dict[str, BaseModel] = {name: load_student(cfg, path).to(device) for name, path in names.items()}
        settings = self.settings
        return SAMerging(
            model=models.pop('base'), experts=models, layer_wise=settings.layer_wise,
            start=1 / len(models) if settings.start == 'mean' else settings.start,
            divergence=HeadDivergence(temperature=settings.temperature, box_weight=settings.box_weight),
            rho=settings.rho, learning_rate=settings.learning_rate)

    def _streams(self) -> dict[str, SampleStream]:
        streams = {}
        for number, name in enumerate(self.experts):
            cfg = load_config(self.config, {**self.options, **self.data.get(name, {})})
            streams[name] = SampleStream(
                cfg=cfg, batch_size=self.settings.batch_size or cfg.train_dataloader.get('batch_size', 1),
                seed=(self.settings.seed, number), workers=self.settings.workers)
            self.echo(f'{name}: {len(streams[name].dataset)} unlabelled samples')
        return streams

    # Learning -----------------------------------------------------------------------------------------------

    def _learn(self, merging: SAMerging, streams: Mapping[str, SampleStream]) -> list[float]:
        losses = self._load(merging) if self.resume else []
        first, last, started = len(losses), self.settings.steps, time.monotonic()
        for step, batches in enumerate(zip(*(one.batches(first, last) for one in streams.values())), first + 1):
            losses.append(merging.step(dict(zip(streams, batches))))
            if step % self.settings.save_every == 0 or step == last:
                self._save(merging, losses)
                pace = (time.monotonic() - started) / (step - first)
                self.echo(f'step {step} of {last}: divergence {sum(losses[-20:]) / len(losses[-20:]):.4f}, '
                          f'{_spread(merging)}; {pace:.2f} s a step, {pace * (last - step) / 60:.0f} min left')
        return losses

    @property
    def _state_file(self) -> Path:
        return self.out.with_suffix('.state.pth')

    def _inputs(self) -> dict[str, Any]:
        """What decides the result, as plain values."""
        return dict(
            config=str(self.config), options=_plain(self.options), settings=asdict(self.settings),
            base=dict(file=str(self.base), fingerprint=fingerprint(self.base)),
            experts={name: dict(file=str(path), fingerprint=fingerprint(path), data=_plain(self.data.get(name, {})))
                     for name, path in self.experts.items()})

    def _key(self) -> str:
        inputs = self._inputs()
        files = [inputs['base'], *inputs['experts'].values()]
        kept = {key: value for key, value in inputs['settings'].items() if key not in _FREE}
        content = load_config(self.config, dict(self.options)).to_dict()
        parts = (inputs['config'], content, kept, [{**one, 'file': ''} for one in files], list(self.experts))
        return sha256(repr(parts).encode()).hexdigest()[:16]

    def _save(self, merging: SAMerging, losses: list[float]) -> None:
        write_checkpoint(self._state_file, dict(key=self._key(), losses=losses, merging=merging.state_dict()))

    def _load(self, merging: SAMerging) -> list[float]:
        if not self._state_file.is_file():
            return []
        state = read_checkpoint(self._state_file)
        if state.get('key') != self._key():
            raise ValueError(f'{self._state_file} belongs to a merge of other checkpoints, data or settings; remove it '
                             'or leave out --resume')
        losses = list(state['losses'])
        if len(losses) > self.settings.steps:
            raise ValueError(f'{self._state_file} has {len(losses)} steps already; ask for as many or more')
        merging.load_state_dict(state['merging'])
        self.echo(f'resumed after step {len(losses)}')
        return losses

    # Writing ------------------------------------------------------------------------------------------------

    def _write(self, cfg: Config, merging: SAMerging, streams: Mapping[str, SampleStream]) -> dict[str, Any]:
        """Files by name, with the batches that their statistics were taken from."""
        files, merged = {}, merging.merged()
        each = self.settings.batch_norm == 'each'
        for group in [[name] for name in self.experts] if each else [list(self.experts)]:
            merging.model.load_state_dict(merged)
            path = self._file_of(group[0])
            batches, norms = 0, merging.norms if self.settings.batch_norm != 'none' else {}
            if norms:
                batches = reestimate(merging.model, norms, self._mixed(streams, group))
            write_checkpoint(path, student_checkpoint(cfg, merging.model, classes_of(merging.model)))
            files[str(path)] = dict(batch_norms=len(norms), statistics_of=group if norms else [], batches=batches)
            self.echo(f'{path}: statistics of {len(norms)} batch norms ' + (
                f'from {batches} batches of {", ".join(group)}' if norms else 'estimated anew, the others combined'))
        return files

    def _file_of(self, expert: str) -> Path:
        """The file that is written for an expert."""
        each = self.settings.batch_norm == 'each'
        return self.out.with_name(f'{self.out.stem}_{expert}{self.out.suffix}') if each else self.out

    def _mixed(self, streams: Mapping[str, SampleStream], group: list[str]) -> Iterator[dict[str, Any]]:
        for batches in zip(*(streams[name].once(self.settings.norm_batches) for name in group)):
            yield pseudo_collate([sample for batch in batches for sample in batch])


_FREE = ('steps', 'workers', 'save_every', 'batch_norm', 'norm_batches')  # may differ when a merge goes on


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, str | int | float | bool | list) else str(value)
            for key, value in options.items()}


def _spread(merging: SAMerging) -> str:
    rows = zip(merging.vectors.experts, merging.coefficients.value.detach())
    return ', '.join(f'{name} {row.mean():.3f} ({row.min():.3f}..{row.max():.3f})' for name, row in rows)
