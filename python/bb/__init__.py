"""What metadata may use of BitBake at parse time, over moonsand's datastore.

The rules are BitBake's, the code is moonsand's.
"""
import sys

from moonsand import channel

__version__ = "2.18.0"


class BBHandledException(Exception):
    """An error that was told already."""


def _say(level, args):
    channel.post(b"l" + level + channel.text("".join(map(str, args))))


def plain(*args):
    _say(b"p", args)


def debug(level, *args):
    pass


def verbnote(*args):
    pass


def note(*args):
    pass


def verbose(*args):
    pass


def warn(*args):
    _say(b"w", args)


_once = set()


def warnonce(*args):
    text = "".join(map(str, args))
    if text not in _once:
        _once.add(text)
        warn(text)


def error(*args, **named):
    _say(b"e", args)


def erroronce(*args):
    text = "".join(map(str, args))
    if text not in _once:
        _once.add(text)
        error(text)


def fatal(*args, **named):
    raise BBHandledException("".join(map(str, args)))


from bb import data_smart, filter, utils, data, event, parse, build, process  # noqa: E402,F401
from bb import fetch2  # noqa: E402

sys.modules["bb.fetch"] = fetch = fetch2


def __getattr__(name):
    if name != "multiprocessing":
        raise AttributeError("module 'bb' has no attribute '%s'" % name)
    import multiprocessing
    return multiprocessing
