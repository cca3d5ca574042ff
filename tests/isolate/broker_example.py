"""A child for the tests of the broker: it knows a secret and answers a few questions."""

import os
import sys
import time

from tocsin.isolate.answering import serve_questions
from tocsin.isolate.broker import lock_in


def answer(question: list[object]) -> object:
    if question == ["length"]:
        return len(os.environ.get("TOCSIN_BROKER_WORD", ""))
    if question == ["die"]:
        os._exit(3)
    if question == ["sleep"]:
        time.sleep(60)
    return ["echo", *question]


if __name__ == "__main__":
    is_locked = "open" in sys.argv or lock_in()
    hello = "" if is_locked and "refuse" not in sys.argv else "no"
    serve_questions(int(sys.argv[1]), int(sys.argv[2]), hello, answer)
