"""Filters: pure expressions that a variable's value passes through last."""

_functions = {"__builtins__": {}}
_results = {}


class Namespace:
    """Functions with a dotted name."""


def filter_proc(*, name=None):
    """Says that expressions of filters may call a function."""

    def register(function):
        *path, last = (name or function.__name__).split(".")
        if not path:
            _functions[last] = function
            return function
        space = _functions.setdefault(path[0], Namespace())
        for part in path[1:]:
            if not hasattr(space, part):
                setattr(space, part, Namespace())
            space = getattr(space, part)
        setattr(space, last, function)
        return function

    return register


def apply_filters(val, expressions):
    """The value after each of the expressions, in which it is called `val`."""
    for text in expressions:
        text = text.strip()
        if text:
            key = val, text
            if key not in _results:
                _results[key] = eval(text, dict(_functions), {"val": val})
            val = _results[key]
    return val


for _each in (all, any, bin, bool, chr, enumerate, float, format, hex, int, len, map, max, min, oct,
              ord, pow, str, sum):
    filter_proc()(_each)


@filter_proc()
def suffix(val, suffix):
    return " ".join(word + suffix for word in val.split())


@filter_proc()
def prefix(val, prefix):
    return " ".join(prefix + word for word in val.split())


@filter_proc()
def sort(val):
    return " ".join(sorted(val.split()))


@filter_proc()
def remove(val, remove, sep=None):
    unwanted = remove.split(sep) if isinstance(remove, str) else remove
    return (sep or " ").join(word for word in val.split(sep) if word not in unwanted)
