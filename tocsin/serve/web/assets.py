"""The files of the pages, read once: named by content, cached for ever, no path to walk out of."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tocsin.errors import SettingsError
from tocsin.serve.web.guard import guarded_router, operation
from tocsin.serve.web.permissions import Permission

HERE = Path(__file__).resolve().parent / "assets"
PREFIX = "/assets/"
FOREVER = "public, max-age=31536000, immutable"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, plain and packed, their media type, and the start of their hash."""

    content: bytes
    packed: bytes
    media_type: str
    version: str


class Assets:
    """All files under `assets/`, by their path below it.

    Raises:
        SettingsError: the fetched ones are missing.
    """

    def __init__(self, folder: Path = HERE) -> None:
        files = (path for path in sorted(folder.rglob("*")) if path.suffix in _TYPES)
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in files}
        if "vendor/tabler.min.css" not in self._files:
            raise SettingsError(
                "the JavaScript and CSS of the pages were not fetched: run `make assets`"
            )

    def url(self, name: str) -> str:
        """Return the address of a file; it changes when the file does."""
        return f"{PREFIX}{name}?v={self._files[name].version}"

    def get(self, name: str) -> Asset | None:
        """Return a file."""
        return self._files.get(name)


def routes(assets: Assets) -> APIRouter:
    """Return the route that serves the files."""
    router = guarded_router()

    @operation(router, "GET", PREFIX + "{name:path}", Permission.ANYONE, include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        found = assets.get(name)
        if found is None:
            raise HTTPException(404)
        is_named = request.query_params.get("v") == found.version
        cache = FOREVER if is_named else "no-cache"
        headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
        # Only these files are packed: in pages, a token stands beside text that others choose.
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(found.content, media_type=found.media_type, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)

    return router


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    packed = gzip.compress(content, mtime=0)
    return Asset(content, packed, _TYPES[path.suffix], sha256(content).hexdigest()[:12])
