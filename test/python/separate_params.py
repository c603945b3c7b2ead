"""What an attempt asks for, where no file of it is ever opened."""

from __future__ import annotations

import dataclasses
from typing import Any

from separating import STARTER

from python_worker.protocol import SeparateOptions, SeparateParams

OPTIONS = SeparateOptions(["vocals"], False, False, "wav", "PCM_16", 1, None, None)
PARAMS = SeparateParams("t", 1, "in.wav", "out", "scratch", 60.0, 10.0, False, STARTER, OPTIONS)


def wanting(**options: Any) -> SeparateOptions:
    return dataclasses.replace(OPTIONS, **options)
