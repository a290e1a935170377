#!/usr/bin/env python
"""Draw samples, scenes and whole runs: pictures, films, reports; no display is needed.

examples:
  python tools/visualize.py scene --infos INFOS.pkl --root DIR --sample 12 --out scene.png
  python tools/visualize.py scene --infos INFOS.pkl --root DIR --results results_nusc.json \\
      --score 0.3 car=0.4 --radar velocity --camera-lidar depth --range 40 --palette safe --out scene.png
  python tools/visualize.py compare --infos INFOS.pkl --root DIR --sample 4 --teacher T.json \\
      --student S.json --student-kd K.json --out compare.png
  python tools/visualize.py video --infos INFOS.pkl --root DIR --scene scene-0103 --out scene.mp4
  python tools/visualize.py video --infos INFOS.pkl --root DIR --scene 0 --teacher T.json --student S.json \\
      --fps 4 --out compare.gif
  python tools/visualize.py maps configs/demo/sim_imkd.py work_dirs/demo/student_imkd/last.pth --out maps \\
      --cfg-options data_root=work_dirs/demo/data model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
  python tools/visualize.py maps configs/demo/sim_student.py last.pth --before epoch_1.pth --sample 0 7 --average 20 \\
      --out maps
  python tools/visualize.py view3d --infos INFOS.pkl --root DIR --results results_nusc.json --theme dark --out view.png
  python tools/visualize.py view3d --infos INFOS.pkl --root DIR --sample 4 --camera side --photos --out orbit.mp4
  python tools/visualize.py record --infos INFOS.pkl --root DIR --scene 0 --results results_nusc.json --out drive.rrd
  python tools/visualize.py report work_dirs/demo --out report.html
  python tools/visualize.py report "LiDAR teacher=work_dirs/teacher" plain=work_dirs/plain IMKD=work_dirs/imkd \\
      work_dirs/robustness --baseline plain --title "IMKD on nuScenes" --out report.html
  python tools/visualize.py stereo --root data/sim_stereo --split val --sample 0 7 --out stereo.png \\
      --predictions Teacher=teacher/test/predictions/middlebury Student=student/test/predictions/middlebury
  python tools/visualize.py uav data/uav/annotations/val.json work_dirs/n_cbi/test/results_uav.json --out worst.png
  python tools/visualize.py differences work_dirs/compare --reference sim_student --methods IMKD=sim_imkd --out a.png
  python tools/visualize.py speed pooling.json "mAP and NDS=nds.json::from memory" --out speed.png
"""

from perception_kd.cli import run_tool


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    from perception_kd.visualization.commands import build_parser

    args = build_parser(__doc__).parse_args()
    return args.run(args)


if __name__ == '__main__':
    run_tool(main)
