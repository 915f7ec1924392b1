"""Job documents from files and standard input."""

from __future__ import annotations

import json
from typing import Any

from .._io import read_source
from ..errors import InvalidJobError
from .streams import source


def read_document(word: str) -> dict[str, Any]:
    """Return the JSON object in the file *word*, or on standard input for "-".

    Raises:
        SourceError: It cannot be read.
        InvalidJobError: It is no JSON object.
    """
    try:
        document = json.loads(bytes(read_source(source(word))))
    except ValueError as error:
        raise InvalidJobError(
            f"{word} is no JSON: {error}.", category="invalid_json"
        ) from error
    if not isinstance(document, dict):
        raise InvalidJobError(f"{word} is no JSON object.", category="invalid_json")
    return document
