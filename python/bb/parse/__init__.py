"""Reading metadata, as far as metadata itself asks for it."""
import os

import bb


class ParseError(Exception):
    """A file that cannot be read."""

    def __init__(self, msg, filename, lineno=0):
        super().__init__(msg, filename, lineno)
        self.msg, self.filename, self.lineno = msg, filename, lineno

    def __str__(self):
        if self.lineno:
            return "ParseError at %s:%d: %s" % (self.filename, self.lineno, self.msg)
        return "ParseError in %s: %s" % (self.filename, self.msg)


class SkipRecipe(Exception):
    """Leave the recipe out."""


class SkipPackage(SkipRecipe):
    """The old name."""


def vars_from_file(filename, d):
    """Name, version and revision that a recipe's file name holds."""
    if not filename or not filename.endswith((".bb", ".bbappend")):
        return (None, None, None)
    parts = os.path.splitext(os.path.basename(filename))[0].split("_")
    if len(parts) > 3:
        raise ParseError("the file name holds more than two underscores", filename)
    return tuple(parts) + (None,) * (3 - len(parts))


def mark_dependency(d, name):
    d._ask("depends_on", os.path.normpath(name))


def check_dependency(d, name):
    return False


def update_mtime(name):
    return True


update_cache = cached_mtime = cached_mtime_noerror = update_mtime


def resolve_file(name, d):
    """A file along BBPATH."""
    if not os.path.isabs(name):
        found = bb.utils.which(d.getVar("BBPATH"), name)
        if not found:
            raise OSError(2, "file %s not found in %s" % (name, d.getVar("BBPATH")))
        name = found
    mark_dependency(d, name)
    if not os.path.isfile(name):
        raise OSError(2, "file %s not found" % name)
    return name


def vardeps(*names):
    """Says that a function depends on variables."""

    def mark(function):
        function.bb_vardeps = getattr(function, "bb_vardeps", set()) | set(names)
        return function

    return mark


def vardepsexclude(*names):
    """Says that a function does not depend on variables that it names."""

    def mark(function):
        function.bb_vardepsexclude = getattr(function, "bb_vardepsexclude", set()) | set(names)
        return function

    return mark


from bb.parse import BBHandler  # noqa: E402,F401
