"""The datastore as metadata sees it: a proxy of moonsand's.

Reads are remembered until something is written, here or on the other side; writes need no answer,
so they leave with the next read. What a write is refused for is told by the next request.
"""
import builtins
import collections
import struct
import sys
import weakref

from moonsand import channel

_head = struct.Struct("<ccI")
_place = struct.Struct("<I")

_remembered = []  # dictionaries that hold something
_recent = collections.OrderedDict()  # stores of the other side: number -> proxy
_own = weakref.WeakValueDictionary()  # those that were made for code here
_missed = []  # what had to be asked for, since the request began
_used = []  # what was read and at hand, since then: a name, or kind, name and perhaps flag
_much = b"*",  # something else was done


class ExpansionError(Exception):
    """A variable cannot be expanded."""

    def __init__(self, message, number=None):
        super().__init__(message)
        self.msg = message
        self.moonsand_refusal = number

    def __str__(self):
        return self.msg


_flagged = set()  # stores that remember raw flags


def forget_values():
    """Something was written: what was expanded may differ now."""
    for each in _remembered:
        each.clear()
    _remembered.clear()


flag_readers = set()  # variables whose flags took part in a value


def forget_flag_of(store, var):
    """A flag of a variable was written. Values stay, unless some were made with its flags."""
    if var in flag_readers:
        forget_values()
        return
    kept = [each for each in _remembered if each is store._values or each is store._others]
    for each in _remembered:
        if each is not store._values and each is not store._others:
            each.clear()
    _remembered[:] = kept
    for key in [key for key in store._others if key[1] == var]:
        del store._others[key]


def forget():
    """Anything may have been written."""
    forget_values()
    for each in _flagged:
        each._flags.clear()
    _flagged.clear()


def begin():
    """A request begins: what was asked for before is none of its business."""
    global _missed, _used
    outer = _missed, _used
    _missed, _used = [], []
    return outer


def end(outer, nested):
    """It ends; what was asked for before counts again. The request around it needed all that, too."""
    global _missed, _used
    answer = _missed, list(dict.fromkeys(_used))
    _missed, _used = outer
    if nested:
        _used.extend(answer[1])
    return answer


class VariableHistory:
    """Where variables were set."""

    def __init__(self, d):
        self._d = d

    def variable(self, name):
        lines = self._d._ask("history", name)
        return [dict(zip(("op", "file", "line", "detail", "flag"), line.split("\0")))
                for line in lines]

    def get_variable_files(self, name):
        return [each["file"] for each in self.variable(name) if each.get("file")]

    def get_variable_lines(self, name, filename):
        return [int(each["line"]) for each in self.variable(name)
                if each.get("file") == filename and each.get("line")]


def _copied(value):
    """A list belongs to who asked for it; what is remembered stays as it is."""
    return list(value) if type(value) is list else value


def key_of(used):
    """What was read, as text."""
    if type(used) is str:
        return "v" + used
    return used[0].decode() + "\0".join(used[1:])


class DataSmart:
    """One store."""

    def __init__(self, number, own=False):
        self.moonsand_store = number
        self._number = struct.pack("<I", number)
        self._values = {}
        self._others = {}
        self._flags = {}
        self._own = own

    def __del__(self):
        if self._own:
            try:
                channel.post(b"f" + self._number)
            except Exception:  # the interpreter is about to leave
                pass

    # Reading

    def _get(self, memory, key, kind, name, flag=b""):
        data = name.encode("utf-8", "surrogateescape")
        value = channel.ask(b"g" + kind + self._number + struct.pack("<I", len(data)) + data + flag)
        _missed.append(kind + data + (b"\0" + flag if flag else b""))
        if not memory and memory is not self._flags:
            _remembered.append(memory)
        memory[key] = value
        return _copied(value)

    def getVar(self, var, expand=True, noweakdefault=False, parsing=False, retparser=False):
        if expand and not noweakdefault:
            try:
                value = self._values[var]
            except KeyError:
                return self._get(self._values, var, b"v", var)
            _used.append(var)
            return _copied(value)
        if var in special:
            return special[var](self)
        value = self._remembered(b"p" if noweakdefault else b"r", var)
        if expand and value is not None:
            return self.expand(value, var)
        return value

    def _remembered(self, kind, name):
        key = kind, name
        if key not in self._others:
            return self._get(self._others, key, kind, name)
        _used.append(key)
        return _copied(self._others[key])

    def getVarFlag(self, var, flag, expand=True, noweakdefault=False, parsing=False,
                   retparser=False):
        if flag == "_content":
            return self.getVar(var, expand, noweakdefault)
        if not expand:
            return self._raw_flag(var, flag)
        key = b"e", var, flag
        if key in self._others:
            _used.append(key)
            return _copied(self._others[key])
        return self._get(self._others, key, b"e", var, flag.encode("utf-8", "surrogateescape"))

    def _raw_flag(self, var, flag):
        key = var, flag
        if key in self._flags:
            _used.append((b"u", var, flag))
            return _copied(self._flags[key])
        _flagged.add(self)
        return self._get(self._flags, key, b"u", var, flag.encode("utf-8", "surrogateescape"))

    def getVarFlags(self, var, expand=False, internalflags=False):
        flags = self._ask("flags", var)
        if not flags:
            return None
        names = set(expand or ()) if not isinstance(expand, bool) else ()
        return {flag: self.getVarFlag(var, flag, expand is True or flag in names)
                for flag in flags}

    def expand(self, s, varname=None):
        if not isinstance(s, str) or "${" not in s:
            return s
        return self._ask("expand", s, varname)

    def expandWithRefs(self, s, varname):
        raise NotImplementedError("expandWithRefs is not there while a recipe is read")

    def keys(self):
        return self._ask("names")

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def __contains__(self, name):
        return name in self.keys()

    def __getitem__(self, name):
        value = self.getVar(name, False)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name, value):
        self.setVar(name, value)

    def __delitem__(self, name):
        self.delVar(name)

    @property
    def varhistory(self):
        return VariableHistory(self)

    # Writing

    def _write(self, verb, name, value=None, more=None):
        if verb in b"fghi":
            forget_flag_of(self, name)
        else:
            forget_values()
        _used.append(_much)
        frame = sys._getframe(2)
        channel.post(b"w" + verb + self._number + channel.text(name) + channel.encode(value) +
                     channel.encode(more) + channel.text(frame.f_code.co_filename) +
                     _place.pack(frame.f_lineno))

    def _forget_flags(self, only=None):
        """Flags may have gone: of one variable and its variants, or of all; of other stores, too."""
        for store in list(_flagged):
            if store is self and only is not None:
                variant = only + ":"
                for key in [key for key in self._flags
                            if key[0] == only or key[0].startswith(variant)]:
                    del self._flags[key]
            else:
                store._flags.clear()
                _flagged.discard(store)

    def setVar(self, var, value, parsing=False, **loginfo):
        self._forget_flags(var)
        self._write(b"p" if parsing else b"s", var, value)

    def appendVar(self, var, value, **loginfo):
        self._write(b"a", var, value)

    def prependVar(self, var, value, **loginfo):
        self._write(b"q", var, value)

    def delVar(self, var, **loginfo):
        self._forget_flags()
        self._write(b"d", var)

    def renameVar(self, key, newkey, **loginfo):
        self._forget_flags()
        self._write(b"r", key, newkey)

    def setVarFlag(self, var, flag, value, **loginfo):
        self._forget_flags(var)
        self._write(b"f", var, value, flag)

    def delVarFlag(self, var, flag, **loginfo):
        self._forget_flags(var)
        self._write(b"g", var, None, flag)

    def appendVarFlag(self, var, flag, value, **loginfo):
        self._forget_flags(var)
        self._write(b"h", var, value, flag)

    def prependVarFlag(self, var, flag, value, **loginfo):
        self._forget_flags(var)
        self._write(b"i", var, value, flag)

    def setVarFlags(self, var, flags, **loginfo):
        self._forget_flags(var)
        for flag, value in flags.items():
            if not flag.startswith("_"):
                self._write(b"f", var, value, flag)

    def delVarFlags(self, var, **loginfo):
        names = self._ask("flags", var)
        self._forget_flags(var)
        for flag in names:
            self._write(b"g", var, None, flag)

    def setVarFilter(self, var, filter):
        self._write(b"v", var, filter or None)

    def inheritFromOS(self, savedenv, permitted):
        for name in savedenv.keys():
            if name in permitted:
                self.setVar(name, savedenv.getVar(name, False))

    # The rest

    def _ask(self, verb, *args):
        _used.append(_much)
        return channel.ask(b"q" + self._number + channel.text(verb) +
                           channel.encode(len(args)) + b"".join(map(channel.encode, args)))

    def _act(self, verb, *args):
        """Something that changes the store."""
        forget()
        return self._ask(verb, *args)

    def moonsand_inherits(self, name):
        """Is a class among those that were read?"""
        return self._remembered(b"i", name)

    def hasOverrides(self, var):
        return self._ask("has_variants", var)

    def createCopy(self):
        return self._ask("copy")

    def enableTracking(self):
        pass

    def disableTracking(self):
        pass


def _classes(d):
    return d._ask("classes")


def _tasks(d):
    return d._ask("tasks") or None


def _environment(d):
    return d._ask("environment")


# What BitBake keeps in variables, and moonsand does not.
special = {
    "__inherit_cache": _classes, "__BBTASKS": _tasks, "BB_ORIGENV": _environment,
}


def store(number):
    """The proxy of a store. One that was made for code here lives until the code lets go of it."""
    if number & 1:
        found = _own.get(number)
        if found is None:
            found = _own[number] = DataSmart(number, True)
        return found
    found = _recent.get(number)
    if found is None:
        found = _recent[number] = DataSmart(number)
        if len(_recent) > 64:
            _recent.popitem(last=False)
    return found


channel.on_store(store)

_builtin = {name for name in dir(builtins) if not name.startswith("_")} | {"oe"}


class Names(dict):
    """Local names of an expression: `d`, and every variable that no other name hides."""

    def __init__(self, d, known):
        super().__init__(d=d)
        self.metadata = d
        self.known = known

    def __missing__(self, name):
        if name in _builtin or name in self.known:
            raise KeyError(name)
        value = self.metadata.getVar(name)
        if value is None:
            raise KeyError(name)
        return value


def create_datastore():
    return channel.ask(b"q" + struct.pack("<I", 0) + channel.text("new") + channel.encode(0))


init = create_datastore
