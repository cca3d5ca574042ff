"""Step: collect, normalize and store the events of a file: `tocsin ingest`.

Without a folder of rules no rule is asked.
"""

import json
import sys
import time
from pathlib import Path

from tocsin.run import loading
from tocsin.settings import load


def main(path: str, folder: str, rules: str = "") -> None:
    file = Path(f"{folder}.yaml")
    chosen = {"with_builtin": False, "folders": [rules] if rules else []}
    file.write_text(json.dumps({"data": folder, "rules": chosen}), encoding="utf-8")
    settings = load(file, {})
    began = time.monotonic()
    counts = loading.ingest_files([path], "aws.cloudtrail", settings, lambda done, total: None)
    print(json.dumps({**counts, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
