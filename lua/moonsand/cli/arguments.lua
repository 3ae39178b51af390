--- From the arguments of `moonsand run` (moonsand.cli.options) to the table for `sandbox.new`.
local fault = require "moonsand.fault"
local profile = require "moonsand.sandbox.profile"

local M = {}

--- Cut a text at the first colon that is not written `\:`.
---@param text string
---@return string first
---@return string? second
local function cut(text)
  local at, plain = 1, nil
  while true do
    local colon = text:find(":", at, true)
    if not colon then break end
    if text:sub(colon - 1, colon - 1) ~= "\\" then
      plain = colon
      break
    end
    at = colon + 1
  end
  local function unescaped(part)
    return (part:gsub("\\:", ":"))
  end
  if not plain then return unescaped(text), nil end
  return unescaped(text:sub(1, plain - 1)), unescaped(text:sub(plain + 1))
end

local function wrong(step, reason, hint)
  fault.throw("usage", ("'%s %s': %s"):format(step.option, step.value, reason), {
    hint = hint or "moonsand help run",
  })
end

local function absolute(step, path, what)
  if path:sub(1, 1) ~= "/" then
    wrong(step, ("the place inside, '%s', is not an absolute path"):format(path), what)
  end
  return path
end

local function octal(step, text, example)
  if not text:find("^[0-7]+$") or #text > 4 then
    wrong(step, "it is not an octal number such as " .. example)
  end
  return tonumber(text, 8)
end

--- Add a mount; later ones go over earlier ones, whatever their kind.
local function add(spec, list, entry)
  spec.last = spec.last + 1
  entry.order = spec.last
  table.insert(spec[list], entry)
end

local function bind(fields)
  return function(spec, step)
    local source, target = cut(step.value)
    if source == "" then wrong(step, "no source is named") end
    local entry = {
      source = source,
      target = absolute(step, target or source, ("write %s %s:/place/inside"):format(
        step.option, source:gsub(":", "\\:"))),
    }
    for key, value in pairs(fields) do entry[key] = value end
    add(spec, "binds", entry)
  end
end

local function overlay(read_only)
  return function(spec, step)
    add(spec, "overlays", {
      target = absolute(step, step.value),
      lower = {},
      read_only = read_only or nil,
    })
  end
end

local function last_overlay(spec, step)
  return spec.overlays[#spec.overlays] or wrong(step, "there is no --overlay before it")
end

--- What each repeatable option adds to the table for `sandbox.new`.
local adders = {
  ["--ro"] = bind {read_only = true},
  ["--rw"] = bind {read_only = false},
  ["--ro?"] = bind {read_only = true, optional = true},
  ["--rw?"] = bind {read_only = false, optional = true},
  ["--dev-bind"] = bind {read_only = false, devices = true},
  ["--idmap"] = bind {read_only = false, idmap = true},
  ["--overlay"] = overlay(false),
  ["--overlay-ro"] = overlay(true),
}

adders["--lower"] = function(spec, step)
  table.insert(last_overlay(spec, step).lower, step.value)
end

adders["--upper"] = function(spec, step)
  local last = last_overlay(spec, step)
  if last.read_only then wrong(step, "the overlay before it is read-only") end
  if last.upper then wrong(step, ("the overlay already has '%s'"):format(last.upper)) end
  last.upper = step.value
end

adders["--tmpfs"] = function(spec, step)
  local target, rest = cut(step.value)
  local size, mode = (rest or ""):match("^([^:]*):?(.*)$")
  add(spec, "tmpfs", {target = absolute(step, target), size = size ~= "" and size or nil,
    mode = mode ~= "" and octal(step, mode, "1777") or nil})
end

adders["--dir"] = function(spec, step)
  add(spec, "dirs", {target = absolute(step, step.value)})
end

adders["--symlink"] = function(spec, step)
  local text, target = cut(step.value)
  if not target then wrong(step, "no place inside is named: TARGET:DST") end
  add(spec, "symlinks", {target = absolute(step, target), text = text})
end

local function pair(step, what)
  local name, value = step.value:match("^([^=]+)=(.*)$")
  if not name then wrong(step, "it is not " .. what) end
  return name, value
end

adders["--overlay-option"] = function(spec, step)
  local last = last_overlay(spec, step)
  local name, value = pair(step, "NAME=VALUE")
  last.options = last.options or {}
  last.options[name] = value
end

adders["--file"] = function(spec, step)
  local target, text = pair(step, "DST=TEXT")
  add(spec, "files", {target = absolute(step, target), text = text})
end

local paths = {["--device"] = "devices", ["--mask"] = "mask",
  ["--protect"] = "protect", ["--watch"] = "watch", ["--observe"] = "observe"}

for option, key in pairs(paths) do
  adders[option] = function(spec, step)
    table.insert(spec[key], absolute(step, step.value))
  end
end

adders["--env"] = function(spec, step)
  local name, value = pair(step, "NAME=VALUE")
  spec.env[name] = value
end

adders["--pass-env"] = function(spec, step, environment)
  if step.value == "" or step.value:find("=", 1, true) then
    wrong(step, "it is no name of a variable", "--env NAME=VALUE gives it a value")
  end
  spec.env[step.value] = environment(step.value)
end

local function word(key)
  return function(spec, step) table.insert(spec[key], step.value) end
end

adders["--cap-add"], adders["--cap-drop"] = word "cap_add", word "cap_drop"
adders["--share"] = word "share"

adders["--join"] = function(spec, step)
  local name, path = pair(step, "NS=PATH")
  spec.join[name] = path
end

adders["--unshare"] = function(spec, step)
  if step.value ~= "time" then
    wrong(step, "all other namespaces are the sandbox's own anyway", "--unshare time")
  end
  spec.time = spec.time or {boottime = 0}
end

adders["--time"] = function(spec, step)
  local clock, value = pair(step, "CLOCK=SECONDS")
  if not value:find("^%-?%d+$") or #value > 11 then wrong(step, "it is not a number of seconds") end
  spec.time = spec.time or {}
  spec.time[clock] = math.tointeger(tonumber(value))
end

adders["--limit"] = function(spec, step)
  local name, value = pair(step, "NAME=VALUE")
  spec.limits[name] = value
end

--- The number of a descriptor. 0, 1 and 2 are the standard streams.
local function descriptor(step, text)
  local number = text:find("^%d+$") and #text < 8 and math.tointeger(tonumber(text))
  if not number then wrong(step, ("'%s' is no number of a file descriptor"):format(text)) end
  return number
end

local function file_of(step)
  local left, path = pair(step, "N=FILE")
  local number, mode = left:match("^([^:]*):?(.*)$")
  if path == "" then wrong(step, "no file is named") end
  return descriptor(step, number), {path = path, mode = mode ~= "" and mode or nil}
end

adders["--fd"] = function(spec, step)
  local number, file = file_of(step)
  spec.fds[number] = file
end

adders["--tee"] = function(spec, step)
  local number, file = file_of(step)
  if number ~= 1 and number ~= 2 then
    wrong(step, "only what goes to 1 and 2 passes through here", "--tee 1=build.log")
  end
  spec.tees[number] = file
end

adders["--pass-fd"] = function(spec, step)
  local outside, inside = step.value:match("^([^:]*):?(.*)$")
  local number = descriptor(step, outside)
  spec.fds[inside == "" and number or descriptor(step, inside)] = {fd = number}
end

local function seconds(args, name)
  local text = args[name]
  if text == nil then return nil end
  local value = tonumber(text)
  if not value or value < 0 or value ~= value then
    wrong({option = "--" .. name:gsub("_", "-"), value = text}, "it is not a number of seconds")
  end
  return value
end

--- An id; what it may be is the sandbox's to say.
local function id(args, name)
  local text = args[name]
  if text == nil then return nil end
  if not text:find("^%d+$") or #text > 10 then
    wrong({option = "--" .. name, value = text}, "it is not a number such as 1000")
  end
  return math.tointeger(tonumber(text))
end

local function umask(text)
  return text and octal({option = "--umask", value = text}, text, "022")
end

--- A stream: the caller's own, or a file. A word of `sandbox.new` is a file name here.
local function stream(path)
  if path == nil then return nil end
  if path == "-" then return "inherit" end
  return path:sub(1, 1) == "/" and path or "./" .. path
end

--- The other end of a tee is the caller's stream; with a file in its place there is no need of one.
local function set_tee(spec, number, name, tee)
  if not tee then return end
  if spec[name] or spec.fds and spec.fds[number] then
    wrong({option = "--tee", value = ("%d=%s"):format(number, tee.path)},
      ("'%s' goes to a file already"):format(name), "leave one of the two out")
  end
  spec[name] = {tee = tee}
end

--- What no option names is the caller's own; with a terminal there is but what it shows.
local function set_streams(spec, args, tees)
  for number, name in pairs {[0] = "stdin", "stdout", "stderr"} do
    spec[name] = stream(args[name]) or spec[name]
    set_tee(spec, number, name, tees[number])
    local taken = spec[name] or spec.fds and spec.fds[number]
    if not taken and (number == 0 or not spec.pty) then
      spec[name] = number > 0 and args.capture and "capture" or "inherit"
    end
  end
end

--- Drop the lists that stayed empty, so that the sandbox's own defaults hold.
local function without_empty(spec)
  spec.last = nil
  for key, value in pairs(spec) do
    if type(value) == "table" and next(value) == nil then spec[key] = nil end
  end
  return spec
end

--- The command line's mounts go over all of a profile's.
local function last_order(base)
  local last = 0
  for _, list in pairs(base) do
    for _, entry in ipairs(type(list) == "table" and list or {}) do
      local at = type(entry) == "table" and entry.order
      if math.type(at) == "integer" then last = math.max(last, at) end
    end
  end
  return last
end

--- The table for `sandbox.new` that the arguments stand for. Pure: nothing is opened or run.
---@param args table                                parsed by a parser that `define` has seen
---@param environment fun(name: string): string?   the caller's environment
---@param base? table                               what they are said over: a profile
---@return table spec   without the command
function M.from_arguments(args, environment, base)
  base = base or {}
  local spec = {
    binds = {}, tmpfs = {}, dirs = {}, symlinks = {}, files = {}, overlays = {}, env = {},
    last = last_order(base),
    cap_add = {}, cap_drop = {}, share = {}, join = {}, as_init = args.as_init,
    limits = {}, devices = {}, mask = {}, protect = {}, watch = {}, observe = {},
    sysfs = args.sysfs, devpts = args.devpts,
    proc = args.proc ~= "none" and args.proc, idle_timeout = seconds(args, "idle_timeout"),
    session = args.session and args.session == "on",
    fds = {}, tees = {}, pty = args.pty, capture_limit = args.capture_limit,
    root = args.root, cwd = args.cwd, hostname = args.hostname, umask = umask(args.umask),
    ids = args.ids, uid = id(args, "uid"), gid = id(args, "gid"), network = args.network,
    isolation = args.isolation, nested = args.nested,
    seccomp = args.seccomp, landlock = args.landlock, fsync = args.fsync, chown = args.chown,
    steps = args.steps,
    timeout = seconds(args, "timeout"), grace = seconds(args, "grace"),
  }
  if not (base.env and base.env.TERM) then spec.env.TERM = environment "TERM" end
  for _, step in ipairs(args.ordered or {}) do adders[step.option](spec, step, environment) end
  for _, last in ipairs(spec.overlays) do
    if #last.lower == 0 then
      wrong({option = last.read_only and "--overlay-ro" or "--overlay", value = last.target},
        "it has no --lower")
    end
  end
  local tees = spec.tees
  spec.tees = nil
  spec = profile.merge(base, without_empty(spec))
  set_streams(spec, args, tees)
  return spec
end

return M
