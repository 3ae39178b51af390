"""What Python code refers to, found without running it: a list of marked names."""
import ast

_getters = {"getVar", "getVarFlag", "appendVar", "prependVar"}
_membership = {"contains", "contains_any", "filter"}


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


def _of_call(call, defined, found):
    name = _dotted(call.func)
    if name is None:
        return
    last = name.rpartition(".")[2]
    variable = _text(call, 0)
    if name.startswith("bb.utils.") and last in _membership and variable is not None:
        words = _text(call, 1)
        if words is None:
            found.add("v" + variable)
            return
        whole = " ".join(sorted(words.split()))
        for each in [whole] if last == "contains" else words.split():
            found.add("c" + variable + "\0" + each)
    elif last in _getters and name.split(".")[0] in ("d", "data", "localdata", "e"):
        if variable is not None:
            flag = _text(call, 1) if last == "getVarFlag" else None
            found.add("v" + variable if flag is None else "f" + variable + "\0" + flag)
    elif name in ("bb.build.exec_func", "bb.data.emit_func") and variable is not None:
        found.add("x" + variable)
    elif name.split(".")[0] not in defined:
        found.add("x" + name)


def of(code):
    """`v`ariables, `f`lags, words that a variable is asked to `c`ontain, what is e`x`ecuted."""
    stripped = code.strip("\n")
    if stripped[:1] in (" ", "\t"):
        stripped = "if 1:\n" + stripped
    tree = ast.parse(stripped.strip())
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _of_call(node, defined, found)
    return sorted(found)
