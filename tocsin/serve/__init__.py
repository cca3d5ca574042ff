"""Show it: the command line in `cli`, pages and API in `web`. Knows only `run` and `store`."""

__all__: list[str] = []
