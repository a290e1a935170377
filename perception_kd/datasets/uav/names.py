"""Names that sets spell differently: of categories, and of splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

DRONE = 'drone'
SPLITS = ('train', 'val', 'test')
_ALIASES = {
    DRONE: ('drones', 'uav', 'uavs', 'mav', 'multirotor', 'quadcopter', 'quadrotor', 'multicopter'),
    'bird': ('birds',),
    'airplane': ('plane', 'planes', 'airplanes', 'aeroplane', 'aeroplanes'),
    'helicopter': ('helicopters',),
}
_CATEGORY = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
_SPLIT = {'train': 'train', 'training': 'train', 'val': 'val', 'valid': 'val', 'validation': 'val', 'test': 'test',
          'testing': 'test'}


def category_of(name: str, renamed: Mapping[str, str]) -> str:
    """The name that a category has here: as ``renamed`` says, else lower case and the usual word (UAV is drone)."""
    plain = name.strip()
    if plain in renamed:
        return renamed[plain]
    plain = plain.lower()
    return renamed.get(plain, _CATEGORY.get(plain, plain))


def category_order(names: Iterable[str]) -> list[str]:
    """Each name once, in order, ``drone`` first."""
    once = dict.fromkeys(names)
    return sorted(once, key=lambda name: name != DRONE)


def split_of(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Split that one of the words (folders of a path) names, or an empty string, and the other words."""
    for place, word in enumerate(words):
        if word.lower() in _SPLIT:
            return _SPLIT[word.lower()], (*words[:place], *words[place + 1:])
    return '', tuple(words)
