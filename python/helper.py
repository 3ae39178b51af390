"""The Python of metadata: one process that evaluates what moonsand asks for.

Frames come in on the standard input and go out on the standard output; whatever metadata prints
goes to the standard error.
"""
import os
import signal
import sys


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    sys.setrecursionlimit(5000)
    source, sink = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    from moonsand import channel, run
    channel.open(source, sink)
    run.serve_all(here)


main()
