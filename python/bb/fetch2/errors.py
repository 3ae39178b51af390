"""What can be wrong with the place of a source."""


class BBFetchException(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.msg = message

    def __str__(self):
        return self.msg


class MalformedUrl(BBFetchException):
    def __init__(self, url, message=""):
        super().__init__(message or "The URL: '%s' is invalid and cannot be interpreted" % url)
        self.url = url


class UntrustedUrl(BBFetchException):
    def __init__(self, url, message=""):
        super().__init__(message or "The URL: '%s' is not trusted and cannot be used" % url)
        self.url = url


class FetchError(BBFetchException):
    def __init__(self, message, url=None):
        super().__init__("Fetcher failure%s: %s" % (" for URL '%s'" % url if url else "", message))
        self.url = url


class ChecksumError(FetchError):
    def __init__(self, message, url=None, checksum=None):
        super().__init__(message, url)
        self.checksum = checksum


class NoChecksumError(FetchError):
    pass


class UnpackError(BBFetchException):
    def __init__(self, message, url):
        super().__init__("Unpack failure for URL: '%s'. %s" % (url, message))
        self.url = url


class NoMethodError(BBFetchException):
    def __init__(self, url):
        super().__init__("Could not find a fetcher which supports the URL: '%s'" % url)
        self.url = url


class MissingParameterError(BBFetchException):
    def __init__(self, missing, url):
        super().__init__("URL: '%s' is missing the required parameter '%s'" % (url, missing))
        self.url, self.missing = url, missing


class ParameterError(BBFetchException):
    def __init__(self, message, url):
        super().__init__("URL: '%s' has invalid parameters. %s" % (url, message))
        self.url = url


class NetworkAccess(BBFetchException):
    def __init__(self, url, cmd):
        super().__init__("Network access disabled, but requested with command %s (for url %s)" % (
            cmd, url))
        self.url, self.cmd = url, cmd


class NonLocalMethod(Exception):
    """The source is not a local file."""
