"""A scene in a few words, in the manner of nuScenes: ``Night, Rain, wait at intersection, parked cars, peds``."""

import numpy as np

from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.plan import Plan
from perception_kd.simulation.poses import dot

_WORDS = {'night': 'Night', 'dusk': 'Dusk', 'rain': 'Rain', 'night rain': 'Night, Rain', 'day': 'Day'}
_NEAR = 30.0
_STILL = 0.3
_LARGE = ('bus', 'truck', 'trailer')


def describe(condition: str, plan: Plan, actors: list[Actor]) -> str:
    """Light and weather, what the ego vehicle does, what it meets within 30 m.

    Args:
        condition: Name of the light.
        plan: The street and the drive.
        actors: Whom it may meet.
    """
    phrases = [_WORDS[condition], _drive(plan), *_road(plan)]
    return ', '.join(phrases + _company(plan, _near(plan, actors)))


def _times(plan: Plan) -> np.ndarray:
    return np.linspace(0, plan.duration, 9)


def _drive(plan: Plan) -> str:
    speeds = np.array([np.hypot(*plan.ego.velocity(time)[:2]) for time in _times(plan)])
    where = 'at intersection' if plan.road.mouth else 'at ped crossing'
    if (speeds < _STILL).all():
        return f'wait {where}'
    if speeds[0] < _STILL:
        return f'wait {where} and start'
    if (speeds < _STILL).any():
        return f'stop {where}'
    return 'slow down' if speeds.min() < 0.75 * speeds.max() else 'drive on'


def _road(plan: Plan) -> list[str]:
    phrases = []
    if plan.road.curvature:
        phrases.append('left bend' if plan.road.curvature > 0 else 'right bend')
    first, last = (float(plan.ego.place(time)[0]) for time in (0.0, plan.duration))
    if plan.road.mouth and first < plan.road.mouth[0] < last:
        phrases.append('pass intersection')
    phrases.append('road works in lane' if plan.lane_closed else 'road works beside the road')
    return phrases


def _near(plan: Plan, actors: list[Actor]) -> list[Actor]:
    """Who comes near the ego vehicle at some time."""
    times = _times(plan)
    ego = plan.ego.pose(times)[:, :2]
    return [actor for actor in actors if np.hypot(*(actor.track.pose(times)[:, :2] - ego).T).min() < _NEAR]


def _company(plan: Plan, actors: list[Actor]) -> list[str]:
    names = [actor.blueprint.name for actor in actors]
    vehicles = [actor for actor in actors if actor.in_traffic or actor.track.moves]
    phrases = []
    if sum(actor.blueprint.name == 'car' and actor not in vehicles for actor in actors) >= 2:
        phrases.append('parked cars')
    if 'pedestrian' in names:
        phrases.append('peds')
    if any(actor.blueprint.name == 'pedestrian' and actor.track.drift for actor in vehicles):
        phrases.append('peds crossing')
    moving = [actor for actor in vehicles if actor.track.moves and actor.blueprint.name != 'pedestrian']
    for kind in _LARGE:
        if any(actor.blueprint.name == kind and _oncoming(plan, actor) for actor in moving):
            phrases.append(f'oncoming {kind}')
    if any(actor.track.road != plan.road for actor in moving):
        phrases.append('crossing traffic')
    phrases += [kind for kind in ('bicycle', 'motorcycle') if kind in [a.blueprint.name for a in moving]]
    return phrases


def _oncoming(plan: Plan, actor: Actor) -> bool:
    """Whether it drives against the ego vehicle at some time."""
    heading = [plan.ego.pose(time)[3] for time in _times(plan)]
    ahead = np.stack([np.cos(heading), np.sin(heading), np.zeros(len(heading))], 1)
    velocity = np.array([actor.track.velocity(time) for time in _times(plan)])
    return bool((dot(velocity, ahead) < -1).any())
