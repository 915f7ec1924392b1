"""Run one job in a process of its own and print what came of it, as JSON.

Started with a path by `installation.py`, as anybody's program would be; it knows the
package and nothing of the tests. Its one argument is JSON:

    picture  an encoded picture, base64
    uid      become this user first
    locks    false: flock succeeds and does nothing, as on some cluster file systems
    preload  import everything first, because the new user cannot read the interpreter
    watch    tell which sockets of a network are opened
    crowd    so many processes do the same at the same moment; a list comes of it
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import pkgutil
import sys
from typing import Any

NEEDED_LATER = """
    email.utils encodings.idna gzip ipaddress netrc platformdirs.unix pwd queue requests
    shutil socket ssl struct subprocess tarfile tempfile urllib.request zipfile zlib
"""


SOCKETS: list[str] = []


def watch(event: str, _: object) -> None:
    """Note what has to do with a network: sockets, and lookups of names."""
    if event.startswith("socket."):
        SOCKETS.append(event)


def main(wish: dict[str, Any]) -> Any:
    """Do what is wished for; return what came of it."""
    if wish.get("watch"):
        sys.addaudithook(watch)
    import imageflow_loader as imf

    if wish.get("preload"):
        load_everything(imf)
    if "crowd" in wish:
        return crowd(wish.pop("crowd"), wish)
    return job(imf, wish)


def job(imf: Any, wish: dict[str, Any]) -> dict[str, Any]:
    """Run one job as the user, and with the locks, that are wished for."""
    if "uid" in wish:
        os.setgroups([])
        os.setgid(wish["uid"])
        os.setuid(wish["uid"])
    if wish.get("locks") is False:
        import fcntl

        fcntl.flock = lambda *_: None
    try:
        image = imf.decode(base64.b64decode(wish["picture"])).constrain(4)
        picture = imf.run(image.encode(imf.LibPng()))[0]
        info = imf.get_engine().info
    except imf.ImageflowError as error:
        return {"error": type(error).__name__, "message": error.message}
    return {
        "size": [picture.width, picture.height],
        "origin": info.origin,
        "kind": info.kind,
        "path": str(info.path),
        "sockets": SOCKETS,
        "attempts": [attempt.error for attempt in info.attempts],
    }


def crowd(count: int, wish: dict[str, Any]) -> list[dict[str, Any]]:
    """Do the same in *count* processes that start together; return what came of it."""
    import imageflow_loader as imf

    start_read, start_write = os.pipe()
    pipes = []
    for _ in range(count):
        read, write = os.pipe()
        pipes.append(read)
        if os.fork() == 0:
            os.close(start_write)
            os.read(start_read, 1)  # until the last of the parent's ends is closed
            with os.fdopen(write, "w") as answer:
                json.dump(job(imf, wish), answer)
            os._exit(0)
        os.close(write)
    os.close(start_write)
    answers = []
    for read in pipes:
        with os.fdopen(read) as answer:
            text = answer.read()
        answers.append(json.loads(text) if text else {"error": "died"})
    return answers


def load_everything(package: Any) -> None:
    """Import all that a job or a fetch may need."""
    for name in NEEDED_LATER.split():
        importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
