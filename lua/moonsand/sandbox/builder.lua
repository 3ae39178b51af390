--- The chain spelling: `sandbox.builder():script("echo hi"):env("A", "b"):build():execute()`.
local M = {}

---@class moonsand.sandbox.Builder
local Builder = {__name = "moonsand.sandbox.Builder"}
Builder.__index = Builder

local function append(list)
  return function(self, entry)
    self.options[list] = self.options[list] or {}
    table.insert(self.options[list], entry)
    return self
  end
end

local function set(key)
  return function(self, value)
    self.options[key] = value
    return self
  end
end

for _, key in ipairs {"script", "command", "root", "cwd", "network", "ids", "hostname", "umask",
  "timeout", "grace", "idle_timeout", "limits", "stdin", "stdout", "stderr", "on_output",
  "session", "pty", "as_init", "name", "seccomp", "nested", "fsync", "chown", "landlock",
  "isolation", "uid", "gid", "cap_add", "cap_drop", "share", "join", "time", "fds",
  "capture_limit", "proc", "sysfs", "devpts"} do
  Builder[key] = set(key)
end

Builder.overlay = append "overlays"
Builder.tmpfs = append "tmpfs"
Builder.dir = append "dirs"
Builder.symlink = append "symlinks"
Builder.file = append "files"
Builder.steps = append "steps"
Builder.profile = append "profile"

Builder.device = append "devices"
Builder.mask = append "mask"
Builder.protect = append "protect"
Builder.watch = append "watch"
Builder.observe = append "observe"

--- Bind a path of the caller, read-only unless said otherwise.
---@param source string
---@param target? string
---@param more? {read_only?: boolean, optional?: boolean, devices?: boolean}
function Builder:bind(source, target, more)
  local entry = {source = source, target = target}
  for key, value in pairs(more or {}) do entry[key] = value end
  return append "binds"(self, entry)
end

---@param name string
---@param value string
function Builder:env(name, value)
  self.options.env = self.options.env or {}
  self.options.env[name] = value
  return self
end

--- A directory (or a layer, by its path) as the next lower of /work; the first one wins.
---@param layer string|{path: string}
function Builder:target_dep(layer)
  return append "lower"(self, type(layer) == "table" and layer.path or layer)
end

--- The sandbox.
---@return moonsand.Sandbox
function Builder:build()
  return self.new(self.options)
end

---@param new fun(options: table): moonsand.Sandbox
---@return moonsand.sandbox.Builder
function M.start(new)
  return setmetatable({options = {}, new = new}, Builder)
end

return M
