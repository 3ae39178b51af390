---@meta
--- File descriptors, signals and terminals of this process.

---@class moonsand.core
local core = {}

--- A file descriptor that closes with its last reference; close-on-exec.
---@class moonsand.Fd
local Fd = {}

--- May be called twice.
---@return true?, string? message, integer? errno
function Fd:close() end

---@return integer
function Fd:number() end

---@param count? integer   from 1 to 1048576; 65536
---@return string? bytes "" at the end, string? message, integer? errno
function Fd:read(count) end

--- No signal when nobody reads: EPIPE.
---@param bytes string
---@param from? integer   where in the bytes to begin
---@return integer? count, string? message, integer? errno
function Fd:write(bytes, from) end

---@param whence "set"|"cur"|"end"
---@param offset integer
---@return integer? position, string? message, integer? errno
function Fd:seek(whence, offset) end

---@param on boolean
---@return true?, string? message, integer? errno
function Fd:nonblock(on) end

--- x: it must be new; path: only a reference; dir: a directory.
---@param path string
---@param how? "r"|"w"|"a"|"r+"|"rw"|"x"|"path"|"dir"
---@param mode? integer   of a new file; 0644
---@return moonsand.Fd?, string? message, integer? errno
function core.open(path, how, mode) end

---@return moonsand.Fd? reader, moonsand.Fd|string writer, integer? errno
function core.pipe() end

--- Two ends of one connection, for both directions. Writing when the other end is closed is an
--- error (EPIPE), never a signal.
---@return moonsand.Fd?, moonsand.Fd|string other_or_message, integer? errno
function core.pair() end

--- A file in memory that holds a text, at its start.
---@param name string
---@param text? string
---@return moonsand.Fd?, string? message, integer? errno
function core.memfd(name, text) end

--- A file without a name on the directory's file system.
---@param directory string
---@return moonsand.Fd?, string? message, integer? errno
function core.temporary(directory) end

--- The same open file once more.
---@param fd moonsand.Fd|file*|integer
---@return moonsand.Fd?, string? message, integer? errno
function core.dup(fd) end

--- Does a descriptor outlive an exec? nil when it is not open.
---@param fd moonsand.Fd|file*|integer
---@return boolean?, string? message, integer? errno
function core.inherited(fd) end

--- What a descriptor is of: "file", "directory", "fifo", "socket", "char", "block", "other".
---@param fd moonsand.Fd|file*|integer
---@return string?, string? message, integer? errno
function core.fd_type(fd) end

---@param fd moonsand.Fd|file*|integer
---@return boolean
function core.isatty(fd) end

---@param fd moonsand.Fd|file*|integer
---@param count integer
---@return string? bytes, string? message, integer? errno
function core.read(fd, count) end

--- Two ends for `receive_fd`, and for what sends descriptors.
---@return moonsand.Fd? one, moonsand.Fd|string other, integer? errno
function core.socketpair() end

--- A descriptor that was sent; EAGAIN when there is none.
---@param socket moonsand.Fd|integer
---@return moonsand.Fd?, string? message, integer? errno
function core.receive_fd(socket) end

--- A queue for the step `watch`; the n-th path that a fresh one watches is number n.
---@return moonsand.Fd?, string? message, integer? errno
function core.watch_queue() end

--- What was opened since the last time: the number of a directory and the name of a file in it, by
--- turns. lost: there was more than the queue holds.
---@param queue moonsand.Fd
---@return (integer|string)[]? list
---@return boolean|string lost
---@return integer? errno
function core.read_opened(queue) end

--- A process that is told, by the step `observe`, of the calls of one program that name a path, lets
--- them go on, and notes which of the given places and of what is below them there is. It ends with
--- the last process that it observes, or when the socket is closed before there was one.
---@param paths string[]
---@return moonsand.process?, moonsand.Fd|string socket_or_message, moonsand.Fd|integer memory_or_errno
function core.observer(paths) end

--- What an observer has noted so far. `about`: how many calls it was told of, of how many the path
--- could not be read, whether there is more than it could keep, whether there was a program, and
--- whether it has seen the end of it.
---@param memory moonsand.Fd
---@return {path: string, real: string, state: string, opened: boolean, executed: boolean}[]? list
---@return {calls: integer, unread: integer, lost: boolean, attached: boolean, complete: boolean}|string
---@return integer? errno
function core.read_observed(memory) end

--- Until the handle is closed these signals are read from it, and do nothing else; those that are
--- ignored stay so.
---@param ... string   "TERM", "INT", ...
---@return moonsand.Fd?, string? message, integer? errno
function core.signals(...) end

--- The next signal, nil when none is waiting.
---@param handle moonsand.Fd
---@return string?
function core.read_signal(handle) end

--- Signals that `signals` reads act again as they do by default; one that waits does so now.
---@param ... string
---@return true?, string? message, integer? errno
function core.deliver(...) end

--- A signal to this process.
---@param name string
---@return true?, string? message, integer? errno
function core.raise(name) end

--- Wait until one of them is ready; none are after the time, or after a signal.
---@param list {fd: any, events: "r"|"w"|"rw"|nil}[]
---@param seconds? number   without end, else
---@return integer[]? ready   indexes into the list
---@return string? message
---@return integer? errno
function core.poll(list, seconds) end

---@param fd moonsand.Fd|file*|integer
---@return integer? rows, integer|string columns, integer? errno
function core.window(fd) end

--- What runs on the terminal gets SIGWINCH.
---@param fd moonsand.Fd|file*|integer
---@param rows integer
---@param columns integer
---@return true?, string? message, integer? errno
function core.resize(fd, rows, columns) end

--- A new terminal.
---@return moonsand.Fd? master, moonsand.Fd|string slave, integer? errno
function core.pty() end

---@class moonsand.Raw
local Raw = {}

--- The terminal as it was. May be called twice.
function Raw:close() end

--- Every key goes to the reader, until the state is closed.
---@param fd moonsand.Fd|file*|integer
---@return moonsand.Raw?, string? message, integer? errno
function core.raw(fd) end

return core
