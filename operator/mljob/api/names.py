"""Names that the resources, the cluster objects, SQL and the docs share. Nothing here is computed."""

from typing import Final

GROUP = "mljob.dev"
VERSION = "v1alpha1"
API_VERSION: Final = "mljob.dev/v1alpha1"
KIND_JOB: Final = "MlJob"
KIND_DEFINITION: Final = "MlJobDefinition"
PLURAL_JOB = "mljobs"
PLURAL_DEFINITION = "mljobdefinitions"

LABEL_JOB_NAME = f"{GROUP}/job-name"
LABEL_UID = f"{GROUP}/uid"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_GROUP = f"{GROUP}/group"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "mljob"

ANNOTATION_SUBMITTED_BY = f"{GROUP}/submitted-by"
ANNOTATION_CREATION_TIME = f"{GROUP}/creation-time-ms"
"""Submission time in ms, stamped by REST and SDK; honoured when it fits creationTimestamp to 2 s."""
ANNOTATION_EPOCH = f"{GROUP}/epoch"
"""On every Job: which start of the operator created it."""
ANNOTATION_PARAMS = f"{GROUP}/params"
"""On the pod: the exact params text, projected into a file by the downward API."""

FINALIZER_RECORD = f"{GROUP}/record"
"""On an MlJob: it may go only once its end is stored in SQL."""

OWNED_ENV_PREFIX = "MLJOB_"
"""Environment variables of the container that the operator sets; a manifest may not."""
MAIN_CONTAINER = "main"
FIELD_MANAGER = "mljob"
