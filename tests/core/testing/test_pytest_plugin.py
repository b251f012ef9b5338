import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.testing import virtual_clock

seen = []


@pytest.mark.virtual_time
async def test_a_marked_test_runs_in_virtual_time(tmp_path):
    assert virtual_clock() is asyncio.get_running_loop()
    await asyncio.sleep(3000)
    assert asyncio.get_running_loop().time() == 3000.0
    assert isinstance(tmp_path, Path)


@pytest.mark.virtual_time(limit=10_000)
@pytest.mark.parametrize("hours", [1, 2])
async def test_limit_and_parameters(hours):
    await asyncio.sleep(hours * 3600)


@pytest.mark.real_time
async def test_a_marked_test_runs_in_real_time():
    assert virtual_clock() is None
    assert asyncio.get_running_loop().time() > 0


class TestMethods:
    pytestmark = pytest.mark.virtual_time

    async def test_methods_run_too(self):
        await asyncio.sleep(1)

    def test_plain_functions_under_the_marker_are_left_alone(self):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()

    @pytest.mark.real_time
    async def test_the_nearest_marker_counts(self):
        assert virtual_clock() is None


LEAKS = """
import asyncio, subprocess, sys, threading
import pytest

@pytest.mark.virtual_time
async def test_leaks_a_task():
    task = asyncio.create_task(asyncio.sleep(10), name="reader")
    test_leaks_a_task.kept = task
    await asyncio.sleep(0)

@pytest.mark.virtual_time
async def test_cancelled_task_is_no_leak():
    asyncio.create_task(asyncio.sleep(10), name="reader").cancel()

@pytest.mark.real_time
async def test_leaks_a_thread():
    gate = test_leaks_a_thread.gate = threading.Event()
    threading.Thread(target=gate.wait, args=(2,), name="worker").start()

@pytest.mark.virtual_time
async def test_daemon_thread_is_no_leak():
    threading.Thread(target=threading.Event().wait, args=(2,), daemon=True).start()

@pytest.mark.real_time
async def test_leaks_a_process():
    command = [sys.executable, "-c", "input()"]
    test_leaks_a_process.kept = subprocess.Popen(command, stdin=subprocess.PIPE)

def test_cleans_up_after_them():
    test_leaks_a_thread.gate.set()
    test_leaks_a_process.kept.communicate(b"\\n")

@pytest.mark.real_time
async def test_ended_process_is_no_leak():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()

@pytest.mark.virtual_time
async def test_error_in_a_callback():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(1)

@pytest.mark.virtual_time
async def test_own_failure_comes_first():
    test_own_failure_comes_first.kept = asyncio.create_task(asyncio.sleep(10), name="reader")
    assert "this" == "that"

@pytest.mark.virtual_time(limit=5)
async def test_over_the_limit():
    await asyncio.sleep(6)

async def test_unmarked():
    pass
"""


def test_what_a_test_leaves_behind_fails_it(tmp_path):
    (tmp_path / "test_leaks.py").write_text(LEAKS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "test_leaks.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    outcomes = re.findall(r"^(PASSED|FAILED) test_leaks.py::(\w+)", done.stdout, re.M)
    results = {name: outcome for outcome, name in outcomes}
    assert results == {
        "test_leaks_a_task": "FAILED",
        "test_cancelled_task_is_no_leak": "PASSED",
        "test_leaks_a_thread": "FAILED",
        "test_daemon_thread_is_no_leak": "PASSED",
        "test_leaks_a_process": "FAILED",
        "test_cleans_up_after_them": "PASSED",
        "test_ended_process_is_no_leak": "PASSED",
        "test_error_in_a_callback": "FAILED",
        "test_own_failure_comes_first": "FAILED",
        "test_over_the_limit": "FAILED",
        "test_unmarked": "FAILED",
    }
    lines = done.stdout.splitlines()
    task = next(line for line in lines if line.startswith("the test left a task"))
    assert re.fullmatch(
        r"the test left a task running: 'reader': tasks\.py:\d+ in sleep; await or cancel it "
        r"before the test ends",
        task,
    )
    assert (
        "the test left a thread running: 'worker'; stop it and join it before the test ends"
        in lines
    )
    assert (
        f"the test left a process running: {[sys.executable, '-c', 'input()']!r}; stop it and "
        "wait for it before the test ends"
    ) in lines
    error = next(line for line in lines if line.startswith("an error reached the event loop"))
    assert error.endswith("ZeroDivisionError('division by zero')")
    assert 'assert "this" == "that"' in done.stdout
    assert "out of time: the limit of 5 s of virtual time is reached" in done.stdout
    assert (
        "'test_unmarked' is an async test without a marker, so nothing has run it; mark it "
        "@pytest.mark.virtual_time (a conversation with scripted models) or "
        "@pytest.mark.real_time, or all of a file: pytestmark = pytest.mark.virtual_time"
    ) in lines
    assert "natively supported" not in done.stdout


OTHER = """
import asyncio, inspect
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj())
        return True
"""


def test_an_async_test_that_another_plugin_runs_needs_no_marker(tmp_path):
    (tmp_path / "conftest.py").write_text(OTHER, encoding="utf-8")
    (tmp_path / "test_other.py").write_text(
        "import pytest\n"
        "async def test_passes():\n    pass\n"
        "async def test_fails():\n    pytest.fail('async def function, it says')\n"
        "def test_plain():\n    pytest.fail('async def function, it says')\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "test_other.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    outcomes = re.findall(r"^(PASSED|FAILED) test_other.py::(\w+)", done.stdout, re.M)
    assert sorted(outcomes) == [
        ("FAILED", "test_fails"),
        ("FAILED", "test_plain"),
        ("PASSED", "test_passes"),
    ]
    assert done.stdout.count("Failed: async def function, it says") >= 2
    assert "without a marker" not in done.stdout


def test_loading_the_plugin_loads_neither_asyncio_nor_the_rest_of_the_testing_tools():
    code = (
        "import sys, pytest; before = set(sys.modules); import antiphon.testing.pytest_plugin;"
        "print(*sorted(n for n in set(sys.modules) - before if n.startswith('antiphon.testing')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["antiphon.testing", "antiphon.testing.pytest_plugin"]
