"""Playbooks as files: found, read against the actions that there are, and given their modes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from tocsin import plugins
from tocsin.errors import ContentError, Location, PlaybookError, Problem, SettingsError
from tocsin.respond import Playbook, parse_playbook
from tocsin.respond.actions import ActionFacts
from tocsin.run import content

if TYPE_CHECKING:
    from tocsin.respond.requests import Mode
    from tocsin.settings import Settings

ACTIONS = "tocsin.act.actions"
_MOST_FILES = 1_000


class ActionPlugs:
    """The actions that there are, each imported when it is first asked about."""

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return plugins.names(ACTIONS)

    def names(self) -> tuple[str, ...]:
        """Return the names of all actions, sorted."""
        return self._names

    def facts(self, action: str) -> ActionFacts:
        """Return the facts of an action of `names`.

        Raises:
            SettingsError: the plug cannot be loaded.
        """
        return cast("ActionFacts", plugins.find(ACTIONS, action).facts)  # type: ignore[attr-defined]  # of the contract of actions

    def problem(self, action: str, arguments: Mapping[str, object]) -> str:
        """Return why an action cannot take these arguments; "" where it can."""
        try:
            plug = plugins.find(ACTIONS, action)
            plug(plugins.settings_of(plug, arguments))
        except (SettingsError, ValueError) as error:
            return str(error)
        return ""


@dataclass(frozen=True, slots=True)
class LoadedPlaybooks:
    """Playbooks in force, those that are switched off, and what is wrong with the other files."""

    playbooks: tuple[Playbook, ...] = ()
    switched_off: tuple[Playbook, ...] = ()
    problems: tuple[Problem, ...] = ()


@cache
def _actions() -> ActionPlugs:
    return ActionPlugs()


def load_playbooks(settings: "Settings | None" = None) -> LoadedPlaybooks:
    """Return the playbooks that ship and those of the settings' folders, in the wanted modes.

    A file that is wrong is a problem to show and does not keep the others out.
    """
    wanted = settings.response.playbooks if settings is not None else None
    folders = list(wanted.folders) if wanted is not None else []
    if wanted is None or wanted.with_builtin:
        folders.append(content.playbook_folder())
    found, problems = read_folders(folders)
    if settings is None or wanted is None:
        return LoadedPlaybooks(found, (), problems)
    modes = {choice.id: choice.mode for choice in wanted.choices}
    unknown = sorted(modes.keys() - {each.uid for each in found})
    problems += tuple(_unknown(uid, found) for uid in unknown)
    off = tuple(each for each in found if modes.get(each.uid) == "off")
    kept = tuple(_in_modes(found, modes))
    problems += tuple(_unnamed(kept, settings))
    return LoadedPlaybooks(tuple(_bound(each, settings) for each in kept), off, problems)


def _names(settings: "Settings") -> Mapping[str, tuple[str, ...]]:
    """Return what tickets and messages may name."""
    from tocsin.run.notifying import routes_of

    routes = tuple(route.name for route in routes_of(settings))
    return {"ticket": tuple(each.name for each in settings.tickets), "message": routes}


def _bound(playbook: Playbook, settings: "Settings") -> Playbook:
    """Return the playbook whose tickets and messages go to what the settings have."""
    if not playbook.tells:
        return playbook
    names = _names(settings)
    tells = tuple(
        replace(each, words=each.words or names[each.kind]) if each.kind in names else each
        for each in playbook.tells
    )
    return replace(playbook, tells=tells)


def _unnamed(playbooks: Iterable[Playbook], settings: "Settings") -> Iterator[Problem]:
    """Yield a problem for each system or route that a playbook names and the settings lack."""
    for playbook in playbooks:
        for each in playbook.tells:
            known = _names(settings).get(each.kind)
            for word in each.words if known is not None else ():
                if word not in (known or ()):
                    what = "system of `tickets`" if each.kind == "ticket" else "route"
                    message = f"the settings have no {what} {word!r}: nothing is told there"
                    yield Problem(Location(playbook.location, 1), message)


def _in_modes(
    found: Iterable[Playbook], modes: "Mapping[str, Mode | Literal['off']]"
) -> Iterator[Playbook]:
    for each in found:
        mode = modes.get(each.uid, each.mode)
        if mode != "off":
            yield replace(each, mode=mode)


def read_folders(
    folders: Iterable[Path],
) -> tuple[tuple[Playbook, ...], tuple[Problem, ...]]:
    """Return the playbooks of folders, or of single files, in order of their ids, and problems."""
    found: dict[str, Playbook] = {}
    problems: list[Problem] = []
    for path in _files(folders, problems):
        try:
            name = content.shown(path)
            playbook = parse_playbook(content.read_text(path), name, _actions())
        except ContentError as error:
            problems.append(Problem(error.location, error.message))
            continue
        if playbook.uid in found:
            other = found[playbook.uid].location
            message = f"the id {playbook.uid!r} is that of {other} already; give it another"
            problems.append(Problem(Location(playbook.location, 1), message))
            continue
        found[playbook.uid] = playbook
    return tuple(found[uid] for uid in sorted(found)), tuple(problems)


def _files(folders: Iterable[Path], problems: list[Problem]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_file():
            yield folder
            continue
        if not folder.is_dir():
            message = "there is no such folder with playbooks; mend `response.playbooks.folders`"
            problems.append(Problem(Location(str(folder)), message))
            continue
        paths = sorted(path for path in folder.rglob("*.yaml") if path.is_file())
        yield from paths[:_MOST_FILES]


def _unknown(uid: str, found: Iterable[Playbook]) -> Problem:
    known = ", ".join(each.uid for each in found)
    message = f"response.playbooks names {uid!r}, and there is no such playbook; there are {known}"
    return Problem(Location("settings"), message)


__all__ = ["ActionPlugs", "LoadedPlaybooks", "PlaybookError", "load_playbooks", "read_folders"]
