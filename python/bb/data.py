"""Functions on stores."""
from bb.data_smart import create_datastore as init  # noqa: F401


def createCopy(d):
    return d.createCopy()


def initVar(var, d):
    pass


def getVar(var, d, expand=False):
    return d.getVar(var, expand)


def expand(text, d, varname=None):
    return d.expand(text, varname)


def keys(d):
    return d.keys()


def expandKeys(alterdata, readdata=None):
    alterdata._act("expand_keys")


def update_data(d):
    pass


def inherits_class(name, d):
    return d.moonsand_inherits(name)
