"""`antiphon new agent NAME`."""

from __future__ import annotations

import pytest

from antiphon import Registry

REGISTRY = Registry([], {})


def test_it_writes_a_file_and_says_how_to_try_it(run, tmp_path):
    result = run(REGISTRY, "new", "agent", "shop", "--dir", str(tmp_path))
    path = tmp_path / "shop.py"
    assert (result.exit_code, result.stdout) == (
        0,
        f"wrote {path}\ntry it: antiphon talk {path}\n",
    )
    text = path.read_text(encoding="utf-8")
    compile(text, "shop.py", "exec")
    assert text.startswith('"""shop: two agents, a tool, and a hand-off.')
    assert "antiphon talk shop.py" in text
    assert "NAME" not in text and "FILE" not in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_what_is_there_is_not_overwritten(run, tmp_path):
    path = tmp_path / "shop.py"
    path.write_text("mine", encoding="utf-8")
    result = run(REGISTRY, "new", "agent", "shop.py", "--dir", str(tmp_path))
    assert result.exit_code == 1
    assert (
        result.stderr
        == f"{str(path)!r} is there already and was not touched; choose another name\n"
    )
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "my-agent",
            "'my-agent' cannot be the name of a Python file; use letters, digits and underscores",
        ),
        (
            "class",
            "'class' cannot be the name of a Python file; use letters, digits and underscores",
        ),
        (
            "../x",
            "'../x' cannot be the name of a Python file; use letters, digits and underscores",
        ),
        ("json", "'json' would hide the module 'json', which is needed; choose another name"),
        (
            "antiphon",
            "'antiphon' would hide the module 'antiphon', which is needed; choose another name",
        ),
    ],
)
def test_a_name_that_no_module_can_have_is_refused(run, tmp_path, name, message):
    result = run(REGISTRY, "new", "agent", name, "--dir", str(tmp_path))
    assert (result.exit_code, result.stderr) == (1, f"{message}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_an_error(run, tmp_path):
    path = tmp_path / "no"
    result = run(REGISTRY, "new", "agent", "shop", "--dir", str(path))
    assert result.exit_code == 1
    assert result.stderr == (
        f"cannot write {str(path / 'shop.py')!r} (no such file or directory); give another --dir\n"
    )
