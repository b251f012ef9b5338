"""The pytest plugin that is installed with antiphon: async tests in virtual or in real time.

It is loaded in every pytest run of everybody who has antiphon installed, so it imports nothing
until a test carries one of its markers.
"""

from __future__ import annotations

import inspect
import os

import pytest

_MARKERS = (
    "virtual_time(limit=3600.0, seed=0): run this async test on a VirtualTimeLoop; `limit` is in "
    "virtual seconds",
    "real_time: run this async test on an ordinary event loop",
)


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    # What a test shows of the log is for who wrote it: there, errors keep their messages.
    os.environ.setdefault("ANTIPHON_LOG_CONTENT", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a marked `async def` test; the nearest of the two markers counts.

    Plain functions under the markers, e.g. of a marked module, are left alone.
    """
    __tracebackhide__ = True
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    names = ("virtual_time", "real_time")
    marker = next((mark for mark in pyfuncitem.iter_markers() if mark.name in names), None)
    if marker is None:
        return None
    from antiphon.testing.running import run_real, run_virtual

    arguments = {
        name: pyfuncitem.funcargs[name]
        for name in inspect.signature(test).parameters
        if name in pyfuncitem.funcargs
    }
    if marker.name == "virtual_time":
        problems = run_virtual(test, arguments, *marker.args, **marker.kwargs)
    else:
        problems = run_real(test, arguments, *marker.args, **marker.kwargs)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
    return True
