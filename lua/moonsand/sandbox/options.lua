--- The option table of `sandbox.new`: which keys there are, and what each may hold.
local lazy = require "moonsand.lazy"
local capabilities = require "moonsand.sandbox.capabilities"
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local filter = require "moonsand.sandbox.filter"
local hooks = lazy "moonsand.sandbox.hooks"
local ids = require "moonsand.sandbox.ids"
local isolation = lazy "moonsand.sandbox.isolation"
local kernel = require "moonsand.sandbox.kernel"
local landlock = lazy "moonsand.sandbox.landlock"
local limit = require "moonsand.sandbox.limit"
local mounts = require "moonsand.sandbox.mounts"
local namespaces = require "moonsand.sandbox.namespaces"
local observe = lazy "moonsand.sandbox.observe"
local order = require "moonsand.order"
local profile = require "moonsand.sandbox.profile"
local redirect = require "moonsand.sandbox.redirect"
local watch = require "moonsand.sandbox.watch"

local M = {}

local wrong, check_kind, check_keys, check_words = check.wrong, check.kind, check.keys, check.words

---@class moonsand.sandbox.Options
---@field script? string      shell text, run by `sh -e`; or
---@field command? string[]   the program and its arguments
---@field root? string        "host" (default), "empty", or a directory
---@field binds? moonsand.sandbox.Bind[]
---@field overlays? moonsand.sandbox.Overlay[]
---@field lower? string[]     short for one overlay on /work with a vanishing upper
---@field tmpfs? {target: string, size?: integer|string, mode?: integer, order?: integer}[]
---@field dirs? (string|{target: string, mode?: integer, order?: integer})[]
---@field symlinks? {target: string, text: string, order?: integer}[]
---@field files? {target: string, text: string, mode?: integer, order?: integer}[]
---@field proc? "fresh"|"bind"|"auto"|false   default "fresh"; bind: the caller's, read-only
---@field sysfs? boolean      a read-only /sys; needs a network of the sandbox's own
---@field devpts? boolean     /dev/ptmx and /dev/pts of its own (default: with 'pty')
---@field devices? string[]   device nodes of the caller's /dev that work inside
---@field mask? string[]      paths inside that are empty, whatever is there
---@field protect? string[]   paths inside that are read-only where they are, with all below them
---@field watch? string[]     directories inside; `result.opened`: which of their files were opened
---@field observe? string[]   paths inside; `result.observed`: what of them and below them was asked
---  for, and whether it is there
---@field env? table<string, string>
---@field cwd? string         default: /work when there is one, else /
---@field network? "none"|"host"|"user"|string|boolean   default "none": only a loopback of its own;
---  a path is the file of a network namespace
---@field join? table<"cgroup"|"ipc"|"net"|"uts", any>   namespaces that are there: paths or handles
---@field share? string[]     namespaces that stay the host's: "cgroup", "ipc", "net", "pid", "uts"
---@field time? moonsand.sandbox.Time   a time namespace, with clocks that are ahead or behind
---@field ids? "self"|"root"|"range"|moonsand.sandbox.Ids   default "self": the caller's ids
---@field uid? integer        who the program is inside; any number where there is one id
---@field gid? integer
---@field cap_add? string[]   capabilities that the program has; none without it (docs/ids.md)
---@field cap_drop? string[]  those of "all" that it does not have
---@field hostname? string
---@field umask? integer
---@field timeout? number     seconds of wall time until TERM
---@field grace? number       seconds from TERM to KILL (default 5)
---@field idle_timeout? number   seconds without output until TERM; the output must be captured
---@field limits? moonsand.sandbox.Limits
---@field stdin? string|moonsand.Fd|moonsand.sandbox.Descriptor   a path, a handle, a table, or
---  "null" (default), "inherit", "closed"
---@field stdout? string|moonsand.Fd|moonsand.sandbox.Descriptor|moonsand.sandbox.Tee   the same, or
---  "capture" (default)
---@field stderr? string|moonsand.Fd|moonsand.sandbox.Descriptor|moonsand.sandbox.Tee   the same, or
---  "stdout": merged
---@field fds? table<integer, string|moonsand.Fd|moonsand.sandbox.Descriptor>   what else is open
---  inside, by its number there ("stdout": where that goes); all other descriptors are closed
---@field capture_limit? integer|string   bytes of a captured stream that are kept in memory (16M);
---  the rest is in a temporary file
---@field on_output? fun(stream: "stdout"|"stderr", bytes: string)   instead of keeping what is
---  captured
---@field session? boolean    default true: a session of its own, without the caller's terminal
---@field pty? boolean|{rows: integer, columns: integer}   a terminal of its own: stdin is copied to
---  it, what it shows is stdout
---@field as_init? boolean    the program itself is pid 1
---@field seccomp? "build"|"none"|moonsand.sandbox.Seccomp   which system calls pass
---@field nested? boolean     it may make sandboxes of its own: mounts and namespaces pass
---@field fsync? "on"|"off"   off: fsync and its like succeed at once
---@field chown? "real"|"ignore"|"error"   what changing an owner does where there is one id
---@field landlock? moonsand.sandbox.Landlock
---@field isolation? "namespaces"|"filters"   filters: where there are no user namespaces
---@field steps? moonsand.sandbox.Hook[]   steps of one's own before or after named ones
---@field profile? moonsand.sandbox.Options|moonsand.sandbox.Options[]   what these build on
---@field name? string        for messages

local kinds = {
  script = "string", command = "table", root = "string", binds = "table", overlays = "table",
  lower = "table", tmpfs = "table", dirs = "table", symlinks = "table", files = "table",
  env = "table", cwd = "string", network = {"string", "boolean"}, ids = {"string", "table"},
  share = "table", join = "table", time = "table", uid = "number", gid = "number",
  cap_add = "table", cap_drop = "table",
  hostname = "string", umask = "number", timeout = "number", grace = "number",
  idle_timeout = "number", limits = "table",
  stdin = {"string", "userdata", "table"}, stdout = {"string", "userdata", "table"},
  stderr = {"string", "userdata", "table"}, fds = "table", capture_limit = {"number", "string"},
  on_output = "function", session = "boolean",
  pty = {"boolean", "table"}, as_init = "boolean", name = "string", seccomp = {"string", "table"},
  nested = "boolean", fsync = "string", chown = "string", landlock = "table",
  isolation = "string", proc = {"string", "boolean"}, sysfs = "boolean", devpts = "boolean",
  devices = "table", mask = "table", protect = "table", watch = "table",
  observe = "table",
  steps = "table", profile = "table",
}

local function check_program(options)
  if options.script and options.command then wrong("give either 'script' or 'command'") end
  if not options.command then return end
  check_words("command", options.command)
  if #options.command == 0 then wrong("'command' is empty") end
end

local function check_environment(env)
  for name, value in order.sorted(env) do
    check_kind("a name in 'env'", name, "string")
    check_kind(("env.%s"):format(name), value, "string")
    if name == "" or name:find("[=%z]") then
      wrong(("'%s' cannot be the name of an environment variable"):format(name))
    end
  end
end

--- Where / and the program start.
local function check_places(given)
  local cwd, root = given.cwd, given.root
  if cwd and cwd:sub(1, 1) ~= "/" then
    wrong(("'cwd' is '%s', which is no absolute path inside"):format(cwd))
  end
  if not root or root == "host" or root == "empty" then return end
  local there = core.stat(root, "follow")
  if there and there.type == "directory" then return end
  local near = not root:find("/", 1, true) and fault.nearest(root, {"host", "empty"})
  wrong(("'root' is '%s': %s"):format(root, there and "that is no directory"
    or "there is no such directory"), near and ("did you mean '%s'?"):format(near)
    or "it may be host, empty, or a directory of the caller's")
end

local function check_times(given)
  check.seconds("timeout", given.timeout)
  check.seconds("idle_timeout", given.idle_timeout)
  check.seconds("grace", given.grace, true)
end

--- What can be said without making anything of it.
local function check_values(given)
  check_program(given)
  check_places(given)
  check_times(given)
  kernel.check(given)
  ids.check(given)
  capabilities.check(given)
  namespaces.check(given)
  watch.check(given)
  if given.observe then observe.check(given) end
  if given.isolation ~= nil then isolation.check(given) end
end

--- Check a table of options and return a complete copy of it.
---@param given moonsand.sandbox.Options
---@return table
function M.check(given)
  check_kind("the option table", given, "table")
  check_keys("the options", given, kinds)
  if given.profile then
    given = profile.apply(given)
    check_keys("the profile", given, kinds)
  end
  check_values(given)
  local options = {}
  for key, value in pairs(given) do options[key] = value end
  redirect.check(options)
  options.capture_limit = options.capture_limit and check.bytes(options.capture_limit,
    "'capture_limit'")
  mounts.check(given, options)
  options.limits = limit.check(options.limits or {})
  options.timeout = options.timeout or options.limits.wall and options.limits.wall.value
  options.env = options.env or {}
  check_environment(options.env)
  namespaces.complete(options)
  options.ids = options.ids or "self"
  options.root = options.root or "host"
  options.filter = filter.step(options)
  options.steps = {}
  for i, hook in ipairs(given.steps or {}) do options.steps[i] = hooks.check(hook) end
  if options.isolation == "filters" then
    options.as_init = true
    options.bounds, options.not_enforced = isolation.bounds(options)
  else
    options.not_enforced = {}
    if options.landlock then
      options.bounds, options.not_enforced = landlock.step(options.landlock)
    end
    for _, unmet in ipairs(namespaces.unmet(options)) do
      table.insert(options.not_enforced, unmet)
    end
  end
  return options
end

--- The keys of one program; the others are the sandbox's own.
local program_keys = {
  script = true, command = true, env = true, cwd = true, umask = true, timeout = true,
  grace = true, idle_timeout = true, stdin = true, stdout = true, stderr = true,
  fds = true, capture_limit = true, on_output = true, session = true, pty = true, name = true,
}

local function extended(base, more)
  if type(more) ~= "table" or not base then return more or base end
  return profile.over(base, more)
end

--- The checked options of a sandbox with another program. Its `env` adds to the sandbox's.
---@param given moonsand.sandbox.Options              the sandbox's
---@param program? string|moonsand.sandbox.Options   a script, or the keys of a program
---@return table
function M.program(given, program)
  if type(program) == "string" then program = {script = program} end
  local own = {}
  for key, value in pairs(given) do own[key] = value end
  if program and (program.script or program.command) then own.script, own.command = nil, nil end
  for key, value in order.sorted(program or {}) do
    if kinds[key] and not program_keys[key] then
      wrong(("'%s' is the sandbox's, not a program's"):format(key))
    end
    own[key] = value
  end
  own.env = extended(given.env, program and program.env)
  return M.check(own)
end

return M
