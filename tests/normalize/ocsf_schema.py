"""Hold events against OCSF 1.8, offline."""

from functools import cache

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tocsin.ocsf import classes


@cache
def _validator(class_uid, profiles):
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(classes.VERSION))
    name = classes.class_numbered(class_uid).name
    return Draft202012Validator(schema.get_class_schema(name, list(profiles)))


def problems(event):
    """Return what OCSF 1.8 finds wrong with an event, under the profiles that it declares."""
    profiles = tuple(event["metadata"].get("profiles", ()))
    return [
        f"{'.'.join(map(str, error.path))}: {error.message}"
        for error in _validator(event["class_uid"], profiles).iter_errors(event)
    ]
