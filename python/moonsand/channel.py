"""Frames over two pipes: requests that nest, and messages that nobody answers.

A frame is its length (four bytes, little-endian) and its bytes; the first byte says what it is.
Each side answers the request that is waiting last, so requests may nest to any depth.
"""
import os
import struct

_source = _sink = -1
_in = b""
_out = []
_serve = None
_size = struct.Struct("<I")
_integer = struct.Struct("<q")

# Values that only Python understands stay here; the other side holds their numbers.
_kept = []
_numbers = {}


class Gone(SystemExit):
    """The other side has left."""


class Refused(Exception):
    """The other side refused; `number` is its error, which can be handed back."""

    def __init__(self, number, message):
        super().__init__(message)
        self.number = number


def open(source, sink):
    global _source, _sink
    _source, _sink = source, sink


def on_request(serve):
    global _serve
    _serve = serve


def post(frame):
    """Queue a message; it leaves with the next request or answer."""
    _out.append(_size.pack(len(frame)))
    _out.append(frame)


def flush():
    data = b"".join(_out)
    _out.clear()
    while data:
        try:
            data = data[os.write(_sink, data):]
        except BrokenPipeError:
            raise Gone(0) from None


def receive():
    """The next frame."""
    global _in
    while True:
        have = len(_in)
        if have >= 4:
            end = 4 + _size.unpack_from(_in)[0]
            if have >= end:
                frame = _in[4:end]
                _in = _in[end:]
                return frame
        more = os.read(_source, 65536 if have < 65536 else 1 << 20)
        if not more:
            raise Gone(0)
        _in = _in + more if have else more


def ask(frame):
    """Send a request and serve the other side's until the answer is there."""
    post(frame)
    flush()
    while True:
        answer = receive()
        kind = answer[0]
        if kind == 82:  # R
            return decode(answer, 1)[0]
        if kind == 90:  # Z
            number, at = decode(answer, 1)
            skipped, at = decode(answer, at)
            message, at = decode(answer, at)
            refuse(number, skipped, message)
        _serve(answer)


refuse = None


def on_refusal(function):
    global refuse
    refuse = function


def text(value):
    data = value.encode("utf-8", "surrogateescape")
    return _size.pack(len(data)) + data


def encode(value):
    """A value: text, number, truth, None and lists of text as they are; a store by its number."""
    if type(value) is str:
        return b"S" + text(value)
    if value is None:
        return b"N"
    if value is True:
        return b"T"
    if value is False:
        return b"F"
    if type(value) is int and -1 << 63 <= value < 1 << 63:
        return b"I" + _integer.pack(value)
    if type(value) is list and all(type(each) is str for each in value):
        return b"L" + _size.pack(len(value)) + b"".join(map(encode, value))
    if isinstance(value, str):
        return b"S" + text(str(value))
    store = getattr(value, "moonsand_store", None)
    if store is not None:
        return b"O" + _size.pack(store)
    return b"X" + _size.pack(keep(value)) + text(str(value))


def keep(value):
    number = _numbers.get(id(value))
    if number is None:
        number = len(_kept)
        _kept.append(value)
        _numbers[id(value)] = number
    return number


def number_of(data, at):
    return _size.unpack_from(data, at)[0], at + 4


def text_of(data, at):
    end = at + 4 + _size.unpack_from(data, at)[0]
    return data[at + 4:end].decode("utf-8", "surrogateescape"), end


store_of = None


def on_store(function):
    global store_of
    store_of = function


def decode(data, at):
    """The value at a place, and the place after it."""
    kind = data[at]
    at += 1
    if kind == 83:  # S
        end = at + 4 + _size.unpack_from(data, at)[0]
        return data[at + 4:end].decode("utf-8", "surrogateescape"), end
    if kind == 78:  # N
        return None, at
    if kind == 84:  # T
        return True, at
    if kind == 70:  # F
        return False, at
    if kind == 73:  # I
        return _integer.unpack_from(data, at)[0], at + 8
    if kind == 76:  # L
        count = _size.unpack_from(data, at)[0]
        at += 4
        values = []
        for _ in range(count):
            value, at = decode(data, at)
            values.append(value)
        return values, at
    if kind == 79:  # O
        return store_of(_size.unpack_from(data, at)[0]), at + 4
    if kind == 88:  # X
        return _kept[_size.unpack_from(data, at)[0]], at + 4
    raise ValueError("unknown kind of value: %d" % kind)
