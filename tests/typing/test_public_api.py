"""The public names keep their types, by mypy's own judgement."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.timeout(120)
def test_mypy_strict_agrees_with_every_assert_type(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is in the extra dev")
    out, err, code = api.run(
        [
            "--strict",
            "--config-file",
            str(HERE.parents[1] / "pyproject.toml"),
            "--cache-dir",
            str(tmp_path),
            str(HERE / "public_api.py"),
        ]
    )
    assert code == 0, out + err
