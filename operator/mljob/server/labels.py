"""Labels that a caller may put on a job: all but ours and the Job controller's. The API server checks on."""

from collections.abc import Mapping

from mljob.api import names as terms
from mljob.core.attempt import is_controllers_label
from mljob.server.problems import InvalidOption


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels. Raises InvalidOption, naming the one that is not the caller's to set."""
    for key in labels:
        if key == terms.LABEL_MANAGED_BY or key.startswith(f"{terms.GROUP}/") or is_controllers_label(key):
            advice = " Use `group`." if key == terms.LABEL_GROUP else ""
            raise InvalidOption(f"labels[{key}]: this label is set by MlJob or Kubernetes.{advice}")
    return dict(labels)
