# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``python -m davss_ros <command>``: every executable of the package."""

import sys
from importlib import import_module

from davss_ros.command_line import guarded

COMMANDS = {  # command -> module with a main(), and what it does
    'davss_node': ('davss_ros.ros.main', 'the ROS 2 node'),
    'replay': ('davss_ros.ros.replay_main', 'publish a video, image folder or rosbag2 as a camera topic'),
    'demo': ('davss_ros.ros.demo', 'run both on a video and leave pictures and numbers'),
    'evaluate': ('davss_ros.evaluate.command', 'accuracy against the distance from the key frame'),
    'evaluate_bag': (
        'davss_ros.evaluate.bags.command',
        'numbers and pictures from recordings, by the very step of the node',
    ),
    'live_check': ('davss_ros.ros.live_check', 'what evaluate_bag --live runs: a bag through the running node'),
    'make_bag': ('davss_ros.evaluate.bags.make_bag', 'a video or a folder, perhaps labelled, as a rosbag2'),
    'benchmark': ('davss_ros.evaluate.benchmark', 'time per frame and stage'),
    'check_data': ('davss_ros.datasets.command', 'what labelled data holds, and everything wrong with it'),
    'check_model': ('davss_ros.exchange.check_model', 'what was found out about your own network, and from where'),
    'tune': ('davss_ros.exchange.tune', 'key interval, windows and gain for your own video and a budget'),
    'export': ('davss_ros.exchange.export', 'a network as ONNX, OpenVINO or torch.export'),
    'train': ('davss_ros.train.command', 'train a model, part by part'),
    'calibrate': ('davss_ros.train.calibrate', 'fit how sure the labels are, beside the weights'),
    'choose': ('davss_ros.train.choosing.command', 'choose settings by a left-out drive and unlabelled videos'),
}


def main() -> int:
    """Run the command named first; return its exit status."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print('usage: python -m davss_ros <command> [options]', *_listing(), sep='\n')
        return 0 if sys.argv[1:] in (['-h'], ['--help']) else 2
    command = sys.argv[1]
    sys.argv = [f'davss_ros {command}', *sys.argv[2:]]
    return guarded(command, lambda: int(import_module(COMMANDS[command][0]).main()))


def _listing() -> list[str]:
    return [f'  {name:12} {what}' for name, (_, what) in COMMANDS.items()]


if __name__ == '__main__':
    sys.exit(main())
