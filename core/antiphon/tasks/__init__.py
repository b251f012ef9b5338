"""Ready-made tasks, and groups of tasks."""

from .collecting import CollectTask
from .confirming import ConfirmTask
from .dates import GetDateTask, GetDOBResult, GetDOBTask
from .digits import GetDtmfResult, GetDtmfTask
from .email_address import GetEmailResult, GetEmailTask
from .group import TaskCompletedEvent, TaskFactory, TaskGroup, TaskGroupResult
from .options import TaskOptions
from .person_name import GetNameResult, GetNameTask
from .phone_number import GetPhoneNumberResult, GetPhoneNumberTask
from .postal_address import GetAddressResult, GetAddressTask

__all__ = [
    "CollectTask",
    "ConfirmTask",
    "GetAddressResult",
    "GetAddressTask",
    "GetDOBResult",
    "GetDOBTask",
    "GetDateTask",
    "GetDtmfResult",
    "GetDtmfTask",
    "GetEmailResult",
    "GetEmailTask",
    "GetNameResult",
    "GetNameTask",
    "GetPhoneNumberResult",
    "GetPhoneNumberTask",
    "TaskCompletedEvent",
    "TaskFactory",
    "TaskGroup",
    "TaskGroupResult",
    "TaskOptions",
]
