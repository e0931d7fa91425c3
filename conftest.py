"""Settings of tests and of the kernels of tested notebooks: the smallest budget, no downloads, a temporary home. Ctrl-C is heard."""

import os
import shutil
import signal
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment, and hear Ctrl-C, before any test or kernel starts."""
    config.colorlib_home = tempfile.mkdtemp(prefix="colorlib-tests-")
    os.environ |= {"COLORLIB_HOME": config.colorlib_home, "COLORLIB_OFFLINE": "1", "COLORLIB_BUDGET": "smoke"}
    os.environ.pop("COLORLIB_DATA", None)
    # Python ignores Ctrl-C if a shell script started it in the background. So would the processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Delete the temporary home."""
    shutil.rmtree(config.colorlib_home, ignore_errors=True)
