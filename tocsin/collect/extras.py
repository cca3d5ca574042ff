"""Say what to install where a feed needs a package that the default install leaves out."""

from importlib.util import find_spec

from tocsin.errors import SettingsError


def require(kind: str, extra: str, *modules: str) -> None:
    """Check that modules can be imported, without importing them.

    Args:
        kind: of the feed.
        extra: of Tocsin that holds them.
        modules: dotted names.

    Raises:
        SettingsError: one is missing; the text names the command that installs it.
    """
    if not all(map(_is_there, modules)):
        raise SettingsError(f"feeds of kind {kind} need: pip install 'tocsin[{extra}]'")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # A package above it is missing.
        return False
