"""A caller whose command line is refused again and again is finding out what its token can do."""

TOOLS = ("kubectl", "curl", "python", "Wget")


def rule(event):
    return (
        (event.get("responseStatus") or {}).get("code") == 403
        and str(event.get("userAgent")).startswith(TOOLS)
        and event.get("verb") != "watch"
    )


def alert_context(event):
    target = event.get("objectRef") or {}
    return {"refused": f"{event.get('verb')} {target.get('resource')} in {target.get('namespace')}"}
