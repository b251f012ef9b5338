"""The ONNX model of Silero: where its file is, and how it is run."""

from __future__ import annotations

import importlib.util
import threading
import weakref
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from antiphon.errors import ProviderUnavailable

Floats: TypeAlias = NDArray[np.float32]

WINDOW = {16000: 512, 8000: 256}
"""Samples that the model judges at a time, by sample rate: 32 ms."""
CONTEXT = {16000: 64, 8000: 32}
"""Samples of the window before that it wants in front: without them it runs, and hears nothing."""
STATE_SIZE = 128
"""The model's memory of one stream is float32 [2, 1, 128], zeros at the start."""

_FILE = Path("data", "silero_vad.onnx")
_GET_IT = "run: antiphon setup silero (or: pip install --no-deps silero-vad)"


def find_model() -> Path:
    """The ONNX file of the installed `silero-vad`, found without importing that, and so torch.

    Raises `ProviderUnavailable` when the package, or the file in it, is missing.
    """
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise ProviderUnavailable(f"provider 'silero' needs the package 'silero-vad'; {_GET_IT}")
    for folder in spec.submodule_search_locations:
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    raise ProviderUnavailable(
        f"the installed package 'silero-vad' has no file {_FILE.as_posix()!r}; {_GET_IT}"
    )


class Model:
    """One ONNX session. It keeps nothing between runs, so streams and loops may share it."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ProviderUnavailable(
                "provider 'silero' needs the package 'onnxruntime'; "
                'run: pip install "antiphon[silero]"'
            ) from error
        options = onnxruntime.SessionOptions()
        # A window is too little work to share out: more threads would spin, beside other calls.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the SDK's errors have no common class of their own
            raise ProviderUnavailable(
                f"the model file {str(path)!r} cannot be read ({type(error).__name__}); {_GET_IT}"
            ) from error
        names = {each.name for each in self._session.get_inputs()}
        if names != {"input", "state", "sr"}:
            raise ProviderUnavailable(
                f"the model file {str(path)!r} is of another kind (its inputs: "
                f"{', '.join(sorted(names))}); {_GET_IT}"
            )
        self._rates = {rate: np.array(rate, dtype=np.int64) for rate in WINDOW}

    def run(self, windows: Floats, state: Floats, sample_rate: int) -> tuple[Floats, Floats]:
        """The probability of speech in one window each of B streams, and their next states.

        `windows` is [B, context + window] between -1 and 1, `state` [2, B, 128]; returns [B, 1] and
        [2, B, 128]. A stream's result is the same, bit for bit, in whatever company.
        """
        probabilities, next_state = self._session.run(
            None, {"input": windows, "state": state, "sr": self._rates[sample_rate]}
        )
        return probabilities, next_state


_lock = threading.Lock()
_shared: weakref.ReferenceType[Model] | None = None


def shared_model() -> Model:
    """The process's one `Model`, loaded by the first who asks and freed when nobody holds it.

    May be called in a thread. Raises `ProviderUnavailable`.
    """
    global _shared
    with _lock:
        model = _shared() if _shared is not None else None
        if model is None:
            model = Model(find_model())
            _shared = weakref.ref(model)
        return model
