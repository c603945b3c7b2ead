"""Audio files for tests: one module a container, each a set of makers by KIND."""

from __future__ import annotations
