"""Events that reach metadata while it is read."""
import sys


class Event:
    def __init__(self):
        self.pid = 0


class ConfigParsed(Event):
    """The configuration was read."""


class RecipeEvent(Event):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn


class RecipePreDeferredInherits(RecipeEvent):
    """The statements of a recipe were read; its deferred classes come next."""

    def __init__(self, fn, inherits):
        super().__init__(fn)
        self.inherits = inherits


class RecipePreFinalise(RecipeEvent):
    """All classes were read."""


class RecipePostKeyExpansion(RecipeEvent):
    """The names of variables were expanded."""


class RecipeTaskPreProcess(RecipeEvent):
    """The anonymous functions have run; tasks are collected next."""

    def __init__(self, fn, tasklist):
        super().__init__(fn)
        self.tasklist = tasklist


class RecipeParsed(RecipeEvent):
    """The recipe is complete."""


class MultiConfigParsed(Event):
    def __init__(self, mcdata):
        super().__init__()
        self.mcdata = mcdata


class MetadataEvent(Event):
    def __init__(self, eventtype, eventdata):
        super().__init__()
        self.type = eventtype
        self._localdata = eventdata


def getName(e):
    """The name of an event's class."""
    return getattr(e, "__name__", None) or type(e).__name__


def fire(event, d):
    """Let the handlers of a store see an event."""
    import bb
    if bb._in_task and isinstance(event, bb.build.TaskProgress):
        bb.tell(b"g", "%d" % event.progress)
        return
    kind = "bb.event." + type(event).__name__ if type(event).__module__ == __name__ else (
        type(event).__module__ + "." + type(event).__name__)
    event.data = d
    from moonsand import run
    for line in d._ask("handlers", kind):
        name, file, number, text = line.split("\0", 3)
        run._function(name, file, int(number), text, "e, d")(event, d)


def check_for_interrupts(*args):
    pass


def enable_threadlock():
    pass


disable_threadlock = enable_threadlock


def _other(name):
    """Events of a build: nobody fires them here, but code may name them."""
    return type(name, (Event,), {"__init__": lambda self, *args, **named: Event.__init__(self)})


def __getattr__(name):
    if name.startswith("_") or not name[:1].isupper():
        raise AttributeError(name)
    made = _other(name)
    setattr(sys.modules[__name__], name, made)
    return made
