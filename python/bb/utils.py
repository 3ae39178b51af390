"""Helpers that metadata uses: words, versions, dependencies, files."""
import collections
import contextlib
import fcntl
import os
import re
import time

import bb
import bb.filter
from moonsand import lazy

fnmatch, glob, hashlib, shutil, subprocess = map(
    lazy.Module, ("fnmatch", "glob", "hashlib", "shutil", "subprocess"))

# Names that every expression and function of metadata sees.
_context = {"os": os, "time": time, "bb": bb}


def get_context():
    return _context


class VersionStringException(Exception):
    """A version that is none."""


# Words ----------------------------------------------------------------------------------------


def _set(words):
    return set(words.split()) if isinstance(words, str) else set(words)


def contains(variable, checkvalues, truevalue, falsevalue, d):
    value = d.getVar(variable)
    return truevalue if value and _set(checkvalues) <= set(value.split()) else falsevalue


def contains_any(variable, checkvalues, truevalue, falsevalue, d):
    value = d.getVar(variable)
    return truevalue if value and _set(checkvalues) & set(value.split()) else falsevalue


def filter_string(val, checkvalues):
    return " ".join(sorted(_set(checkvalues) & set(val.split()))) if val else ""


def filter(variable, checkvalues, d):
    return filter_string(d.getVar(variable), checkvalues)


def set_intersect(variable1, variable2, d):
    """Words that two variables share."""
    one, two = (d.getVar(name) or "" for name in (variable1, variable2))
    return " ".join(sorted(set(one.split()) & set(two.split())))


def to_boolean(string, default=None):
    if not string:
        return default
    if isinstance(string, int):
        return string != 0
    word = string.lower()
    if word in ("y", "yes", "1", "true"):
        return True
    if word in ("n", "no", "0", "false"):
        return False
    raise ValueError("Invalid value for to_boolean: %s" % string)


def prune_suffix(var, suffixes, d):
    for suffix in suffixes:
        if suffix and var.endswith(suffix):
            return var[:-len(suffix)]
    return var


# Versions -------------------------------------------------------------------------------------

_version_part = re.compile(r"([0-9]+)|([a-zA-Z]+)|(.)", re.S)


def explode_version(s):
    """A version as (rank, part): digits 0, letters 1, `~` -1, anything else 2."""
    parts = []
    for digits, letters, other in _version_part.findall(s):
        if digits:
            parts.append((0, int(digits)))
        elif letters:
            parts.append((1, letters))
        else:
            parts.append((-1 if other == "~" else 2, other))
    return parts


def vercmp_part(a, b):
    one, two = explode_version(a or ""), explode_version(b or "")
    for at in range(max(len(one), len(two))):
        left = one[at] if at < len(one) else (0, None)
        right = two[at] if at < len(two) else (0, None)
        if left[0] != right[0]:
            return -1 if left[0] < right[0] else 1
        if left[1] != right[1]:
            if left[1] is None or (right[1] is not None and left[1] < right[1]):
                return -1
            return 1
    return 0


def vercmp(ta, tb):
    epochs = int(ta[0] or 0) - int(tb[0] or 0)
    return epochs or vercmp_part(ta[1], tb[1]) or vercmp_part(ta[2], tb[2])


def split_version(s):
    """Epoch, version and revision of `PE:PV-PR`."""
    s = s.strip(" <>=")
    epoch = 0
    if ":" in s:
        epoch, s = int(s.split(":")[0]), s.split(":")[1]
    version, _, revision = s.rpartition("-")
    return (epoch, version, revision) if "-" in s else (epoch, s, "")


def vercmp_string(a, b):
    return vercmp(split_version(a), split_version(b))


_verdicts = {
    "=": (0,), "==": (0,), "<=": (-1, 0), ">=": (0, 1), ">": (1,), ">>": (1,), "<": (-1,),
    "<<": (-1,), "!=": (-1, 1),
}


def vercmp_string_op(a, b, op):
    if op not in _verdicts:
        raise VersionStringException('Unsupported comparison operator "%s"' % op)
    result = vercmp_string(a, b)
    return (result > 0) - (result < 0) in _verdicts[op]


def is_semver(version):
    """Is it a version of the kind MAJOR.MINOR.PATCH[-pre][+build]?"""
    number, word = r"(?:0|[1-9]\d*)", r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
    return re.fullmatch(r"%s\.%s\.%s(?:-%s(?:\.%s)*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?" % (
        number, number, number, word, word), version) is not None


# Dependencies ---------------------------------------------------------------------------------


@bb.filter.filter_proc(name="bb.utils.explode_deps")
def explode_deps(s):
    """Names, without the versions in parentheses."""
    names, inside = [], False
    for word in s.split():
        inside = inside or word.startswith("(")
        if not inside:
            names.append(word)
        elif word.endswith(")"):
            inside = False
    return names


_dependency = re.compile(r"\(\s*(<=|=<|<<|==|!=|>=|=>|>>|<|>|=)?\s*([^)]*)\)|(\S+)")


@bb.filter.filter_proc(name="bb.utils.explode_dep_versions2")
def explode_dep_versions2(s, *, sort=True):
    """Name -> list of "operator version"."""
    found, last = collections.OrderedDict(), None
    for operator, version, name in _dependency.findall(s.replace(",", "")):
        if name:
            last = name
            found.setdefault(name, [])
        elif not operator:
            raise VersionStringException(
                'Invalid version specification in "(%s" - invalid or missing operator' % version)
        else:
            found.setdefault(last, []).append(operator + " " + " ".join(version.split()))
    return collections.OrderedDict(sorted(found.items())) if sort else found


def explode_dep_versions(s):
    """Name -> "operator version", or None."""
    return {name: versions[0] if versions else None
            for name, versions in explode_dep_versions2(s).items()}


@bb.filter.filter_proc(name="bb.utils.join_deps")
def join_deps(deps, commasep=True):
    """The opposite of `explode_dep_versions` and `explode_dep_versions2`."""
    words = []
    for name, versions in deps.items():
        if not versions:
            words.append(name)
        else:
            each = versions if isinstance(versions, list) else [versions]
            words.extend("%s (%s)" % (name, version) for version in each)
    return (", " if commasep else " ").join(words)


# Files ----------------------------------------------------------------------------------------


def which(path, item, direction=0, history=False, executable=False):
    """The first place of a name along a list of directories, or ""."""
    tried = []
    directories = (path or "").split(":")
    for directory in reversed(directories) if direction else directories:
        place = os.path.join(directory, item)
        tried.append(place)
        if os.path.isfile(place) and os.access(place, os.X_OK) if executable else (
                os.path.exists(place)):
            place = os.path.abspath(place)
            return (place, tried) if history else place
    return ("", tried) if history else ""


def to_filemode(input):
    return input if isinstance(input, int) else int(input, 8)


def mkdirhier(directory):
    if "${" in str(directory):
        bb.fatal("the directory name %s holds a variable that is not set" % directory)
    os.makedirs(directory, exist_ok=True)


def remove(path, recurse=False, ionice=False):
    for name in glob.glob(path) if path else ():
        if recurse and os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def prunedir(topdir, ionice=False):
    remove(topdir, recurse=True)


def rename(src, dst):
    try:
        os.rename(src, dst)
    except OSError as problem:
        if problem.errno != 18:
            raise
        shutil.move(src, dst)


def copyfile(src, dest, newmtime=None, sstat=None):
    """A file or link with its mode and times."""
    if os.path.islink(src):
        if os.path.lexists(dest):
            os.unlink(dest)
        os.symlink(os.readlink(src), dest)
        return os.lstat(dest)
    shutil.copy2(src, dest)
    return newmtime or os.lstat(dest)


def movefile(src, dest, newmtime=None, sstat=None):
    rename(src, dest)
    return os.lstat(dest).st_mtime


def break_hardlinks(src, sstat=None):
    """Give a name a file of its own."""
    if os.lstat(src).st_nlink > 1:
        copyfile(src, src + ".new")
        os.rename(src + ".new", src)
    return os.lstat(src)


def _digest(kind, filename):
    with open(filename, "rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def md5_file(filename):
    return _digest("md5", filename)


def sha1_file(filename):
    return _digest("sha1", filename)


def sha256_file(filename):
    return _digest("sha256", filename)


def sha384_file(filename):
    return _digest("sha384", filename)


def sha512_file(filename):
    return _digest("sha512", filename)


def lockfile(name, shared=False, retry=True, block=True):
    """An open file that is locked; None when somebody else holds it and nobody is to wait."""
    mkdirhier(os.path.dirname(name))
    file = open(name, "a+")
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (
        0 if retry and block else fcntl.LOCK_NB)
    try:
        fcntl.flock(file, how)
    except OSError:
        file.close()
        return None
    return file


def unlockfile(lf):
    fcntl.flock(lf, fcntl.LOCK_UN)
    lf.close()


@contextlib.contextmanager
def fileslocked(files, *args, **kwargs):
    locks = [lockfile(name, *args, **kwargs) for name in files or ()]
    try:
        yield
    finally:
        for lock in locks:
            unlockfile(lock)


@contextlib.contextmanager
def umask(new_mask):
    old = os.umask(new_mask)
    try:
        yield
    finally:
        os.umask(old)


@contextlib.contextmanager
def environment(**envvars):
    old = dict(os.environ)
    os.environ.update(envvars)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(old)


def cpu_count():
    return len(os.sched_getaffinity(0))


def build_environment(d):
    for name in d._ask("exported"):
        os.environ[name] = d.getVar(name) or ""


def is_local_uid(uid=""):
    with open("/etc/passwd") as file:
        return any(line.split(":")[2:3] == [str(uid or os.getuid())] for line in file)


def is_path_on_nfs(path):
    text = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True,
                          check=True).stdout
    return text.strip() == "nfs"


def nonblockingfd(fd):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)


# Metadata layers ------------------------------------------------------------------------------


def get_collection_res(d):
    return {name: d.getVar("BBFILE_PATTERN_" + name) or ""
            for name in (d.getVar("BBFILE_COLLECTIONS") or "").split()}


def get_file_layer(filename, d, collection_res=None):
    """The metadata layer that a file belongs to: the longest pattern that begins its path."""
    patterns = collection_res or get_collection_res(d)
    place = filename
    for entry in (d.getVar("BBFILES_PRIORITIZED") or "").split():
        if fnmatch.fnmatchcase(filename, entry):
            place = entry
            break
    best = None
    for name, pattern in patterns.items():
        if pattern and re.match(pattern, place) and (
                best is None or len(pattern) > len(patterns[best])):
            best = name
    return best


def better_eval(source, locals, extraglobals=None):
    return eval(source, dict(_context, **(extraglobals or {})), locals)


def better_exec(code, context, text=None, realfile="<code>", pythonexception=False):
    exec(code, _context, context)


def better_compile(text, file, realfile, mode="exec", lineno=0):
    return compile("\n" * lineno + text, realfile, mode)


def simple_exec(code, context):
    exec(code, _context, context)


def load_plugins(logger, plugins, pluginpath):
    raise NotImplementedError("plugins are not there while recipes are read")
