"""Take secrets out of raw text before anything is stored or any rule reads it. Thinks only.

`content/redaction.yaml` says what secrets look like; a `Redactor` replaces each by its kind and a
keyed hash, so that the same secret can be followed and none can be read.
"""

from tocsin.redact.kinds import Definition, SecretKind, failing_samples, read_definition
from tocsin.redact.redactor import Redacted, Redactor

__all__ = [
    "Definition",
    "Redacted",
    "Redactor",
    "SecretKind",
    "failing_samples",
    "read_definition",
]
