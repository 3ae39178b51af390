"""What the other side asks for: expressions, functions, event handlers, definitions."""
import builtins
import contextlib
import importlib
import os
import re
import signal
import struct
import sys
import time

from moonsand import channel, clock, lazy, names

traceback = lazy.Module("traceback")

_head = struct.Struct("<IQ")
_line = struct.Struct("<I")

_generation = 0
_own = ""  # the directory of what must not be interrupted
_seconds = _memory = 0
_depth = 0
_code = {}  # text and place -> code
_home = ""


class TooLong(BaseException):
    """The code of metadata takes more processor time than reading recipes may."""


def _on_time(number, frame):
    if _depth == 0:
        return
    if frame.f_code.co_filename.startswith(_own):  # half a frame must not stay behind
        signal.setitimer(signal.ITIMER_PROF, 0.001, 1)
        return
    raise TooLong("it does not end: more than %d seconds of processor time" % _seconds)


bb = None  # imported when the channel is open


class Lazy:
    """A function of metadata: compiled when it is called for the first time."""

    def __init__(self, name, file, line, text):
        self.__name__ = name
        self.function = None
        self.source = file, line, text

    def __call__(self, *args, **named):
        if self.function is None:
            file, line, text = self.source
            space = bb.utils.get_context()
            own = {}
            exec(compiled(text, file, line, "exec"), space, own)
            self.function = own[self.__name__]
        return self.function(*args, **named)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.function, name)


class Library:
    """A package of a metadata layer whose modules are read when they are named."""

    incomplete = []

    def __init__(self, name):
        self._package = importlib.import_module(name)
        self._name = name
        self.incomplete.append(self)

    @classmethod
    def complete(cls):
        """Read all modules: some say at that time what filters may use."""
        while cls.incomplete:
            library = cls.incomplete.pop()
            for name in getattr(library._package, "BBIMPORTS", ()):
                getattr(library, name)

    def __getattr__(self, name):
        try:
            value = getattr(self._package, name)
        except AttributeError:
            if name not in getattr(self._package, "BBIMPORTS", ()):
                raise
            value = importlib.import_module(self._name + "." + name)
        self.__dict__[name] = value
        return value


def compiled(text, file, line, mode):
    """Code whose first line is the one after `line`."""
    key = text, file, line, mode
    code = _code.get(key)
    if code is None:
        code = _code[key] = compile("\n" * line + text if line > 0 else text, file, mode)
    return code


def expression(store, frame, at):
    """Evaluate an expression: its name, its text."""
    name, at = channel.text_of(frame, at)
    text, at = channel.text_of(frame, at)
    code = compiled(text.strip(), "<" + name + ">", 0, "eval")
    space = bb.utils.get_context()
    if any(hasattr(each, "co_code") for each in code.co_consts):  # they see globals only
        space = dict(space, d=store)
    return str(eval(code, space, bb.data_smart.Names(store, space)))


def _function(name, file, line, body, parameters):
    own = {}
    text = "def %s(%s):\n%s" % (name, parameters, body if body.strip() else "    pass")
    exec(compiled(text, file, line - 1, "exec"), bb.utils.get_context(), own)
    return own[name]


@contextlib.contextmanager
def inside(directory):
    """In a directory; afterwards where one was before."""
    before = os.getcwd() if directory else None
    if directory:
        os.chdir(directory)
    try:
        yield
    finally:
        if before:
            os.chdir(before)


def body(store, frame, at):
    """Run the body of a function on a store."""
    name, at = channel.text_of(frame, at)
    file, at = channel.text_of(frame, at)
    line, at = channel.number_of(frame, at)
    text, at = channel.text_of(frame, at)
    directory, at = channel.text_of(frame, at)
    with inside(directory):
        _function(name, file, line, text, "d")(store)
        sys.stdout.flush()


def handler(store, frame, at):
    """Run an event handler."""
    name, at = channel.text_of(frame, at)
    file, at = channel.text_of(frame, at)
    line, at = channel.number_of(frame, at)
    text, at = channel.text_of(frame, at)
    kind, at = channel.text_of(frame, at)
    arguments, at = channel.decode(frame, at)
    import bb.event
    event = getattr(bb.event, kind.rpartition(".")[2])(*arguments)
    event.data = store
    _function(name, file, line, text, "e, d")(event, store)


def applied(store, frame, at):
    """A value after a filter."""
    value, at = channel.text_of(frame, at)
    text, at = channel.text_of(frame, at)
    Library.complete()
    return bb.filter.apply_filters(value, [text])


def references(store, frame, at):
    """What a code refers to, without running it."""
    text, at = channel.text_of(frame, at)
    return names.of(text)


def search(store, frame, at):
    """Which texts regular expressions match, a digit each; then what is wrong with each of them."""
    expressions, at = channel.decode(frame, at)
    texts, at = channel.decode(frame, at)
    anchored, at = channel.decode(frame, at)
    good, wrong = [], []
    for text in expressions:
        try:
            re.compile(text)
            good.append(text)
            wrong.append("")
        except re.error as problem:
            wrong.append(str(problem))
    one = re.compile("|".join(good))
    matches = one.match if anchored else one.search
    return ["".join("1" if good and matches(text) else "0" for text in texts)] + wrong


_requests = {ord("E"): expression, ord("B"): body, ord("H"): handler, ord("V"): applied,
             ord("P"): references, ord("M"): search}

_values = {ord("E"), ord("V")}  # what becomes a part of a variable's value


def define(frame):
    name, at = channel.text_of(frame, 1)
    file, at = channel.text_of(frame, at)
    line, at = channel.number_of(frame, at)
    text, at = channel.text_of(frame, at)
    bb.utils.get_context()[name] = Lazy(name, file, line, text)


def undefine(frame):
    bb.utils.get_context().pop(channel.text_of(frame, 1)[0], None)


def library(frame):
    directory, at = channel.text_of(frame, 1)
    name, at = channel.text_of(frame, at)
    modules, at = channel.text_of(frame, at)
    if directory not in sys.path:
        sys.path.append(directory)
    try:
        for each in modules.split():
            bb.utils.get_context().setdefault(each, importlib.import_module(each))
        bb.utils.get_context()[name] = Library(name)
    except Exception as problem:
        bb.error("addpylib %s: %s" % (name, problem))


def flag_reader(frame):
    bb.data_smart.flag_readers.add(channel.text_of(frame, 1)[0])
    bb.data_smart.forget_values()


def watch_clock(frame):
    clock.watch()


_messages = {ord("N"): flag_reader, ord("D"): define, ord("K"): undefine, ord("A"): library,
             ord("C"): watch_clock}


def known_values(store, frame, at):
    """Values that came with the request: what it will probably ask for."""
    count, at = channel.number_of(frame, at)
    values, others, flags = store._values, store._others, store._flags
    for _ in range(count):
        kind = frame[at:at + 1]
        name, at = channel.text_of(frame, at + 1)
        if kind == b"u":
            flag, at = channel.text_of(frame, at)
            flags[name, flag], at = channel.decode(frame, at)
        elif kind == b"e":
            flag, at = channel.text_of(frame, at)
            others[kind, name, flag], at = channel.decode(frame, at)
        else:
            value, at = channel.decode(frame, at)
            if kind == b"v":
                values[name] = value
            else:
                others[kind, name] = value
    if count:
        bb.data_smart._remembered.extend((values, others))
        bb.data_smart._flagged.add(store)
    return at


def _request(frame):
    global _generation, _depth
    number, generation = _head.unpack_from(frame, 1)
    if generation != _generation:
        _generation = generation
        bb.data_smart.forget()
    store = channel.store_of(number)
    at = known_values(store, frame, 1 + _head.size)
    outer = bb.data_smart.begin()
    _depth += 1
    if _seconds and _depth == 1:
        signal.setitimer(signal.ITIMER_PROF, _seconds, 1)
    try:
        value = _requests[frame[0]](store, frame, at)
    finally:
        _depth -= 1
        if _seconds and _depth == 0:
            signal.setitimer(signal.ITIMER_PROF, 0)
        clock.after_request()
        missed, used = bb.data_smart.end(outer, _depth > 0)
    answer = b"R" + channel.encode(value) + struct.pack("<I", len(missed)) + b"".join(
        struct.pack("<I", len(each)) + each for each in missed)
    if frame[0] in _values:
        answer += struct.pack("<I", len(used)) + b"".join(
            channel.text(bb.data_smart.key_of(each)) for each in used)
    return answer


def serve(frame):
    """Do what one frame says, and answer it when it is a request."""
    message = _messages.get(frame[0])
    if message:
        message(frame)
        return
    try:
        answer = _request(frame)
    except channel.Gone:
        raise
    except BaseException as problem:
        answer = failure(problem)
    channel.post(answer)
    channel.flush()


def _places(problem):
    """Places in metadata, the innermost last."""
    places = []
    for entry in traceback.extract_tb(problem.__traceback__):
        if not entry.filename.startswith((_home, "<frozen")):
            places.append("%s:%d" % (entry.filename, entry.lineno))
    if isinstance(problem, SyntaxError) and problem.filename and problem.lineno:
        places.append("%s:%d" % (problem.filename, problem.lineno))
    return places


def failure(problem):
    """Kind, number of the other side's own error, text and places of an exception."""
    kind = type(problem).__name__
    number = getattr(problem, "moonsand_refusal", None)
    if isinstance(problem, bb.parse.SkipRecipe):
        kind = "skip"
    elif isinstance(problem, bb.BBHandledException):
        kind = "handled"
    message = problem.msg if isinstance(problem, SyntaxError) else str(problem)
    if isinstance(problem, MemoryError) and _memory and not message:
        message = "it needs more than %d MiB of memory" % _memory
    return b"".join((b"Z", channel.encode(number), channel.text(kind), channel.text(message),
                     channel.encode(_places(problem))))


def refuse(number, skipped, message):
    """Raise the other side's refusal."""
    if skipped:
        problem = bb.parse.SkipRecipe(message)
        problem.moonsand_refusal = number
        raise problem
    raise bb.data_smart.ExpansionError(message, number)


def serve_all(home, seconds=0, memory=0):
    """Serve until the other side leaves."""
    global bb, _home, _own, _seconds, _memory
    _home = home + os.sep
    _own = os.path.join(home, "moonsand") + os.sep
    _seconds, _memory = seconds, memory
    signal.signal(signal.SIGPROF, _on_time)
    bb = importlib.import_module("bb")
    builtins.bb, builtins.os = bb, os  # libraries of metadata take them for granted
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    time.tzset()
    channel.on_request(serve)
    channel.on_refusal(refuse)
    while True:
        serve(channel.receive())
