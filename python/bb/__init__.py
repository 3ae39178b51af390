"""What metadata may use of BitBake at parse time, over moonsand's datastore.

The rules are BitBake's, the code is moonsand's.
"""
import os
import sys

from moonsand import channel

__version__ = "2.18.0"


class BBHandledException(Exception):
    """An error that was told already."""


# In a task's sandbox the output is what everybody listens to.
_in_task = os.environ.pop("MOONSAND_TASK", None) is not None


def tell(level, text):
    """A message of a task, among what it writes."""
    sys.stdout.flush()
    data = text.encode("utf-8", "surrogateescape").replace(b"\x1e", b"?").replace(b"\x1f", b"?")
    os.write(2, b"\x1emoonsand " + level + b" " + data + b"\x1f")


def _say(level, args):
    text = "".join(map(str, args))
    if _in_task:
        tell(level, text)
    elif level not in (b"n", b"d"):
        channel.post(b"l" + level + channel.text(text))


def plain(*args):
    _say(b"p", args)


def debug(level, *args):
    _say(b"d", args)


def verbnote(*args):
    _say(b"n", args)


def note(*args):
    _say(b"n", args)


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


from bb import data_smart, filter, utils, data, event, parse, build, progress  # noqa: E402,F401
from bb import fetch2  # noqa: E402

sys.modules["bb.fetch"] = fetch = fetch2


_bitbake = os.environ.pop("BITBAKE_LIB", None)
if _bitbake:  # for modules that are not here; those that are stay what they are
    __path__.append(os.path.join(_bitbake, "bb"))
    sys.path.append(_bitbake)


def __getattr__(name):
    """What few recipes need, and takes long to read."""
    if name == "multiprocessing":
        import multiprocessing
        return multiprocessing
    if name == "process":
        import bb.process
        return bb.process
    raise AttributeError("module 'bb' has no attribute '%s'" % name)
