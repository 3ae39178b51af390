"""The Python of metadata: one process that evaluates what moonsand asks for.

Frames come in on the standard input and go out on the standard output; whatever metadata prints
goes to the standard error. Arguments: how many seconds of processor time a request may take, and
how many MiB of memory there are; without them, as much as it wants.
"""
import fcntl
import os
import resource
import signal
import sys

# Nobody who opens files meets the numbers of the two pipes by chance.
_first = 200


def _give_back(kept="MOONSAND_KEPT_"):
    """A task's own PYTHON... are for what it runs, not for this interpreter (build/inside.lua)."""
    os.environ.pop("PYTHONHASHSEED", None)
    for name in [name for name in os.environ if name.startswith(kept)]:
        os.environ[name[len(kept):]] = os.environ.pop(name)


def _bound(memory):
    """An allocation beyond it is a MemoryError of the code that wants it."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _give_back()
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    sys.setrecursionlimit(5000)
    source, sink = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _first) for fd in (0, 1))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    from moonsand import channel, run
    channel.open(source, sink)
    seconds, memory = (int(word) for word in sys.argv[1:3] or (0, 0))
    if memory:
        _bound(memory << 20)
    run.serve_all(here, seconds, memory)


main()
