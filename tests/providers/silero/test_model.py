"""Finding and loading the ONNX file of silero-vad."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from antiphon.errors import ProviderUnavailable
from antiphon_providers.silero.model import Model, find_model, shared_model

GET_IT = "run: antiphon setup silero (or: pip install --no-deps silero-vad)"

try:
    shared_model()
except ProviderUnavailable as missing:
    pytest.skip(str(missing), allow_module_level=True)


def test_a_missing_package_is_named_with_the_command_that_gets_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProviderUnavailable) as caught:
        find_model()
    assert str(caught.value) == f"provider 'silero' needs the package 'silero-vad'; {GET_IT}"


def test_a_package_without_the_file_is_told_apart(monkeypatch, tmp_path):
    spec = importlib.machinery.ModuleSpec("silero_vad", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ProviderUnavailable) as caught:
        find_model()
    assert str(caught.value) == (
        f"the installed package 'silero-vad' has no file 'data/silero_vad.onnx'; {GET_IT}"
    )


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "silero_vad.onnx"
    path.write_bytes(find_model().read_bytes()[:1000])
    with pytest.raises(ProviderUnavailable) as caught:
        Model(path)
    assert str(caught.value) == (
        f"the model file {str(path)!r} cannot be read (InvalidProtobuf); {GET_IT}"
    )
    assert caught.value.__cause__ is not None


def test_a_model_of_another_kind_is_refused():
    path = find_model().with_name("silero_vad_16k_sequence.onnx")
    if not path.is_file():
        pytest.skip("this silero-vad has no second model file")
    with pytest.raises(ProviderUnavailable) as caught:
        Model(path)
    assert str(caught.value) == (
        f"the model file {str(path)!r} is of another kind (its inputs: c, h, input); {GET_IT}"
    )


def test_missing_onnxruntime_is_named_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ProviderUnavailable) as caught:
        Model(find_model())
    assert str(caught.value) == (
        "provider 'silero' needs the package 'onnxruntime'; run: pip install \"antiphon[silero]\""
    )


def test_a_batch_is_judged_as_its_windows_one_by_one():
    model = shared_model()
    generator = np.random.default_rng(3)
    for rate, size in ((16000, 576), (8000, 288)):
        windows = generator.normal(0, 0.1, (32, size)).astype(np.float32)
        state = generator.normal(0, 0.1, (2, 32, 128)).astype(np.float32)
        probabilities, states = model.run(windows, state, rate)
        assert (probabilities.shape, states.shape) == ((32, 1), (2, 32, 128))
        for i in range(32):
            one, next_state = model.run(windows[i : i + 1], state[:, i : i + 1], rate)
            assert one == probabilities[i : i + 1]
            assert np.array_equal(next_state, states[:, i : i + 1])


def test_neither_torch_nor_silero_vad_is_imported():
    script = """
        import asyncio, sys

        class Refusing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("torch", "torchaudio"):
                    raise AssertionError(f"somebody imports {name}")

        sys.meta_path.insert(0, Refusing())
        from antiphon.audio import AudioFrame
        from antiphon_providers.silero.vad import SileroVAD

        async def main():
            async with SileroVAD() as vad:
                await vad.prewarm()
                stream = vad.stream(print)
                stream.push(AudioFrame(bytes(3200), 16000))
                while stream.has_window():
                    await asyncio.sleep(0)
                stream.close()

        asyncio.run(main())
        print(sorted({"torch", "silero_vad", "onnxruntime"} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.stdout, done.stderr) == ("['onnxruntime']\n", "")
