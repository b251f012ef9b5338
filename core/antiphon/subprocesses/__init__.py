"""Worker processes: for providers whose model must live in a process of its own."""

from .multiplexer import Multiplexer
from .pipes import Header, Message, WorkerIO, worker_io
from .process import Subprocess

__all__ = ["Header", "Message", "Multiplexer", "Subprocess", "WorkerIO", "worker_io"]
