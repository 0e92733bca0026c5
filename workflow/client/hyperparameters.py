"""What is tried in training, written where training reads it: beside the processed graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workflow.client.job import Job
from workflow.errors import BadRequest
from workflow.stages.modeltraining import CONFIGURATION_NAMES, TEMPLATES
from workflow.storage.base import Storage
from workflow.storage.uri import S3Uri
from workflow.tuning.overrides import as_wish, with_overrides


def set_hyperparameters(
    storage: Storage, processed: Job, wishes: Mapping[str, Any], family: str | None = None
) -> S3Uri:
    """Write wishes into the configuration of a finished data processing; gives its address.

    A family that is asked for by name has a configuration of its own, which then takes the place of the one that
    compares families.

    Raises InvalidParameter for a wish that means nothing, BadRequest where there is no configuration yet.
    """
    for name in CONFIGURATION_NAMES if processed.output else ():
        place = S3Uri.parse(str(processed.output)) / name
        if storage.exists(place):
            own = S3Uri.parse(str(processed.output)) / TEMPLATES / f"{family}.json"
            document = json.loads(storage.read(own if family and storage.exists(own) else place))
            changed = with_overrides(document, {key: as_wish(wish) for key, wish in wishes.items()})
            storage.write(place, json.dumps(changed, indent=2).encode())
            return place
    raise BadRequest(
        f"The data processing {processed.id} has no {CONFIGURATION_NAMES[0]} at {processed.output or 'its output'}: "
        "hyperparameters can be set when it has completed, by someone who can read and write there"
    )
