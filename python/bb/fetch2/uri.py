"""`scheme://user:password@host:port/path?query;parameter=value`, taken apart and put together.

`file:` never has a host; `file:x` and `git:x` are relative, and so is `file://x`.
"""
import collections
import re

from bb.fetch2.errors import MissingParameterError
from moonsand import lazy

quoting = lazy.Module("urllib.parse")

_shape = re.compile(r"(?:([a-zA-Z][\w+.-]*):)?(//)?([^?#]*)(?:\?([^#]*))?", re.S)


def _pairs(text, separator):
    found = collections.OrderedDict()
    for each in text.split(separator):
        if each:
            name, equals, value = each.partition("=")
            found[name] = value if equals else None
    return found


class URI:
    """A place, with its parts as attributes."""

    def __init__(self, uri=None):
        self.scheme = self.userinfo = self.hostname = self._path = ""
        self.port, self.relative = None, False
        self.params, self.query = {}, {}
        if uri:
            self._take(uri)

    def _take(self, uri):
        uri, _, parameters = uri.partition(";")
        scheme, slashes, rest, query = _shape.match(uri).groups()
        self.scheme = (scheme or "").lower()
        if slashes and self.scheme != "file":
            place, slash, path = rest.partition("/")
            self._take_place(place)
            self.path = quoting.unquote(slash + path)
        else:
            self.relative = self.scheme in ("file", "git") and not rest.startswith("/")
            self.path = quoting.unquote(rest)
        if parameters:
            self.params = _pairs(parameters, ";")
        if query:
            self.query = _pairs(query, "&")

    def _take_place(self, place):
        userinfo, at, host = place.rpartition("@")
        self.userinfo = userinfo if at else ""
        name, colon, port = host.rpartition(":")
        if colon and port.isdigit():
            self.port, host = int(port), name
        self.hostname = host.rstrip(":").lower() if not host.startswith("[") else host

    def __str__(self):
        user = self.userinfo + "@" if self.userinfo else ""
        query = "&".join("%s=%s" % pair if pair[1] else pair[0] for pair in self.query.items())
        parameters = ";".join("%s=%s" % pair for pair in self.params.items())
        return "".join((self.scheme, ":" if self.relative else "://", user, self.hostport,
                        self.path_quoted, "?" + query if query else "",
                        ";" + parameters if parameters else ""))

    @property
    def hostport(self):
        return "%s:%d" % (self.hostname, self.port) if self.port else self.hostname

    @property
    def path(self):
        return self._path

    @path.setter
    def path(self, path):
        self._path = path
        self.relative = bool(path) and not path.startswith("/")

    @property
    def path_quoted(self):
        return quoting.quote(self._path)

    @path_quoted.setter
    def path_quoted(self, path):
        self.path = quoting.unquote(path)

    @property
    def username(self):
        return self.userinfo.partition(":")[0]

    @username.setter
    def username(self, name):
        password = self.password
        self.userinfo = "%s:%s" % (name, password) if password else name

    @property
    def password(self):
        return self.userinfo.partition(":")[2]

    @password.setter
    def password(self, password):
        self.userinfo = "%s:%s" % (self.username, password)


def decodeurl(url):
    """Scheme, host, path, user, password, parameters."""
    uri = URI(url)
    return (uri.scheme, uri.hostport, uri.path or "/", uri.username, uri.password, uri.params)


def encodeurl(decoded):
    """The opposite of `decodeurl`."""
    scheme, host, path, user, password, parameters = decoded
    if not scheme:
        raise MissingParameterError("type", "encoded from the data %s" % (decoded,))
    uri = URI()
    uri.scheme = scheme
    if scheme != "file":
        if user:
            uri.userinfo = "%s:%s" % (user, password) if password else user
        uri.hostname = host or ""
    if path:
        uri.path = re.sub("/+", "/", path)
        if scheme == "file":
            uri.relative = False
    if parameters:
        uri.params = parameters
    return str(uri)
