"""Several stages as one resumable job: what is finished is not done again, what changed is."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, broadcast_object_list, is_main_process

from perception_kd.cli import USER_ERRORS, one_line
from perception_kd.files import write_bytes, write_json

STATE_FILE, KEY_FILE = 'recipe.json', '.stage-key'


@dataclass(frozen=True)
class Stage:
    """One step of a recipe.

    Args:
        name: Unique in the recipe; the key in its state file.
        title: What a person reads while it runs.
        run: Does the work, returns a JSON-able result.
        inputs: Anything JSON-able that decides the result (config text, options, seeds). The stage runs
            again when its inputs, or the inputs of a stage it stands on, have changed.
        after: Names of the stages whose results this one uses.
        outputs: Files or folders that must exist for the stage to count as done.
        folder: Folder that the stage resumes in. It is emptied first if it was begun with other inputs.
        optional: What comes after does not need it: where it fails, that is said and the recipe goes on. It is
            tried again the next time.
    """

    name: str
    title: str
    run: Callable[[], Any]
    inputs: Any = None
    after: tuple[str, ...] = ()
    outputs: tuple[Path, ...] = ()
    folder: Path | None = None
    optional: bool = False


class Recipe:
    """Runs stages in order and remembers in ``<out>/recipe.json`` what is done.

    Args:
        out: Folder of the recipe's products.
        stages: In the order to run; ``after`` may name earlier stages only.
        echo: Where progress lines go.
    """

    def __init__(self, out: Path, stages: list[Stage], echo: Callable[[str], None] = print) -> None:
        self.out, self.stages, self.echo = Path(out), stages, echo
        known: set[str] = set()
        for stage in stages:
            missing = set(stage.after) - known
            if stage.name in known or missing:
                raise ValueError(f'recipe stage {stage.name}: named twice, or stands on unknown '
                                 f'{sorted(missing)}')
            known.add(stage.name)
        self.state: dict[str, Any] = self._read_state()

    def run(self) -> dict[str, Any]:
        """Run what is not done. Returns the result of every stage by name, None of an optional one that failed.

        In a job of several processes all of them call this, and all run every stage; the first one decides what is
        done, prepares folders and keeps the state.
        """
        for number, stage in enumerate(self.stages, start=1):
            head = f'[{number}/{len(self.stages)}] {stage.title}'
            entry = from_first(self.state[stage.name] if self.is_done(stage) else None)
            if entry is not None:
                self.state[stage.name] = entry
                self._say(f'{head}: done before, in {entry["seconds"]:.0f} s')
                continue
            self._say(f'{head} ...')
            if is_main_process():
                self._prepare(stage)
            barrier()
            begin = time.perf_counter()
            trouble, result = from_first(_run(stage))
            seconds = time.perf_counter() - begin
            if trouble:
                self.state.pop(stage.name, None)
                self._say(f'{head}: left out. {trouble}')
                continue
            self.state[stage.name] = dict(key=self.key(stage), seconds=round(seconds, 1), result=result)
            if is_main_process():
                write_json(self.out / STATE_FILE, self.state)
            barrier()
            self._say(f'{head}: {seconds:.0f} s')
        return {stage.name: self.state.get(stage.name, {}).get('result') for stage in self.stages}

    def _say(self, line: str) -> None:
        if is_main_process():
            self.echo(line)

    def is_done(self, stage: Stage) -> bool:
        """Whether the stage has run with these inputs and its outputs are still there."""
        entry = self.state.get(stage.name)
        return (isinstance(entry, dict) and entry.get('key') == self.key(stage)
                and all(path.exists() for path in stage.outputs))

    def _prepare(self, stage: Stage) -> None:
        """Empty the stage's folder unless it was begun with the same inputs, so that nothing old is resumed."""
        if stage.folder is None:
            return
        mark = stage.folder / KEY_FILE
        if not mark.is_file() or mark.read_bytes() != self.key(stage).encode():
            shutil.rmtree(stage.folder, ignore_errors=True)
            write_bytes(mark, self.key(stage).encode())

    def key(self, stage: Stage) -> str:
        """Hash of the stage's inputs and of all that it stands on, left-out stages among it told from made ones."""
        below = ['left out' if other.optional and not self.is_done(other) else self.key(other)
                 for other in self.stages if other.name in stage.after]
        text = json.dumps([stage.name, stage.inputs, below], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def seconds(self) -> float:
        """Time that all finished stages took when they ran."""
        return sum(self.state[stage.name]['seconds'] for stage in self.stages if stage.name in self.state)

    def _read_state(self) -> dict[str, Any]:
        path = self.out / STATE_FILE
        if not path.is_file():
            return {}
        try:
            state = json.loads(path.read_bytes())
        except ValueError:
            state = None
        # Cut off, or edited by hand: doing it again is safe.
        return state if isinstance(state, dict) else {}


def _run(stage: Stage) -> tuple[str, Any]:
    """What an optional stage has failed by, or nothing, and the result."""
    try:
        return '', stage.run()
    except USER_ERRORS as error:
        if not stage.optional:
            raise
        return one_line(error), None


def from_first(value: Any) -> Any:
    """What the first process of a job has here."""
    box = [value]
    broadcast_object_list(box)
    return box[0]
