"""The view: what the API server last said, by uid, and the maps that make questions cheap.

`job_entry` and `attempts` are what is known of one MlJob and of its attempts, `slots` who holds one,
`waiting` who waits for one; `view` ties them together, and it alone takes events.
"""

from mljob.controller.ownership import AttemptId, Group
from mljob.controller.view.job_entry import JobEntry
from mljob.controller.view.view import View

__all__ = ["AttemptId", "Group", "JobEntry", "View"]
