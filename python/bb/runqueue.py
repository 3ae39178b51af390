"""Names of tasks."""


def split_mc(n):
    if n.startswith("mc:") and n.count(":") >= 2:
        _, configuration, rest = n.split(":", 2)
        return configuration, rest
    return "", n


def split_tid_mcfn(tid):
    """Configuration, file, task, and the file with its configuration."""
    configuration, rest = split_mc(tid)
    file, _, task = rest.rpartition(":")
    return configuration, file, task, "mc:%s:%s" % (configuration, file) if configuration else file


def split_tid(tid):
    return split_tid_mcfn(tid)[:3]


def fn_from_tid(tid):
    return tid.rsplit(":", 1)[0]


def taskname_from_tid(tid):
    return tid.rsplit(":", 1)[1]


def mc_from_tid(tid):
    return split_mc(tid)[0]
