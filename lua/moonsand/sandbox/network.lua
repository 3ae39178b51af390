--- The network of a sandbox: none, the host's, one of its own that `pasta` connects, or one that is
--- there already, by the file of its namespace.
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local defaults = require "moonsand.sandbox.defaults"
local fault = require "moonsand.fault"
local text = require "moonsand.text"

local M = {}

local wrong = check.wrong

local words = {none = true, host = true, user = true}

--- What a sandbox with a network of the kind "user" has: the same on every host.
M.address, M.bits, M.gateway, M.resolver = "10.0.2.15", "24", "10.0.2.2", "10.0.2.3"

--- The option as one word.
local function word(value, shared)
  if value == nil then return shared and "host" or "none" end
  if type(value) == "boolean" then return value and "host" or "none" end
  return value
end

--- Is it the file of a namespace, and no word?
---@param value any
---@return boolean
function M.is_path(value)
  return type(value) == "string" and value:find("/", 1, true) ~= nil
end

--- Pasta enters the sandbox before the program is in it, so somebody has to hold it until then.
local function check_user(options, share)
  local what = options.as_init and "'as_init'" or options.time and "'time'"
    or share.pid and "\"pid\" in 'share'"
  if what then
    wrong(what .. " cannot be had with network = \"user\": the sandbox is there before its program",
      "leave one of the two out")
  end
end

--- Refuse what is no network.
---@param options moonsand.sandbox.Options   of the right kinds
---@param share table<string, boolean>   what `share` names
function M.check(options, share)
  local value = word(options.network, share.net)
  if not words[value] and not M.is_path(value) then
    local near = fault.nearest(value, {"none", "host", "user"})
    wrong(("'network' is '%s'; it may be host or none or user, or a path"):format(value),
      near and ("did you mean '%s'?"):format(near))
  end
  if share.net and value ~= "host" then
    wrong(("'share' has \"net\", and 'network' is '%s'"):format(value), "leave one of the two out")
  end
  if options.isolation == "filters" and value ~= "none" and value ~= "host" then
    wrong(("network = \"%s\" needs namespaces, and isolation is 'filters'"):format(value),
      "there, 'network' is none or host")
  end
  if value == "user" then check_user(options, share) end
end

---@param options table   a copy; changed
---@param share table<string, boolean>
function M.complete(options, share)
  local value = word(options.network, share.net)
  if M.is_path(value) then options.join.net = check.absolute(value) end
  options.network = options.join.net and "joined" or value
end

--- Has the sandbox a network namespace of its own?
---@param options table   checked
---@return boolean
function M.is_own(options)
  return options.network == "none" or options.network == "user"
end

--- Has the host a name server that can be asked from an IPv4 address?
---@return boolean
function M.forwards_names()
  return ("\n" .. (text.read("/etc/resolv.conf") or "")):find("\nnameserver%s+%d+%.%d") ~= nil
end

local function file(steps, target, content)
  steps[#steps + 1] = {"file", target = target, text = content}
end

local made = {["/etc/hosts"] = true, ["/etc/resolv.conf"] = true}

--- A network that has a name may have files of its own (ip-netns(8)).
local function source_of(path, namespace)
  local name = type(namespace) == "string" and namespace:match("^/v?a?r?/?run/netns/([^/]+)$")
  local own = name and path:gsub("^/etc/", ("/etc/netns/%s/"):format(name))
  return own and core.stat(own) and own or path
end

--- Steps for the files by which programs find others and believe them.
---@param steps table[]   appended to
---@param options table   checked
function M.add_files(steps, options)
  local kind, namespace = options.network, (options.join or {}).net
  local own = M.is_own(options)
  if own then
    file(steps, "/etc/hosts", ("127.0.0.1 localhost %s\n::1 localhost\n"):format(
      options.hostname or defaults.hostname))
  end
  if kind == "none" then return end
  if own then
    file(steps, "/etc/resolv.conf", M.forwards_names() and ("nameserver %s\n"):format(M.resolver)
      or text.read("/etc/resolv.conf") or "")
  end
  for _, path in ipairs(defaults.etc_network) do
    if not own or not made[path] then
      steps[#steps + 1] = {"bind", source = source_of(path, namespace), target = path,
        optional = true}
    end
  end
end

return M
