"""Installation. Lower bounds, and an upper one only where newer is known to fail.

``constraints.txt`` holds the versions that were tested together.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def version() -> str:
    """The version, read without importing the package."""
    names: dict = {}
    exec((ROOT / 'perception_kd' / 'version.py').read_text(), names)
    return names['__version__']


def long_description() -> str:
    """The README, where there is one."""
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.is_file() else ''


EXTRAS = {
    # mmcv itself is not listed: `mmcv` (compiled) and `mmcv-lite` fill the same folder, and only one may be
    # there. `make setup` installs mmcv-lite where neither is. mmengine reads foreign base configs
    # (`mmdet3d::...`) through pkg_resources, which setuptools 81 dropped. mmdet 3.3 refuses mmcv 2.2.
    'det3d': ['mmdet>=3.3.0', 'mmdet3d>=1.4.0', 'setuptools<81'],
    'lite': ['mmcv-lite>=2.1.0,<2.2'],
    # trackeval asks for Python below 3.12 where NumPy is 1, and from 1.0.1 on for NumPy 2.
    'eval': ['nuscenes-devkit>=1.1.11', 'pyquaternion>=0.9.9', 'pycocotools>=2.0.7', 'shapely>=2.0',
             'trackeval>=1.0; python_version < "3.12"'],
    # opencv-python, since mmengine asks for that one; nuscenes-devkit asks for opencv-python-headless, which fills
    # the same folder. `make setup` leaves one of them.
    'sim': ['open3d>=0.19.0', 'opencv-python>=4.8', 'pyquaternion>=0.9.9', 'scipy>=1.10'],
    'viz': ['matplotlib>=3.7', 'pillow>=9.5', 'opencv-python>=4.8', 'plotly>=6.0', 'tensorboard>=2.13'],
    # Recordings for the Rerun viewer; newer ones ask for NumPy 2.
    'rerun': ['rerun-sdk>=0.23'],
    'wandb': ['wandb>=0.17'],
    'deploy': ['onnx>=1.17', 'onnxscript>=0.5', 'onnxruntime>=1.20'],
    # Its core alone: neither ray's dashboard nor its cluster launcher is asked for.
    'pseudo': ['ray>=2.9'],
    'prune': ['torch-pruning>=1.5'],
    # For its interpreter, which runs the kernels without a GPU (1 GB); torch for CUDA brings its own.
    'kernels': ['triton>=3.2'],
    'dev': ['atheris>=2.3; python_version >= "3.11"', 'hypothesis>=6.90', 'pytest>=8.0', 'pytest-xdist>=3.5',
            'rerun-sdk>=0.23', 'ruff>=0.9', 'scipy>=1.10', 'selenium>=4.20', 'shapely>=2.0'],
}
# `lite` is a choice that `make setup` makes, so it is not part of `all`.
ALL = ('det3d', 'deploy', 'eval', 'prune', 'pseudo', 'sim', 'viz')
EXTRAS['all'] = sorted({need for name in ALL for need in EXTRAS[name]})

setup(
    name='perception_kd',
    version=version(),
    description='Distillation for perception: large teachers into small students',
    long_description=long_description(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['perception_kd', 'perception_kd.*']),
    package_data={'perception_kd.visualization.report.page': ['*.css', '*.js']},
    install_requires=['torch>=2.4', 'numpy>=1.24', 'mmengine>=0.10.5', 'msgspec>=0.18', 'rich>=13.0'],
    extras_require=EXTRAS,
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
    ],
)
