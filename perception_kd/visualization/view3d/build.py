"""From a sample to the layers of its 3D picture."""

from __future__ import annotations

from dataclasses import dataclass

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.view import View
from perception_kd.visualization.view3d.ground import grid, rings
from perception_kd.visualization.view3d.objects import Look, box_layers
from perception_kd.visualization.view3d.primitives import Layer, Scene3D
from perception_kd.visualization.view3d.sensors import Surroundings, lidar_points, photos, radar_returns
from perception_kd.visualization.view3d.theme import LIGHT, Theme
from perception_kd.visualization.view3d.vehicle import vehicle


@dataclass(frozen=True)
class SceneBuilder:
    """Turns samples into 3D scenes of one look.

    Args:
        view: What of the ground matters.
        options: Score, classes, colours of sensors, palette.
        theme: Light or dark.
        photos: Whether the cameras' pictures hang around the vehicle.
    """

    view: View
    options: PictureOptions
    theme: Theme = LIGHT
    photos: bool = False

    @property
    def reach(self) -> float:
        """The farthest distance that matters, m."""
        return max(self.view.front, self.view.side)

    def scene(self, frame: Frame, predictions: Boxes | None = None) -> Scene3D:
        """All layers, in the vehicle's frame.

        Args:
            frame: The sample.
            predictions: Boxes of a detector, or None to draw the truth alone.

        Raises:
            FileNotFoundError, ValueError: a photograph is missing or broken.
        """
        options, theme = self.options, self.theme
        sets = self._sets(frame, predictions)
        main, look = sets[-1]
        around = Surroundings(theme, options.colours, self.reach)
        layers: list[Layer] = [grid(frame.ego2global, self.reach, theme), rings(self.reach, theme),
                               vehicle(theme.paint, theme.glass, theme.tyre)]
        if options.lidar != 'none':
            layers.append(lidar_points(frame, options.lidar, around, main, list(look.colours)))
        if options.radar != 'none':
            layers += radar_returns(frame, options.radar, around)
        if self.photos:
            layers += photos(frame, theme)
        for boxes, one in sets:
            layers += box_layers(boxes, one, frame.lidar2ego, theme.paper, velocities=options.velocities)
        return Scene3D(layers, theme.paper, opacity=0.5)

    def _sets(self, frame: Frame, predictions: Boxes | None) -> list[tuple[Boxes, Look]]:
        """Truth in its class colours; beside predictions it steps back to thin lines of one neutral colour."""
        truth = self.options.truth(frame.truth)
        if predictions is None:
            return [(truth, Look('truth', self._colours(truth), 1.7))]
        shown = self.options.predictions(predictions)
        neutral = Look('truth', (self.theme.ink,) * len(truth), 1.1, filled=False)
        return [(truth, neutral), (shown, Look('predictions', self._colours(shown), 2.0))]

    def _colours(self, boxes: Boxes) -> tuple:
        return tuple(self.theme.readable(self.options.colours.of(name)) for name in boxes.names)
