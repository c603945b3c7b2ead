"""What a training run does with the memory that it frees."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Prints how many pages the system had to clear for a second array, as large as one that was freed before it.
PROGRAM = """
import resource, sys
import numpy as np
from training.train.memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    before = faults()
    array = np.ones(64 * 2**20, np.uint8)
    del array
print(faults() - before)
"""


def pages_cleared(how: str) -> int:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_that_was_freed_is_not_asked_of_the_system_again() -> None:
    kept, given_back = pages_cleared("kept"), pages_cleared("given back")
    # Huge pages may make few of many: what counts is that kept memory needs next to none.
    assert kept < 10 < given_back
