"""Source ConfigMaps live while an unfinished job or a definition uses them, then they are collected."""

import logging
from collections.abc import Callable

from mljob.controller.definitions import Definitions
from mljob.controller.ports import Cluster
from mljob.controller.view import View
from mljob.core.manifest import source_config_map
from mljob.core.refusal import Refusal

log = logging.getLogger(__name__)


async def collect_sources(
    cluster: Cluster,
    view: View,
    definitions: Definitions,
    launched_lately: Callable[[tuple[str, str]], bool],
) -> None:
    """Delete those that nothing needs any more. Raises ApiError."""
    found = await cluster.source_config_maps()
    if not found:
        return
    needed = _needed(view, definitions)
    for config_map in found:
        metadata = config_map["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if key not in needed and not launched_lately(key):
            log.info("source ConfigMap %s/%s is no longer used", metadata["namespace"], metadata["name"])
            await cluster.delete_config_map(metadata["namespace"], metadata["name"], metadata["uid"])


def _needed(view: View, definitions: Definitions) -> set[tuple[str, str]]:
    """(namespace, name) of every ConfigMap that an attempt still to come, or one under way, mounts."""
    needed = set()
    for definition in definitions.entries.values():
        if not isinstance(definition.spec, Refusal) and definition.spec.source is not None:
            config_map = source_config_map(definition.namespace, definition.spec.source.inline)
            if config_map is not None:
                needed.add((definition.namespace, config_map["metadata"]["name"]))
    for entry in view.jobs.values():
        if entry.status.phase.is_final:
            continue
        inline = entry.spec.definition
        if inline is not None and not isinstance(inline, Refusal) and inline.source is not None:
            config_map = source_config_map(entry.namespace, inline.source.inline)
            if config_map is not None:
                needed.add((entry.namespace, config_map["metadata"]["name"]))
        for attempt in view.attempts.get(entry.uid, {}).values():
            if attempt.job is not None and attempt.job.source is not None:
                needed.add((entry.namespace, attempt.job.source))
    return needed
