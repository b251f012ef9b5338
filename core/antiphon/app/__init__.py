"""Apps and jobs: the user's entry point, the same under every transport."""

from .app import App, app_for_agent
from .job import Job, JobContext, get_job_context
from .local_room import LocalRoom
from .report import make_report
from .session_report import SessionReport, read_report

__all__ = [
    "App",
    "Job",
    "JobContext",
    "LocalRoom",
    "SessionReport",
    "app_for_agent",
    "get_job_context",
    "make_report",
    "read_report",
]
