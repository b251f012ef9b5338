"""The pytest plugin that is installed with antiphon: async tests in virtual or in real time.

It is loaded in every pytest run of everybody who has antiphon installed, so it imports nothing
until a test carries one of its markers.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator

import pytest

_MARKERS = (
    "virtual_time(limit=3600.0, seed=0): run this async test on a VirtualTimeLoop; `limit` is in "
    "virtual seconds",
    "real_time: run this async test on an ordinary event loop",
)

_NOT_RUN = (
    "async def functions are not natively supported",
    "async def function and no async plugin installed",
)
"""How pytest's own message begins for an async test that no plugin has run: a failure since 8.4, a
skip before."""
_UNMARKED = (
    "{name!r} is an async test without a marker, so nothing has run it; mark it "
    "@pytest.mark.virtual_time (a conversation with scripted models) or @pytest.mark.real_time, "
    "or all of a file: pytestmark = pytest.mark.virtual_time"
)


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    # What a test shows of the log is for who wrote it: there, errors keep their messages.
    os.environ.setdefault("ANTIPHON_LOG_CONTENT", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Names the markers where nothing has run an async test."""
    try:
        return (yield)
    except (pytest.fail.Exception, pytest.skip.Exception) as error:
        if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
            raise
        if not str(error).startswith(_NOT_RUN):
            raise
    pytest.fail(_UNMARKED.format(name=item.name), pytrace=False)


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
