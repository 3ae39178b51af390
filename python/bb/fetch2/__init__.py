"""Places of sources: what SRC_URI means, without fetching anything."""
import re

from bb.fetch2.uri import URI, decodeurl, encodeurl  # noqa: F401
from bb.fetch2.errors import (  # noqa: F401
    BBFetchException, ChecksumError, FetchError, MalformedUrl, MissingParameterError,
    NetworkAccess, NoChecksumError, NoMethodError, NonLocalMethod, ParameterError, UnpackError,
    UntrustedUrl)
from bb.fetch2.place import FetchData, Local

import bb


class Fetch:
    """The sources of a recipe, by their texts."""

    def __init__(self, urls, d, cache=True, localonly=False, connection_cache=None):
        if localonly and urls:
            raise ValueError("either a list of urls, or only local ones")
        self.urls = list(urls) or (d.getVar("SRC_URI") or "").split()
        self.d = d
        self.ud = {}
        for url in self.urls:
            if url not in self.ud:
                try:
                    self.ud[url] = FetchData(url, d, localonly)
                except NonLocalMethod:
                    self.ud[url] = None

    def localpath(self, url):
        if url not in self.urls:
            self.ud[url] = FetchData(url, self.d)
        self.ud[url].setup_localpath(self.d)
        return self.ud[url].localpath

    def localpaths(self):
        return [self.localpath(url) for url in self.urls]

    def expanded_urldata(self, urls=None):
        return [self.ud[url] for url in urls or self.urls]

    def download(self, urls=None):
        raise FetchError("nothing is fetched while recipes are read")

    unpack = checkstatus = clean = download


def localpath(url, d):
    return Fetch([url], d).localpath(url)


def get_checksum_file_list(d):
    """Every place where a local source is looked for, and whether it is there."""
    words = []
    for url, each in Fetch([], d, False, True).ud.items():
        if each is None or not isinstance(each.method, Local):
            continue
        places = each.method.localfile_searchpaths(each, d)
        known = [(place, bb.fetch2.place.exists(place)) for place in places]
        if not any(there for _, there in known):
            bb.fatal("%s: the source %s is in none of these places:\n%s" % (
                d.getVar("PN"), url, "\n".join(places)))
        words.extend("%s:%s" % pair for pair in known)
    return " ".join(words)


def mark_recipe_nocache(d):
    if d.getVar("BB_SRCREV_POLICY") != "cache":
        d.setVar("BB_DONT_CACHE", "1")


def get_autorev(d):
    mark_recipe_nocache(d)
    d.setVar("__BBAUTOREV_SEEN", True)
    return "AUTOINC"


def _revisions(d, method_name):
    """The revision as part of a version, and all revisions."""
    d.setVar("__BBSRCREV_SEEN", "1")
    if d.getVar("__BBINSRCREV"):
        raise FetchError("There are recursive references in fetcher variables, likely through "
                         "SRC_URI")
    d.setVar("__BBINSRCREV", True)
    found = [each for each in Fetch((d.getVar("SRC_URI") or "").split(), d).ud.values()
             if each.method.supports_srcrev()]
    automatic, by_name = False, {}
    for each in found:
        increments, revision = getattr(each.method, method_name)(each, d, each.name)
        automatic = automatic or increments
        by_name[each.name] = revision
    text = ""
    if len(found) == 1:
        text = by_name[found[0].name][:10]
    elif found:
        text = d.getVar("SRCREV_FORMAT")
        if not text:
            raise FetchError("The SRCREV_FORMAT variable must be set when multiple SCMs are used: "
                             + " ".join(each.url for each in found))
        names = sorted(by_name, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, names)), lambda m: by_name[m.group()][:10], text)
    d.delVar("__BBINSRCREV")
    return ("AUTOINC+" if automatic else "") + text, [by_name[each.name] for each in found]


def get_hashvalue(d, method_name="sortable_revision"):
    return " ".join(_revisions(d, method_name)[1])


def get_pkgv_string(d, method_name="sortable_revision"):
    return _revisions(d, method_name)[0]


def get_srcrev(d, method_name="sortable_revision"):
    text = _revisions(d, method_name)[0]
    if not text:
        raise FetchError("SRCREV was used yet no valid SCM was found in SRC_URI")
    return text


def mirror_from_string(data):
    """Pairs of a pattern and its replacement."""
    words = (data or "").replace("\\n", " ").split()
    if len(words) % 2:
        bb.warn("Invalid mirror data %s, should have paired members." % data)
    return list(zip(*[iter(words)] * 2))
