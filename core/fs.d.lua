---@meta
-- core/fs.c, lock.c, hash.c, tree.c, remove.c, self.c, verity.c: what moonsand.core says about files,
-- and of this process.
-- The world's refusal is always nil, "path: why", errno.

---@class moonsand.core
local core = {}

---@class moonsand.core.Stat
---@field type "file"|"directory"|"symlink"|"char"|"block"|"fifo"|"socket"
---@field mode integer  07777
---@field size integer
---@field uid integer
---@field gid integer
---@field mtime_ns integer
---@field ino integer
---@field dev integer
---@field rdev integer
---@field nlink integer

--- A link itself, unless told to follow.
---@param path string
---@param how? "nofollow"|"follow"
---@return moonsand.core.Stat?, string? message, integer? errno
function core.stat(path, how) end

--- Names in byte order, without . and ..
---@param path string
---@return string[]?, string? message, integer? errno
function core.readdir(path) end

--- What is in /proc but processes and links: permission bits by name.
---@return table<string, integer>? files
---@return table<string, integer>|string directories   or what went wrong
---@return integer? errno
function core.proc_entries() end

---@param path string
---@param mode? integer  0755
---@return true?, string? message, integer? errno
function core.mkdir(path, mode) end

--- With all parents; what is there already is fine.
---@param path string
---@return true?, string? message, integer? errno
function core.mkdirs(path) end

---@param path string
---@return true?, string? message, integer? errno
function core.rmdir(path) end

---@param path string
---@return true?, string? message, integer? errno
function core.unlink(path) end

---@param from string
---@param to string
---@param how? "replace"|"noreplace"
---@return true?, string? message, integer? errno
function core.rename(from, to, how) end

---@param target string
---@param path string
---@return true?, string? message, integer? errno
function core.symlink(target, path) end

---@param path string
---@return string? target, string? message, integer? errno
function core.readlink(path) end

--- A second name; symbolic links are not followed.
---@param from string
---@param to string
---@return true?, string? message, integer? errno
function core.link(from, to) end

---@param path string
---@param mode integer
---@return true?, string? message, integer? errno
function core.chmod(path, mode) end

---@param path string
---@return string? absolute, string? message, integer? errno
function core.realpath(path) end

--- An advisory lock on a file, which is made when missing; held until the handle is closed.
---@param path string
---@param kind "exclusive"|"shared"
---@param how? "wait"|"try"  try: EAGAIN when it is held elsewhere
---@return moonsand.Fd?, string? message, integer? errno
function core.lock(path, kind, how) end

--- Of a link itself; nil leaves the owner, or the group, as it is.
---@param path string
---@param uid? integer
---@param gid? integer
---@return true?, string? message, integer? errno
function core.chown(path, uid, gid) end

--- A new character device 0:0: overlay shows nothing at its name.
---@param path string
---@return true?, string? message, integer? errno
function core.whiteout(path) end

--- Everything of the path's file system is on the disk.
---@param path string
---@return true?, string? message, integer? errno
function core.syncfs(path) end

--- One file, or the names in one directory, is on the disk.
---@param path string
---@return true?, string? message, integer? errno
function core.fsync(path) end

--- Set both times, of a link itself; now when none is given.
---@param path string
---@param mtime_ns? integer
---@return true?, string? message, integer? errno
function core.touch(path, mtime_ns) end

--- Delete whatever is there, of any depth and mode; no link is followed, no mount crossed. What is
--- not there is no failure.
---@param path string
---@return true?, string? message, integer? errno
function core.remove_tree(path) end

--- A new private directory whose name begins with the prefix.
---@param prefix string
---@return string? path, string? message, integer? errno
function core.mkdtemp(prefix) end

---@param path string
---@param name string
---@return string? value, string? message, integer? errno
function core.xattr(path, name) end

---@param path string
---@param name string
---@param value string
---@return true?, string? message, integer? errno
function core.set_xattr(path, name, value) end

--- Protect a regular file by fs-verity: from now on nobody writes to it, and what was changed on the
--- disk cannot be read. Also true of one that has it. Nobody may have it open for writing.
---@param path string
---@return true?, string? message, integer? errno
function core.enable_verity(path) end

--- fs-verity's digest of a file, as the kernel knows it; false when it is not protected.
---@param path string
---@return string|false|nil, string? message, integer? errno
function core.measure_verity(path) end

--- type: "ext4", "xfs", "btrfs", "tmpfs", "overlay", "nfs", "fuse", ... or "other"; bytes.
---@param path string
---@return {type: string, size: integer, free: integer, read_only: boolean}?, string?, integer?
function core.statfs(path) end

---@return integer
function core.getpid() end

---@return integer effective
function core.uid() end

---@return integer effective
function core.gid() end

--- Seconds of a clock that only goes forward.
---@return number
function core.clock() end

--- Nanoseconds since 1970.
---@return integer
function core.time_ns() end

---@param bytes string
---@return string hex
function core.sha256(bytes) end

--- A regular file.
---@param path string
---@return string? hex, integer|string size_or_message, integer? errno
function core.sha256_file(path) end

--- A part of a regular file; the handle's position stays.
---@param fd moonsand.Fd|integer
---@param offset integer
---@param count integer
---@return string? hex, string? message, integer? errno   EIO: the file is too short
function core.sha256_range(fd, offset, count) end

core.tree = {}

---@class moonsand.core.Entry
---@field name string
---@field type string       as in Stat
---@field mode integer
---@field mtime_ns integer
---@field size? integer     of files
---@field digest? string    of files, with hash
---@field target? string    of links
---@field rdev? integer     of devices; a whiteout is a char with 0
---@field nlink? integer    of files, when more than one
---@field ino? integer      with nlink
---@field uid? integer      when the owner or group is not the root directory's
---@field gid? integer      the same
---@field xattrs? table<string, string>  when there are any

---@class moonsand.core.Listing: moonsand.core.Entry[]
---@field mode integer
---@field mtime_ns integer
---@field xattrs? table<string, string>

--- One directory below a root, through no link: entries in byte order.
--- hash: read and hash files. grant: give the owner u+r on files, u+rwx on directories. normalise:
--- a time in nanoseconds; files become 0644 or 0755, the directory 0755, of that time, without
--- xattrs; what is reported is the state before; files with several names are left alone. threads:
--- how many may hash, as many as there are processors unless given; all have ended when it returns.
---@param root moonsand.Fd|integer
---@param directory string  "." is the root
---@param options? {hash?: boolean, grant?: boolean, normalise?: integer, threads?: integer}
---@return moonsand.core.Listing?, string? message, integer? errno
function core.tree.list(root, directory, options) end

--- Several directories at once, so that several threads have something to do where each has little.
---@param root moonsand.Fd|integer
---@param directories string[]
---@param options? {hash?: boolean, grant?: boolean, normalise?: integer, threads?: integer}
---@return moonsand.core.Listing[]?, string? message, integer? errno
function core.tree.lists(root, directories, options) end

--- A regular file below a root as a new file; blocks are shared where the file system can. The
--- digest is that of the bytes that went over.
---@param root moonsand.Fd|integer
---@param path string
---@param to string
---@param options {mode: integer, mtime_ns: integer}
---@return string? hex, integer|string size_or_message, integer? errno
function core.tree.copy(root, path, to, options) end

--- A sorted copy, by bytes, whatever the locale.
---@param names string[]
---@return string[]
function core.tree.sorted(names) end

return core
