"""What all tests share."""

from __future__ import annotations

import os

import pytest

from redelivery.workspace.record import SWITCH


def pytest_configure(config: pytest.Config) -> None:
    os.environ[SWITCH] = "off"  # whoever runs the tests keeps the progress they have
    config.addinivalue_line("markers", 'slow: waits for an endless handler (leave out with -m "not slow")')
