"""One source: how it would be fetched, and where it would be."""
import os

import bb
from bb.fetch2.errors import FetchError, NoMethodError, NonLocalMethod, ParameterError
from bb.fetch2.uri import decodeurl
from moonsand import lazy

quoting = lazy.Module("urllib.parse")

exists = os.path.exists

_checksums = ("md5", "sha256", "sha1", "sha384", "sha512", "goh1")
_checked = {"http", "https", "ftp", "ftps", "sftp", "s3", "az", "crate", "gs", "gomod", "npm"}


class Method:
    """What the kinds of sources share."""

    schemes = frozenset()

    def supports(self, ud, d):
        return ud.type in self.schemes

    def supports_srcrev(self):
        return False

    def supports_checksum(self, ud):
        return not isinstance(self, Revisioned)

    def localpath(self, ud, d):
        return os.path.join(d.getVar("DL_DIR") or "", ud.localfile)

    def prepare(self, ud, d):
        ud.basename = os.path.basename(ud.parm.get("downloadfilename") or ud.path)
        ud.localfile = ud.basename


class Local(Method):
    """A file beside the recipe."""

    schemes = frozenset({"file"})

    def prepare(self, ud, d):
        path = ud.url.split("://", 1)[-1].split(";")[0]
        ud.path = ud.localfile = ud.basename = d.expand(path)
        ud.basename = os.path.basename(path)
        ud.needdonestamp = False
        if "*" in path:
            raise FetchError("file:// urls using globbing are no longer supported. Please place "
                             "the files in a directory and reference that instead.", ud.url)

    def localfile_searchpaths(self, ud, d):
        """Every place along FILESPATH, up to the first that is there."""
        if ud.path.startswith("/"):
            return [ud.path]
        _, tried = bb.utils.which(d.getVar("FILESPATH"), ud.path, history=True)
        return tried

    def localpath(self, ud, d):
        return self.localfile_searchpaths(ud, d)[-1]


class Wget(Method):
    schemes = frozenset({"http", "https", "ftp", "ftps", "sftp", "s3", "az", "gs", "ssh", "crate",
                         "npm", "npmsw", "gomod", "gomodgit"})

    def prepare(self, ud, d):
        if ud.type == "crate":
            parts = ud.url.split(";")[0].split("/")
            name, version = parts[-2:]
            ud.parm.setdefault("downloadfilename", "%s-%s.crate" % (name, version))
            ud.parm.setdefault("name", "%s-%s" % (name, version))
            ud.name = ud.parm["name"]
        super().prepare(ud, d)
        ud.localfile = d.expand(ud.basename.replace("/", "."))


class Revisioned(Method):
    """A repository."""

    schemes = frozenset({"svn", "hg", "bzr", "cvs", "p4", "osc", "repo", "fossil", "ccrc",
                         "clearcase"})

    def supports_srcrev(self):
        return True

    def prepare(self, ud, d):
        ud.basename = ud.localfile = quoting.quote(ud.host + ud.path, safe="").replace("%2F", ".")
        ud.setup_revisions(d)

    def latest_revision(self, ud, d, name):
        raise FetchError("the newest revision is not looked up while recipes are read: set SRCREV",
                         ud.url)

    def sortable_revision(self, ud, d, name):
        revision = ud.revision
        return (d.getVar("SRCREV") == "AUTOINC" or False), revision


class Git(Revisioned):
    schemes = frozenset({"git", "gitsm", "gitannex"})

    def prepare(self, ud, d):
        ud.proto = ud.parm.get("protocol") or ("file" if not ud.host else "git")
        ud.branch = ud.parm.get("branch", "")
        if "branch" in ud.parm and "," in ud.branch:
            raise ParameterError("The number of name and branch parameters is not balanced", ud.url)
        if not ud.branch and ud.parm.get("nobranch") != "1":
            bb.warn("URL: %s does not set any branch parameter." % ud.url)
        host = ud.host.replace(":", ".")
        ud.basename = (host + ud.path.replace("/", ".").replace("*", ".").replace(" ", "_"))
        ud.localfile = ud.basename
        ud.clonedir = os.path.join(d.getVar("GITDIR") or os.path.join(
            d.getVar("DL_DIR") or "", "git2"), ud.basename)
        ud.localpath = ud.clonedir
        ud.setup_revisions(d)


_methods = (Local(), Git(), Revisioned(), Wget())


class FetchData:
    """A source and what its text says."""

    def __init__(self, url, d, localonly=False):
        self.url = url
        (self.type, self.host, self.path, self.user, self.pswd, self.parm) = decodeurl(
            d.expand(url))
        self.user = self.user or self.parm.get("user", "")
        self.pswd = self.pswd or self.parm.get("pswd", "")
        self.name = self.parm.get("name", "default")
        self.localfile, self.localpath, self.needdonestamp = "", None, True
        self.basename = self.donestamp = self.lockfile = self.revision = None
        self.setup, self.mirrortarballs, self.ignore_checksums = False, [], False
        if "," in self.name:
            raise ParameterError("The fetcher no longer supports multiple name parameters in a "
                                 "single url", url)
        self.method = next((each for each in _methods if each.supports(self, d)), None)
        if self.method is None:
            raise NoMethodError(url)
        if localonly and not isinstance(self.method, Local):
            raise NonLocalMethod()
        self.method.prepare(self, d)
        self._take_checksums(d)
        if "localpath" in self.parm:
            self.localpath = self.parm["localpath"]
            self.basename = os.path.basename(self.localpath)
        self.setup_localpath(d)

    def _take_checksums(self, d):
        for kind in _checksums:
            plain = kind + "sum"
            name = "%s.%s" % (self.parm["name"], plain) if "name" in self.parm else plain
            expected = self.parm.get(name) or self.parm.get(plain)
            if expected is None and self.type in _checked:
                expected = d.getVarFlag("SRC_URI", name)
            setattr(self, kind + "_name", name)
            setattr(self, kind + "_expected", expected)

    def setup_localpath(self, d):
        if not self.localpath:
            self.localpath = self.method.localpath(self, d)

    def setup_revisions(self, d):
        """The revision that SRCREV or the text says."""
        names = []
        for name in (self.name, ""):
            for suffix in (":pn-" + (d.getVar("PN") or ""), ""):
                names.append("SRCREV" + ("_" + name if name else "") + suffix)
        found = next((value for value in map(d.getVar, names)
                      if value and value != "INVALID"), None)
        given = self.parm.get("rev")
        if given and found and given != found:
            raise FetchError("Conflicting revisions (%s from SRCREV and %s from the url) found, "
                             "please specify one valid value" % (found, given))
        revision = found or given or self.parm.get("tag")
        if not revision:
            raise FetchError("Please set a valid SRCREV for url %s (possible key names are %s, or "
                             "use a ;rev=X URL parameter)" % (self.url, names), self.url)
        if revision == "AUTOINC":
            revision = self.method.latest_revision(self, d, self.name)
        self.revision = revision
