"""Let threads that have nothing to do give their core away soon; imported before torch, or it has no effect.

Between two loops GNU's OpenMP, which torch computes with, keeps idle threads spinning for milliseconds. Beside other
processes each loop then waits for a thread that has no core while a spinning one burns its own: on two cores beside one
busy process a frame took 1.9 s instead of 0.06 s. A thousand turns, some tens of microseconds, cost next to nothing on
a quiet machine. Whoever sets ``GOMP_SPINCOUNT`` or ``OMP_WAIT_POLICY`` is obeyed.
"""

import os

SPINS = 1000

if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ.setdefault('GOMP_SPINCOUNT', str(SPINS))
