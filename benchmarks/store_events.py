"""Step: collect, normalize and store the events of a file: `tocsin ingest` without rules."""

import json
import sys
import time

from tocsin.run import ingest_files
from tocsin.settings import load


def main(path: str, folder: str) -> None:
    environ = {"TOCSIN_DATA": folder, "TOCSIN_RULES__WITH_BUILTIN": "false"}
    settings = load(None, environ)
    began = time.monotonic()
    counts = ingest_files([path], "aws.cloudtrail", settings, lambda done, total: None)
    print(json.dumps({**counts, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
