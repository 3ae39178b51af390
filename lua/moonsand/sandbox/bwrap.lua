--- A plan as the equal command line of bubblewrap. What bubblewrap has no equal for is listed, and
--- then there is no line: one that means less than the plan is never made.
local core = require "moonsand.core"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.BwrapLine
---@field groups string[][]   words, each group on a line of its own
---@field inputs string[]     commands that open what bubblewrap reads from descriptors
---@field before string[]     shell commands that come first
---@field missing string[]    what bubblewrap has no equal for
---@field overlays boolean
local Line = {}
Line.__index = Line

local FIRST_FD <const>, MOST_FDS <const> = 10, 40 -- bash takes its own from 63 down
local PAGE <const> = 4095 -- bubblewrap cuts the options of an overlay there, and says nothing

--- A word for bash.
---@param text string
---@return string
function M.quoted(text)
  if text ~= "" and not text:find("[^%w@%%_+=:,./-]") then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local quoted = M.quoted

function Line:add(...)
  local words = {...}
  for i, word in ipairs(words) do words[i] = quoted(word) end
  self.groups[#self.groups + 1] = words
end

function Line:lacks(format, ...)
  self.missing[#self.missing + 1] = format:format(...)
end

local base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function encoded(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    for k = 1, 4 do
      local at = (n >> (24 - 6 * k) & 63) + 1
      out[#out + 1] = (k == 3 and not b or k == 4 and not c) and "=" or base64:sub(at, at)
    end
  end
  return table.concat(out)
end

--- Bytes for bubblewrap to read; the number of the descriptor. Each is opened by an `exec` of its
--- own: then bash does not leave a second end of the pipe open.
function Line:input(bytes)
  local n = #self.inputs
  if n == MOST_FDS then self:lacks("more than %d files made of a text", MOST_FDS) end
  local command = bytes:find("[^%g \n\t]") and ("base64 -d <<<%s"):format(encoded(bytes))
    or "printf %s " .. quoted(bytes)
  self.inputs[n + 1] = ("exec %d< <(%s)"):format(FIRST_FD + n, command)
  return tostring(FIRST_FD + n)
end

local function octal(mode) return ("%04o"):format(mode) end

--- The fields of a step that are translated; with any other there is no line.
local fields = {
  namespaces = "join enter", ids = "uid gid user group", tmpfs = "target size mode read_only",
  bind = "source target read_only devices optional", proc = "target read_only from",
  dev = "target size terminals", mask = "paths optional", protect = "paths optional",
  watch = "paths queue", observe = "to",
  mkdir = "target mode", symlink = "target text", file = "target text mode",
  overlay = "target lower upper work tmpfs_upper size options read_only",
  remount = "target read_only", hostname = "name", chdir = "target", umask = "mode",
  capabilities = "keep bounding", seccomp = "program name default unknown rules", fds = "map",
  exec = "argv env path session init terminal", loopback = "", pivot = "", no_new_privileges = "",
}

local function check_fields(line, step)
  local known = fields[step[1]] and (" %s "):format(fields[step[1]])
  for key, value in order.sorted(known and step or {}) do
    if type(key) == "string" and not known:find(" " .. key .. " ", 1, true) then
      line:lacks("%s%s: %s = %s", step[1], step.target and " " .. step.target or "", key,
        tostring(value))
    end
  end
end

local make = {}

function make.namespaces(line, step)
  if step.join then return line:lacks("a program in a sandbox that is there already") end
  if step.enter then line:lacks("namespaces that are there already") end
  local words = {}
  for i = 2, #step do
    if step[i] == "time" then
      line:lacks("a time namespace")
    elseif step[i] ~= "mount" then
      words[#words + 1] = "--unshare-" .. step[i]
    end
  end
  line:add(table.unpack(words))
end

function make.ids(line, step)
  local uid, gid = step.uid[1], step.gid[1]
  local own = uid[2] == core.uid() and gid[2] == core.gid()
  if #step.uid > 1 or #step.gid > 1 or uid[3] > 1 or gid[3] > 1 or not own then
    return line:lacks("more than one id: a range, or the ids of somebody else")
  end
  line:add("--uid", tostring(uid[1]), "--gid", tostring(gid[1]))
end

function make.bind(line, step)
  if type(step.source) ~= "string" then
    return line:lacks("bind %s: of what is open, not of a path", step.target)
  end
  local try = step.optional and "-try" or ""
  if not step.devices then
    line:add((step.read_only == false and "--bind" or "--ro-bind") .. try, step.source, step.target)
    return
  end
  line:add("--dev-bind" .. try, step.source, step.target)
  if step.read_only == false then return end
  local st = core.stat(step.source, "follow")
  if step.optional or not st or st.type == "directory" then
    line:lacks("bind %s: read-only, with devices that work", step.target)
  end
  line:add("--remount-ro", step.target)
end

function make.tmpfs(line, step)
  if step.read_only then line:lacks("tmpfs %s: read_only = true", step.target) end
  local words = {"--perms", octal(step.mode or 493), "--tmpfs", step.target}
  if step.size then words = {"--size", tostring(step.size), table.unpack(words)} end
  line:add(table.unpack(words))
end

function make.proc(line, step)
  if step.from == "bind" then return line:add("--ro-bind", "/proc", step.target) end
  line:add("--proc", step.target)
  if step.read_only then line:add("--remount-ro", step.target) end
end

function make.dev(line, step)
  if step.size then line:lacks("a bound on the size of %s", step.target) end
  line:add("--dev", step.target)
end

--- What is covered in the new world has to be known now: a file or a directory.
function make.mask(line, step)
  for _, path in ipairs(step.paths) do
    local st = path:find("^/proc/") and core.stat(path)
    if not st then
      if not (step.optional and path:find("^/proc/")) then line:lacks("mask %s", path) end
    elseif st.type == "directory" then
      line:add("--tmpfs", path, "--remount-ro", path)
    else
      line:add("--ro-bind", "/dev/null", path)
    end
  end
end

function make.protect(line, step)
  line:lacks("protect %s", table.concat(step.paths, " "))
end

function make.watch(line) line:lacks("a note of the files that are opened") end

function make.observe(line) line:lacks("a note of the paths that are asked for") end

function make.mkdir(line, step)
  line:add("--perms", octal(step.mode or 493), "--dir", step.target)
end

function make.symlink(line, step) line:add("--symlink", step.text, step.target) end

function make.file(line, step)
  line:add("--perms", octal(step.mode or 420), "--file", line:input(step.text), step.target)
end

function make.overlay(line, step)
  line.overlays = true
  local length = 100 -- for what bubblewrap adds
  for i = #step.lower, 1, -1 do
    length = length + #step.lower[i] + 12 -- its name for them, and escapes
    line:add("--overlay-src", step.lower[i])
  end
  if length > PAGE then
    line:lacks("overlay %s: %d lower directories; it cuts their list at %d bytes", step.target,
      #step.lower, PAGE)
  end
  for _, option in ipairs(step.options or {}) do
    if option ~= "userxattr" and option ~= "volatile" then
      line:lacks("overlay %s: %s", step.target, option)
    end
  end
  if step.size then line:lacks("overlay %s: a bound on its size", step.target) end
  if step.read_only then return line:add("--ro-overlay", step.target) end
  if not step.upper then return line:add("--tmp-overlay", step.target) end
  local work = step.work or step.upper:gsub("([^/]+)/*$", ".%1.work")
  line.before[#line.before + 1] = ("mkdir -p %s %s || exit"):format(quoted(step.upper),
    quoted(work))
  line:add("--overlay", step.upper, work, step.target)
end

function make.remount(line, step)
  if step.read_only == false then line:lacks("remount %s: read-write", step.target) end
  line:add("--remount-ro", step.target)
end

function make.hostname(line, step) line:add("--hostname", step.name) end

function make.chdir(line, step) line:add("--chdir", step.target) end

function make.umask(line, step) line.before[#line.before + 1] = "umask " .. octal(step.mode) end

function make.capabilities(line, step)
  line:add("--cap-drop", "ALL")
  for _, name in ipairs(step.keep or {}) do line:add("--cap-add", name:upper()) end
end

function make.rlimit(line, step)
  for name, value in order.sorted(step) do
    if name ~= 1 then
      local pair = type(value) == "table" and value or {value, value}
      line.limits[#line.limits + 1] = ("--%s=%s:%s"):format(name, pair[1], pair[2])
    end
  end
end

function make.seccomp(line, step)
  local program = step.program
    or core.filter {default = step.default, unknown = step.unknown, rules = step.rules}
  line:add("--add-seccomp-fd", line:input(program))
end

function make.fds(line, step)
  for number, source in order.sorted(step.map) do
    if number ~= source or number > 2 then line:lacks("descriptor %s, of %s", number, source) end
  end
end

function make.exec(line, step)
  if step.terminal then line:lacks("a terminal of the sandbox's own") end
  if step.path ~= (step.env or {}).PATH then
    line:lacks("a program that is looked for elsewhere than in PATH")
  end
  line:add("--die-with-parent")
  if step.session then line:add("--new-session") end
  if not step.init then line:add("--as-pid-1") end
  line:add("--clearenv")
  for name, value in order.sorted(step.env or {}) do line:add("--setenv", name, value) end
  line:add("--", table.unpack(step.argv))
end

local lacking = {
  cgroup = "limits by control groups", landlock = "Landlock", sysfs = "a sysfs",
  propagation = "a change of propagation", time = "a time namespace",
  no_new_namespaces = "namespaces that cannot be made inside",
}

-- what bubblewrap does by itself
for _, verb in ipairs {"loopback", "pivot", "no_new_privileges"} do
  make[verb] = function() end
end

--- What is beside the steps: clocks, and who reads what is written.
local beside = {"timeout", "idle_timeout", "pty"}

local redirects = {
  {"stdin", "<", null = "</dev/null", closed = "<&-"},
  {"stdout", ">", null = ">/dev/null", closed = ">&-"},
  {"stderr", "2>", null = "2>/dev/null", closed = "2>&-", stdout = "2>&1"},
}

--- The three streams. Of a library's, what is captured is the line's own.
function Line:streams(options)
  local words = {}
  for _, stream in ipairs(redirects) do
    local value = options[stream[1]]
    if type(value) == "string" and value:find("/", 1, true) then
      words[#words + 1] = stream[2] .. quoted(value)
    elseif type(value) == "string" then
      words[#words + 1] = stream[value]
    elseif value ~= nil then
      self:lacks("%s: a handle, or a table", stream[1])
    end
  end
  self.redirections = words
end

local function translated(plan, options)
  local line = setmetatable({groups = {}, inputs = {}, before = {}, missing = {}, limits = {},
    overlays = false}, Line)
  for _, step in ipairs(plan) do
    if make[step[1]] then
      check_fields(line, step)
      make[step[1]](line, step)
    else
      line:lacks("%s", lacking[step[1]] or ("the step '%s'"):format(step[1]))
    end
  end
  if plan[1][1] ~= "namespaces" then line:lacks("a program without namespaces") end
  for _, key in ipairs(beside) do
    if options[key] then line:lacks("%s", key) end
  end
  if options.network == "user" then line:lacks("a network by pasta") end
  if next(options.fds or {}) then line:lacks("fds") end
  line:streams(options)
  return line
end

local head = [[
# For bash. Unlike moonsand, bubblewrap %s passes on all open descriptors, sets
# PWD, has /dev/pts and /dev/shm always, kills what is inside at once when it is stopped, and exits
# with 1 when there is no program.
]]

local function command(line)
  local parts, first = {}, {"exec"}
  if #line.limits > 0 then first = {"exec prlimit", table.concat(line.limits, " ")} end
  first[#first + 1] = "bwrap"
  parts[1] = table.concat(first, " ")
  for _, words in ipairs(line.groups) do parts[#parts + 1] = table.concat(words, " ") end
  table.move(line.redirections, 1, #line.redirections, #parts + 1, parts)
  return table.concat(parts, " \\\n  ")
end

--- The command line of bubblewrap that is equal to a plan.
---@param plan moonsand.sandbox.Plan
---@param options? {stdin?: string, stdout?: string, stderr?: string, timeout?: number,
---  idle_timeout?: number, pty?: boolean}   what is beside the steps
---@return string? text      for bash; nil: there is none
---@return string[] missing  what bubblewrap has no equal for
function M.line(plan, options)
  local line = translated(plan, options or {})
  if #line.missing > 0 then return nil, line.missing end
  local parts = line.before
  table.move(line.inputs, 1, #line.inputs, #parts + 1, parts)
  parts[#parts + 1] = command(line)
  return head:format(line.overlays and "(0.11 or newer, for overlays)" or "(0.8 or newer)")
    .. "(\n" .. table.concat(parts, "\n") .. "\n)\n", {}
end

return M
