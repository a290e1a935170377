"""What each side of the comparison of info creation does in its process; light to import, since memory counts."""

from __future__ import annotations

from pathlib import Path


def devkit_tables(root: Path, version: str, out: Path, workers: int) -> None:
    """Load the tables."""
    from perception_kd.benchmark.infos_devkit import load_devkit

    load_devkit(root, version)


def devkit_infos(root: Path, version: str, out: Path, workers: int) -> None:
    """Make all infos; one process."""
    from perception_kd.benchmark import infos_devkit

    infos_devkit.devkit_infos(root, version, out)


def our_tables(root: Path, version: str, out: Path, workers: int) -> None:
    """Load the tables."""
    from perception_kd.datasets.nuscenes.joined_tables import NuScenesTables
    from perception_kd.processes import collection_paused

    with collection_paused():
        NuScenesTables(root, version)


def our_infos(root: Path, version: str, out: Path, workers: int) -> None:
    """Make all infos, as ``tools/create_data.py`` does."""
    from perception_kd.datasets.nuscenes.create import InfoJob, create_infos

    create_infos(InfoJob(root=root, version=version, out=out), workers=workers, force=True, echo=lambda line: None)
