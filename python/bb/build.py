"""Tasks, as far as they are shaped while a recipe is read."""
import sys

import bb


class FuncFailed(Exception):
    """A function failed."""


class TaskBase(bb.event.Event):
    """Events of tasks: nobody fires them while recipes are read."""


class TaskProgress(bb.event.Event):
    """How far a task is, in percent, and perhaps how fast."""

    def __init__(self, progress, rate=None):
        super().__init__()
        self.progress, self.rate = progress, rate


class TaskStarted(TaskBase):
    pass


class TaskSucceeded(TaskBase):
    pass


class TaskFailed(TaskBase):
    pass


class TaskFailedSilent(TaskFailed):
    pass


class TaskInvalid(TaskBase):
    pass


def addtask(task, before, after, d):
    d._act("addtask", task, before, after)


def deltask(task, d):
    d._act("deltask", task)


def listtasks(d):
    return d._ask("tasks")


def exec_func(func, d, dirs=None):
    """Run a function of a store: in a task one of any language, else a python function."""
    if bb._in_task:
        sys.stdout.flush()
        d._act("execute", func, list(dirs) if dirs is not None else None)
        return
    from moonsand import run
    text = d.getVar(func, False)
    if not text:
        raise FuncFailed("the function '%s' is not there" % func)
    if not d.getVarFlag(func, "python", False):
        raise FuncFailed("'%s' is a shell function: only tasks can run it" % func)
    run._function(func.replace("-", "_"), d.getVarFlag(func, "filename", False) or "<%s>" % func,
                  int(d.getVarFlag(func, "lineno", False) or 1), text, "d")(d)


def _closure(task, d):
    """Tasks that a task needs, each after those that it needs, itself last."""
    seen, begun = {}, set()

    def visit(name):
        if name in begun:
            return
        begun.add(name)
        needs = d.getVarFlag(name, "deps", False) or []
        for each in needs:
            visit(each)
        seen[name] = needs

    visit(task)
    return seen


def preceedtask(task, with_recrdeptasks, d):
    """The task and all that it needs in its recipe."""
    names = set(_closure(task, d))
    if with_recrdeptasks:
        names.update((d.getVarFlag(task, "recrdeptask") or "").split())
    return names


def tasksbetween(task_start, task_end, d):
    """Tasks on the ways from one task to another."""
    closure, found = _closure(task_end, d), {task_start}
    for name, needs in closure.items():
        if not found.isdisjoint(needs):
            found.add(name)
    return [name for name in closure if name in found]
