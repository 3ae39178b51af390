"""`inherit`, from Python."""


def inherit(files, fn, lineno, d, deferred=False):
    d._act("inherit", files, fn, lineno)
