"""One rectified pair of pictures with what is known and predicted of its disparity."""

from __future__ import annotations

from mmengine.structures import BaseDataElement
from torch import Tensor


class StereoDataSample(BaseDataElement):
    """Disparity of the left picture: positive px of the full-size picture, ``x_right = x_left - d``.

    Fields, each only where it is known; ``(H, W)`` of the picture before any padding::

      gt_disp    float32 px
      gt_valid   bool, where gt_disp holds
      gt_noc     bool, visible in both pictures
      pred_disp  float32 px

    Metainfo: ``ori_shape`` (H, W), ``left_path``, ``right_path``, ``dataset``, ``scene``, ``focal`` px, ``baseline``
    m, ``doffs`` px (x of the right principal point less that of the left), ``pad`` (left, right, top, bottom) px.
    """

    @property
    def known(self) -> tuple[Tensor, Tensor]:
        """``gt_disp`` and ``gt_valid``.

        Raises:
            ValueError: the sample has no truth.
        """
        if 'gt_disp' not in self or 'gt_valid' not in self:
            raise ValueError(f'pair {self.get("left_path", "")}: no true disparity; give its data set LoadDisparity')
        return self.gt_disp, self.gt_valid
