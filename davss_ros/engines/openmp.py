# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Let threads that have nothing to do give their core away soon; imported before torch, or it has no effect.

Between two loops GNU's OpenMP, which torch computes with, keeps idle threads spinning for milliseconds. Beside other
processes each loop may then wait for a thread that has no core while a spinning one burns its own: on two cores beside
one busy process a frame took 62 to 247 ms, as it fell out, and once 1.9 s, in place of 65 ms. A thousand turns, some
tens of microseconds, cost a tenth on a quiet machine, where five thousand are fastest. Whoever sets ``GOMP_SPINCOUNT``
or ``OMP_WAIT_POLICY`` is obeyed.
"""

import os

SPINS = 1000

if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ.setdefault('GOMP_SPINCOUNT', str(SPINS))
