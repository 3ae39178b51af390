--- Who this host is, as far as a task's result depends on it: the installed packages, the C
--- library, the compiler, the architecture. No host name, no user, no time.
local core = require "moonsand.core"
local order = require "moonsand.order"
local read = require("moonsand.text").read

local M = {}

-- e_machine of the ELF header: what the programs of this host are made for.
local machines = {
  [3] = "i686", [20] = "powerpc", [21] = "powerpc64", [22] = "s390x", [40] = "arm",
  [62] = "x86_64", [183] = "aarch64", [243] = "riscv64", [258] = "loongarch64",
}

--- Architecture of a program, by its ELF header.
---@param path string
---@return string  "x86_64", "aarch64", ...; "unknown" when it is no ELF file
function M.architecture(path)
  local file = io.open(path, "rb")
  local header = file and file:read(20) or ""
  if file then file:close() end
  if #header < 20 or header:sub(1, 4) ~= "\127ELF" then return "unknown" end
  local little = header:byte(6) == 1
  local machine = string.unpack(little and "<I2" or ">I2", header, 19)
  return machines[machine] or ("machine-%d"):format(machine)
end

-- The value of a field of the paragraph that ends before `last`.
local function field(text, name, from, last)
  local at, stop = text:find("\n" .. name .. ": ", from, true)
  return at and at < last and text:match("^[^\n]*", stop + 1) or nil
end

--- The installed packages of a dpkg status file, one "name architecture version" a line, sorted.
---@param status string   the text of the file
---@return string
function M.packages(status)
  local text, lines, from = "\n" .. status, {}, 1
  while from < #text do
    local last = text:find("\n\n", from + 1, true) or #text + 1
    if (field(text, "Status", from, last) or ""):find " installed$" then
      lines[#lines + 1] = ("%s %s %s"):format(field(text, "Package", from, last) or "?",
        field(text, "Architecture", from, last) or "?", field(text, "Version", from, last) or "?")
    end
    from = last + 1
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function digest(path)
  local real = core.realpath(path)
  return real and core.sha256_file(real) or nil
end

local function first_digest(paths)
  for _, path in ipairs(paths) do
    local hex = digest(path)
    if hex then return hex end
  end
  return "none"
end

--- Where Debian's package database is.
M.DPKG = "/var/lib/dpkg"
local DPKG <const> = M.DPKG .. "/status"
local RPM = {"/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite"}

local function package_digest(root)
  local status = read(root .. DPKG)
  if status then return "dpkg " .. core.sha256(M.packages(status)) end
  for _, path in ipairs(RPM) do
    local hex = digest(root .. path)
    if hex then return "rpm " .. hex end
  end
  return "none"
end

--- The identity of the host whose root is at `root`, as sorted names and values.
---@param root? string   "" unless given: specs pass a tree of their own
---@return table<string, string>
function M.identity(root)
  root = root or ""
  local arch = M.architecture(root == "" and "/proc/self/exe" or root .. "/usr/bin/gcc")
  local libc, multiarch = {}, "/lib/" .. arch .. "-linux-gnu"
  for _, directory in ipairs {multiarch, "/usr/lib64", "/lib64", "/usr/lib"} do
    libc[#libc + 1] = root .. directory .. "/libc.so.6"
  end
  return {
    architecture = arch,
    compiler = first_digest {root .. "/usr/bin/gcc", root .. "/usr/bin/cc"},
    libc = first_digest(libc),
    packages = package_digest(root),
  }
end

-- What the file of a package database looks like from outside.
local function seen(root)
  local parts = {}
  for _, path in ipairs {DPKG, table.unpack(RPM)} do
    local st = core.stat(root .. path)
    parts[#parts + 1] = st and ("%d %d %d"):format(st.ino, st.size, st.mtime_ns) or "none"
  end
  return table.concat(parts, "\n")
end

--- The identity of a host, and whether it has become another one since: packages that are installed
--- while a build runs are seen by its tasks, and are in none of its signatures. To ask costs a look
--- at a file or two while nothing is installed.
---@param root? string
---@return table<string, string> identity
---@return fun(): boolean changed
function M.watch(root)
  local last = seen(root or "")
  local identity, changed = M.identity(root), false
  local text = M.describe(identity)
  return identity, function()
    local now = not changed and seen(root or "")
    if now and now ~= last then
      last, changed = now, M.describe(M.identity(root)) ~= text
    end
    return changed
  end
end

--- One line that names the identity, for a record or a screen.
---@param identity table<string, string>
---@return string
function M.describe(identity)
  local parts = {}
  for name, value in order.sorted(identity) do parts[#parts + 1] = name .. "=" .. value end
  return table.concat(parts, " ")
end

return M
