"""The states that a radar attaches to a return: moving or not, ambiguous or not, valid or why not."""

import numpy as np

from perception_kd.simulation.sensors.radar.detection import THRESHOLD, Detections
from perception_kd.simulation.sensors.radar.echoes import BOUNCE, DIRECT, FALSE, MIRROR, RAIN
from perception_kd.simulation.sensors.radar.paths import View
from perception_kd.simulation.world import SCENERY

MOVING, STATIONARY, ONCOMING, CANDIDATE, UNKNOWN, CROSSING_STILL, CROSSING, STOPPED = range(8)
"""nuScenes dyn_prop."""
AMBIGUOUS, STAGGERED, UNAMBIGUOUS_STATE, STATIONARY_CANDIDATE = 1, 2, 3, 4
"""nuScenes ambig_state; 0 is invalid."""
VALID, LOW_RCS, NEAR_FIELD, UNCONFIRMED, WEAK, MIRRORED, OUTSIDE = 0, 1, 2, 3, 4, 6, 7
ELEVATED, CHILD, EDGE_ARTEFACT, NO_MAXIMUM, ARTEFACT = 8, 9, 10, 11, 12
HARMONIC, FAR_IN_NEAR_SCAN, SEVERAL_TARGETS, ODD_ANGLE = 14, 15, 16, 17
"""nuScenes invalid_state; 1, 2, 3, 6, 7 and 14 say invalid, the others valid with a reserve."""

_SLOW = 0.6
"""Speeds below count as standing (m/s)."""

_BY_CAUSE = {
    MIRROR: ((MIRRORED, ARTEFACT, SEVERAL_TARGETS, VALID), (0.40, 0.30, 0.12, 0.18)),
    BOUNCE: ((HARMONIC, ARTEFACT, VALID), (0.45, 0.35, 0.20)),
    RAIN: ((NEAR_FIELD, WEAK, VALID), (0.40, 0.35, 0.25)),
    FALSE: ((ARTEFACT, LOW_RCS, UNCONFIRMED, VALID), (0.45, 0.15, 0.15, 0.25)),
}
"""What the radar finds out about echoes that are none."""


def validity(found: Detections, rcs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """invalid_state (N,); ``rcs`` (N,) as reported in dBsm. Later lines win over earlier ones."""
    echoes, chance = found.echoes, rng.random((len(rcs), 8))
    angle = np.rad2deg(np.abs(echoes.azimuth))
    state = np.full(len(rcs), VALID)
    state[(np.rad2deg(echoes.elevation) > 3) & (chance[:, 0] < 0.3)] = ELEVATED
    state[(found.child > 15) & (chance[:, 1] < 0.6)] = CHILD
    state[echoes.shared & (chance[:, 2] < 0.6)] = SEVERAL_TARGETS
    state[(found.beside >= 3) & (chance[:, 3] < 0.7)] = NO_MAXIMUM
    state[(np.abs(angle - 50) < 2) & (chance[:, 4] < 0.4)] = EDGE_ARTEFACT
    state[(angle > 53) & (chance[:, 5] < 0.5)] = ODD_ANGLE
    state[(echoes.range > 95) & (angle > 12)] = FAR_IN_NEAR_SCAN
    state[(echoes.range > 60) & (chance[:, 6] < 0.08)] = UNCONFIRMED
    for cause, (codes, odds) in _BY_CAUSE.items():
        index = np.flatnonzero(echoes.cause == cause)
        state[index] = rng.choice(codes, len(index), p=odds)
    state[(state == VALID) & (rcs < -5)] = WEAK
    state[(rcs < -8.5) & (chance[:, 7] < 0.7)] = LOW_RCS
    state[angle > 60] = OUTSIDE
    return state


def false_alarm_level(found: Detections, state: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """pdh0 (N,): 1 below 25 % .. 7 up to 100 %; higher for weak echoes and for what the radar doubts."""
    margin = found.snr - THRESHOLD
    spread = rng.standard_normal(len(state))
    doubt = np.select(
        [np.isin(state, (MIRRORED, HARMONIC, ARTEFACT)), state != VALID], [3.0, 0.8], default=-0.6
    )
    level = doubt + np.clip(1.5 - 0.25 * margin, 0, 2) * (state != VALID) + 0.7 * spread
    return np.clip(1 + np.round(level), 1, 7)


def ambiguity(found: Detections, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """ambig_state (N,) and by how many unambiguous intervals the reported speed is wrong (-1, 0, 1).

    Weak echoes cannot be resolved as often. Returns of one ramp are folded, every second one of staggered
    ramps too; those taken for standing ones are not.
    """
    count = len(found.snr)
    weak = 1 + np.exp(-np.clip(found.snr - THRESHOLD, 0, None) / 5)
    draw, side = rng.random(count) / weak, rng.choice([-1, 1], count)
    still = (np.abs(found.echoes.along) < _SLOW) & (draw < 0.20)
    state = np.select([draw < 0.012, draw < 0.04, draw < 0.07, still],
                      [0, AMBIGUOUS, STAGGERED, STATIONARY_CANDIDATE], default=UNAMBIGUOUS_STATE)  # fmt: skip
    folded = (state == AMBIGUOUS) | ((state == STAGGERED) & (rng.random(count) < 0.5))
    return state, np.where(folded, side, 0)


def dynamics(found: Detections, along: np.ndarray, view: View, rng: np.random.Generator) -> np.ndarray:
    """dyn_prop (N,) from the reported radial speed ``along`` over ground, and from what the radar has followed:
    whether something crosses, or came to a stop."""
    echoes, chance = found.echoes, rng.random(len(along))
    moving = np.abs(along) >= _SLOW
    object_seen = (echoes.owner != SCENERY) & (echoes.cause == DIRECT)
    crosses = object_seen & (echoes.across > 1.5) & (echoes.across > 2 * np.abs(along))
    halted = np.array([False, *(a.in_traffic for a in view.snapshot.world.actors)])[echoes.owner - SCENERY]
    halted &= object_seen & (echoes.across < 0.1)
    state = np.where(chance < 0.25, CANDIDATE, STATIONARY)
    state[~moving & halted & (chance > 0.5)] = STOPPED
    state[~moving & crosses] = CROSSING_STILL
    state[moving] = MOVING
    state[moving & (along < 0) & (echoes.rate < 0)] = ONCOMING
    state[moving & crosses] = CROSSING
    state[np.isin(echoes.cause, (FALSE, RAIN)) & (chance > 0.6)] = UNKNOWN
    return state
