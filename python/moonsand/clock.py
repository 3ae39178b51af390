"""Looks at the clock, or at chance: what is made with them is another thing each time. They are told
to the other side once it asks for that."""
import os
import sys
import time

from moonsand import channel

_modules = {"datetime", "random", "secrets", "uuid"}  # who imports one looks, as far as is known
_watching = False


def _told(function, arguments):
    """The function; called with less than so many arguments it looks."""
    def call(*given):
        if len(given) < arguments or given[arguments - 1] is None:
            channel.post(b"c")
        return function(*given)
    return call


def watch():
    global _watching
    _watching = True
    for name, arguments in (("time", 1), ("time_ns", 1), ("gmtime", 1), ("localtime", 1),
                            ("ctime", 1), ("asctime", 1), ("strftime", 2)):
        setattr(time, name, _told(getattr(time, name), arguments))
    os.urandom = _told(os.urandom, 2)


def after_request():
    """A module that looks at them may have been used."""
    if _watching and not _modules.isdisjoint(sys.modules):
        channel.post(b"c")
