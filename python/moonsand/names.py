"""What Python code refers to, found without running it: a list of marked names."""
import re

from moonsand import lazy

ast = lazy.Module("ast")
_getters = (".getVar", ".appendVar", ".prependVar", "oe.utils.conditional")
_flag_getters = (".getVarFlag", ".appendVarFlag", ".prependVarFlag")
_contains = ("bb.utils.contains", "base_contains")
_contains_any = ("bb.utils.contains_any", "bb.utils.filter")
_reference = re.compile(r"\$\{([\w\-+./~:]+)\}")


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


def _text(call, at):
    if len(call.args) > at and isinstance(call.args[at], ast.Constant) and isinstance(
            call.args[at].value, str):
        return call.args[at].value
    return None


def _of_call(call, found):
    name = _dotted(call.func)
    if name is None:
        return
    variable, second = _text(call, 0), _text(call, 1)
    if name in _contains and variable is not None and second is not None:
        found.add("c" + variable + "\0" + second)
    elif name in _contains_any and variable is not None and second is not None:
        found.update("c" + variable + "\0" + word for word in second.split())
    elif name.endswith(_flag_getters):
        if variable is not None and second is not None:
            found.add("f" + variable + "\0" + second)
    elif name.endswith(_getters) or name in _contains or name in _contains_any:
        if variable is not None:
            found.add("v" + variable)
    elif name.endswith(".expand"):
        if variable is not None:
            found.update("v" + each for each in _reference.findall(variable))
    elif name in ("bb.build.exec_func", "bb.build.exec_task"):
        if variable is not None:
            found.add("x" + variable)
    else:
        found.add("x" + name)


def of(code):
    """`v`ariables, `f`lags, words that a variable is asked to `c`ontain, what is e`x`ecuted."""
    stripped = code.strip("\n")
    if stripped[:1] in (" ", "\t"):
        stripped = "if 1:\n" + stripped
    found = set()
    for node in ast.walk(ast.parse(stripped.rstrip())):
        if isinstance(node, ast.Call):
            _of_call(node, found)
    return sorted(found)
