"""Build the application: routes, errors, headers. `create_app` is all that the outside needs."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from tocsin.errors import TocsinError, UsageError
from tocsin.serve.web import api, assets, life, pages, rendering
from tocsin.serve.web.console import LOOPBACK_HOSTS, Console
from tocsin.serve.web.guard import GuardedRoute, SignInNeededError, UnguardedError
from tocsin.serve.web.headers import Shell
from tocsin.serve.web.page import is_signed_in, local_address, show, show_outside

API_PREFIX = "/api/"


def create_app(console: Console) -> FastAPI:
    """Build the pages and the API over one open store.

    Raises:
        SettingsError: the fetched files of the pages are missing.
        UnguardedError: a route has no permission, or one too weak for what it does.
    """
    files = assets.Assets()
    app = FastAPI(
        title="Tocsin",
        version=console.view.version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.console = console
    app.state.templates = rendering.environment(files.url, console.view.language)
    routers: tuple[APIRouter, ...] = (
        assets.routes(files),
        life.router,
        *pages.routers,
        *api.routers,
    )
    for router in routers:
        # Not `include_router`: the routes themselves stay in sight of `refuse_unguarded`.
        app.router.routes.extend(router.routes)
    refuse_unguarded(app.routes)
    _answer_errors(app)
    hosts = LOOPBACK_HOSTS | {host.lower() for host in console.view.hosts}
    app.add_middleware(
        Shell, error_page=_plain_error(app.state.templates), hosts=hosts, is_tls=console.view.is_tls
    )
    return app


def refuse_unguarded(routes: Sequence[BaseRoute]) -> None:
    """Refuse routes that nobody guards, such as a mounted application.

    Raises:
        UnguardedError: names the first one.
    """
    for route in routes:
        if not isinstance(route, GuardedRoute):
            raise UnguardedError(f"route {getattr(route, 'path', route)} has no guard")


def _answer_errors(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeededError, _to_sign_in)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UsageError, _usage_error)


def _to_sign_in(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return _json_error(401, "sign in first")
    back = local_address(request) if request.method == "GET" else "/"
    if request.headers.get("hx-request"):
        # A part of a page must not be replaced by the sign-in form: the whole page moves there.
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        # A link in a chat: the SameSite=Strict cookie comes only with a request of our own page.
        return show_outside(request, "onward.html", address=back)
    return RedirectResponse(rendering.url("/sign-in", next=back), 303)


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else ""
    return _error(request, status, detail)


def _invalid(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    places = (f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in problems)
    return _error(request, 422, "; ".join(places))


def _usage_error(request: Request, error: Exception) -> Response:
    return _error(request, 400, str(error) if isinstance(error, TocsinError) else "")


def _error(request: Request, status: int, detail: str) -> Response:
    if _wants_json(request):
        return _json_error(status, detail)
    if is_signed_in(request):
        return show(request, "error.html", status=status, code=status, detail=detail)
    return show_outside(request, "error_outside.html", status=status, code=status, detail=detail)


def _plain_error(templates: Environment):  # type: ignore[no-untyped-def]
    def answer(request: Request, status: int) -> Response:
        if _wants_json(request):
            return _json_error(status, "")
        page = templates.get_template("error_outside.html")
        return HTMLResponse(page.render(code=status, detail="", theme="auto", view=None), status)

    return answer


def _json_error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"status": status, "message": message}}, status)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith(API_PREFIX)
