"""Many wrong passwords from one address in a quarter of an hour are guesses."""


def rule(event):
    answer = (event.get("responseElements") or {}).get("ConsoleLogin")
    return event.get("eventName") == "ConsoleLogin" and answer == "Failure"


def title(event):
    return f"Console passwords are guessed from {event.get('sourceIPAddress')}"
