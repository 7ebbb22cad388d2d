# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The Fast DDS profile for large images: understood by Fast DDS, and with room for the images of a large camera."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

PROFILE = Path(__file__).parent.parent.parent / 'config' / 'large_images.xml'
NAMES = {'dds': 'http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles'}
FULL_HD = 1920 * 1080 * 3  # bytes
PROGRAM = """
import rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('profile')
node.create_publisher(Image, 'large', 5)
node.destroy_node()
rclpy.try_shutdown()
"""


def said(profile: Path) -> str:
    environment = {**os.environ, 'FASTRTPS_DEFAULT_PROFILES_FILE': str(profile)}
    command = [sys.executable, '-c', PROGRAM]
    run = subprocess.run(command, check=True, env=environment, capture_output=True, text=True, timeout=120)
    return run.stdout + run.stderr


def test_fast_dds_understands_it(tmp_path: Path) -> None:
    assert 'XMLPARSER' not in said(PROFILE)
    wrong = tmp_path / 'wrong.xml'
    wrong.write_text(PROFILE.read_text().replace('segment_size', 'segment_sizes'))
    assert 'XMLPARSER' in said(wrong)


def test_a_writers_queue_of_large_images_has_room() -> None:
    root = ElementTree.parse(PROFILE).getroot()
    descriptors = root.iterfind('.//dds:transport_descriptor', NAMES)
    (memory,) = [descriptor for descriptor in descriptors if descriptor.findtext('dds:type', '', NAMES) == 'SHM']
    assert int(memory.findtext('dds:segment_size', '', NAMES)) >= 5 * FULL_HD
    assert int(memory.findtext('dds:maxMessageSize', '', NAMES)) >= FULL_HD
    used = [transport.text for transport in root.iterfind('.//dds:userTransports/dds:transport_id', NAMES)]
    assert memory.findtext('dds:transport_id', '', NAMES) in used and len(used) == 2  # and one that leaves the machine
