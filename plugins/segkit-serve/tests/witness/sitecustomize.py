"""Put on PYTHONPATH of a server: notes, in all of its processes, what it does outside of its own folders."""

import json
import os
import sys

CHANGES = {"os.remove": (1,), "os.rmdir": (1,), "os.mkdir": (2,), "os.rename": (2, 3), "os.link": (2, 3)}
"""Events, and where among their arguments the opened folders are that their paths are relative to."""
MORE = ("os.symlink", "os.truncate", "os.chmod", "os.chown", "os.utime")
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

if "SEGKIT_WITNESS" in os.environ:
    notes = os.open(os.environ["SEGKIT_WITNESS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    own = (os.environ["TMPDIR"], os.environ["SEGKIT_WITNESS_OWN"])
    canary = os.environ["SEGKIT_WITNESS_CANARY"]

    def outside(path: object, folder: object = -1) -> bool:
        """Whether a path, relative to an opened folder where there is one, is none of the server's own."""
        if not isinstance(path, (str, bytes)):
            return False
        base = os.getcwd() if folder in (-1, None) else os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH109, PTH115
        place = os.path.normpath(os.path.join(base, os.fsdecode(path)))  # noqa: PTH118, it must not open anything
        return not place.startswith((*own, "/dev/", "/proc/"))

    def watch(event: str, args: tuple) -> None:
        """Note what must not be."""
        # ctypes asks ldconfig where a library is, such as OpenSlide's: no word of a stranger's is in that.
        program = event in PROGRAMS and "/sbin/ldconfig" not in str(args)
        wrong = program or event == "socket.connect" or (event in MORE and outside(args[0]))
        if event in CHANGES:
            wrong = any(outside(args[number], args[folder]) for number, folder in enumerate(CHANGES[event]))
        if event == "open" and isinstance(args[0], (str, bytes)):
            writes = isinstance(args[2], int) and args[2] & WRITING
            wrong = canary in os.fsdecode(args[0]) or bool(writes and outside(args[0]))
        if wrong:
            os.write(notes, json.dumps([event, str(args)[:500]]).encode() + b"\n")

    sys.addaudithook(watch)
