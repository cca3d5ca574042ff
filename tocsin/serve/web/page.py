"""Turn a template and its values into an answer, with what every page shows around it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tocsin.serve.web import ranges
from tocsin.serve.web.guard import console_of, maybe_visitor, visitor_of
from tocsin.serve.web.menu import menu_of

if TYPE_CHECKING:
    from jinja2 import Environment

    from tocsin.serve.web.ranges import TimeRange

THEMES = ("light", "dark")
AUTOMATIC = "auto"
MAX_VALUE = 4096

Values = dict[str, Any]
"""What a template shows; templates are not typed, so this is where types end."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A line above a page: what was done (`good`) or why it was not (`bad`)."""

    kind: str
    text: str


def show(
    request: Request,
    template: str,
    *,
    status: int = 200,
    notice: Notice | None = None,
    **values: object,
) -> HTMLResponse:
    """Return a page or a part of one for a signed-in visitor."""
    console = console_of(request)
    visitor = visitor_of(request)
    open_count = sum(console.store.incidents.open_by_severity(visitor.scope).values())
    around = {
        "visitor": visitor,
        "menu": menu_of(visitor),
        "view": console.view,
        "theme": theme_of(request),
        "now": console.now(),
        "notice": notice,
        "open_count": open_count,
        "here": local_address(request),
        "active": "",
        "query": defaultdict(str, request.query_params),
    }
    return HTMLResponse(_render(request, template, {**around, **values}), status)


def show_outside(
    request: Request, template: str, *, status: int = 200, **values: object
) -> HTMLResponse:
    """Return a page for someone who is not signed in: the door, or an error."""
    around = {"view": console_of(request).view, "theme": theme_of(request)}
    return HTMLResponse(_render(request, template, {**around, **values}), status)


def go(address: str) -> RedirectResponse:
    """Send the browser on after a change."""
    return RedirectResponse(address, 303)


def theme_of(request: Request) -> str:
    """Return the theme that the visitor chose; `auto` follows their system."""
    chosen = request.cookies.get("tocsin-theme", AUTOMATIC)
    return chosen if chosen in THEMES else AUTOMATIC


def asked(request: Request, name: str, default: str = "") -> str:
    """Return a part of the address's query; one that is too long counts as not given."""
    value = request.query_params.get(name, default).strip()
    return value if len(value) <= MAX_VALUE else default


def asked_one_of(request: Request, name: str, choices: Sequence[str], default: str = "") -> str:
    """Return a part of the query that must be one of `choices`."""
    value = asked(request, name, default)
    return value if value in choices else default


def time_range(request: Request, default: str = ranges.DEFAULT) -> "TimeRange":
    """Return the time range that stands in the address."""
    now = console_of(request).now()
    return ranges.parse(asked(request, "since"), asked(request, "until"), now, default)


def local_address(request: Request) -> str:
    """Return path and query of the page that is shown, for links back to it."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def safe_return(address: str) -> str:
    r"""Return `address` when it is a path of ours, else the start page.

    Browsers read `//host`, `/\host` and a tab or line break inside as other hosts or schemes.
    """
    is_local = address.startswith("/") and not address.startswith(("//", "/\\"))
    is_clean = all(" " < character < "\x7f" and character != "\\" for character in address)
    return address if is_local and is_clean and len(address) <= MAX_VALUE else "/"


def attachment(content: str | bytes, media_type: str, name: str) -> Response:
    """Return a file to save; browsers neither show nor run it."""
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def is_signed_in(request: Request) -> bool:
    """Say whether the guard recognized someone."""
    return maybe_visitor(request) is not None


def _render(request: Request, template: str, values: dict[str, object]) -> str:
    templates = cast("Environment", request.app.state.templates)
    return templates.get_template(template).render(values)
