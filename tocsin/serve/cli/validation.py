"""Check events against the OCSF schema, with the packages of the extra `tocsin[validate]`."""

from functools import cache
from importlib import import_module
from typing import Any

from tocsin.errors import UsageError

_OCSF_VERSION = "1.8.0"


def ocsf_problems(event: dict[str, object]) -> list[str]:
    """Return what is not valid in one OCSF event, a sentence each; empty where all is well.

    Raises:
        UsageError: the packages that know the schema are not installed.
    """
    metadata = event.get("metadata")
    profiles = metadata.get("profiles") if isinstance(metadata, dict) else None
    names = tuple(profiles) if isinstance(profiles, list) else ()
    validator = _validator(int(str(event["class_uid"])), names)
    return [
        f"{'.'.join(map(str, error.absolute_path)) or 'event'}: {error.message}"
        for error in validator.iter_errors(event)
    ]


@cache
def _validator(class_uid: int, profiles: tuple[str, ...]) -> Any:  # jsonschema ships without types
    try:
        schemas = import_module("ocsf_json_schema")
        jsonschema = import_module("jsonschema")
    except ImportError as error:
        raise UsageError("--validate needs: pip install 'tocsin[validate]'") from error
    embedded = schemas.OcsfJsonSchemaEmbedded(schemas.get_ocsf_schema(version=_OCSF_VERSION))
    name = embedded.lookup_class_name_from_uid(class_uid)
    return jsonschema.Draft202012Validator(embedded.get_class_schema(name, list(profiles)))
