"""What the viewer shows of a recording, and where: pictures with boxes above, space and maps below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from perception_kd.visualization.recording.entities import EGO, PREDICTIONS, TRUTH, WORLD, camera_path

_DARK = (14, 16, 20)
_EYE = (-22.0, 0.0, 26.0)  # metres from the vehicle: behind and above it


def blueprint(rr: Any, cameras: Sequence[str], maps: Iterable[str]) -> Any:
    """The layout.

    Args:
        rr: The module ``rerun``.
        cameras: Channels.
        maps: Entity paths of the maps, flat ones and those on the ground, which are hidden at first.

    Returns:
        A ``Blueprint``: a view for each camera, in which the viewer projects the boxes, one of space that follows
        the vehicle, and one for each map.
    """
    import rerun.blueprint as rrb

    boxes = [f'{path}/{part}'.rstrip('/') for path in (TRUTH, PREDICTIONS) for part in ('', 'headings')]
    pictures = [rrb.Spatial2DView(name=name, origin=camera_path(rr, name), contents=['$origin/**', *boxes])
                for name in cameras]
    carpets = [path for path in maps if path.lstrip('/').startswith(EGO)]
    space = rrb.Spatial3DView(name='space', origin=EGO, contents=f'/{WORLD}/**', background=_DARK, **_eye(rrb),
                              overrides={path: _hidden(rrb) for path in carpets})
    flat = [path for path in maps if path not in carpets]
    ground = [space, *([_of_maps(rrb, flat)] if flat else [])]
    lower = rrb.Horizontal(*ground, column_shares=[3, 2][:len(ground)])
    whole = rrb.Vertical(rrb.Grid(*pictures, grid_columns=3), lower, row_shares=[2, 3]) if pictures else lower
    return rrb.Blueprint(whole, rrb.BlueprintPanel(state='collapsed'), rrb.SelectionPanel(state='collapsed'),
                         rrb.TimePanel(state='collapsed'))


def _eye(rrb: Any) -> dict[str, Any]:
    """Where one looks from at first; older versions choose it themselves."""
    controls = getattr(rrb, 'EyeControls3D', None)
    if controls is None:
        return {}
    return {'eye_controls': controls(position=_EYE, look_target=(8.0, 0.0, 0.0), eye_up=(0.0, 0.0, 1.0))}


def _hidden(rrb: Any) -> Any:
    return rrb.archetypes.EntityBehavior(visible=False)


def _of_maps(rrb: Any, paths: Sequence[str]) -> Any:
    """A few side by side; many behind tabs, a tab for each group."""
    groups: dict[str, list[Any]] = {}
    for path in paths:
        _, group, *parts = path.strip('/').split('/')
        groups.setdefault(group, []).append(rrb.Spatial2DView(name=' '.join(parts) or group, origin=path))
    grids = [rrb.Grid(*views, name=group) for group, views in groups.items()]
    return grids[0] if len(grids) == 1 else rrb.Tabs(*grids)
