"""DepthAnythingV2-S, whose normals confirm pseudo-labels; its public weights are read as they are.

  python tools/pseudo_label.py stereo TEACHER_CONFIG teacher.pth left right --out pseudo \
      --mono configs/compress/depth_anything.py depth_anything_v2_vits.pth --mono-longest 1344

``--cfg-options size=large`` is the paper's teacher's; the code and the small size are Apache-2.0, larger weights are not.
"""

_base_ = ['../stereo/small_mono.py']

size = 'small'
model = dict(net=dict(_delete_=True, type='DepthAnythingV2', size='${size}'))
