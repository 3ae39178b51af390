--- A sandbox's own network, connected to the host's by pasta(1): a process of the caller's, without
--- privileges outside of the sandbox's namespaces, that ends with it.
local core = require "moonsand.core"
local defaults = require "moonsand.sandbox.defaults"
local leftovers = require "moonsand.sandbox.leftovers"
local loop = require "moonsand.loop"
local network = require "moonsand.sandbox.network"
local result = require "moonsand.sandbox.result"
local text = require "moonsand.text"

local M = {}

---@class moonsand.sandbox.Link
---@field process moonsand.process
---@field place? string   a directory for its pid, until it is ready
---@field log moonsand.Fd  what it says
local Link = {__name = "moonsand.sandbox.Link"}
Link.__index = Link

local ENOENT <const>, patience <const> = 2, 10

--- Nothing is forwarded to the sandbox, and the host's loopback is not reached from it.
local function arguments(pid, place)
  local list = {
    "pasta", "--foreground", "--quiet", "--config-net", "--no-map-gw", "--tcp-ports", "none",
    "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none", "--address", network.address,
    "--netmask", network.bits, "--gateway", network.gateway, "--pid", place .. "/pid",
  }
  local function add(...) table.move({...}, 1, select("#", ...), #list + 1, list) end
  if network.forwards_names() then add("--dns-forward", network.resolver) end
  if core.uid() == 0 then add("--runas", "0") end -- another user could not enter the namespaces
  add(tostring(pid))
  return list
end

local noise = "^Failed to send %d+ bytes to syslog$"

--- What pasta said, as one line.
function Link:said()
  local lines = {}
  for line in (text.read("/proc/self/fd/" .. self.log:number()) or ""):gmatch("[^\n]+") do
    if not line:find(noise) then lines[#lines + 1] = line end
  end
  return #lines > 0 and table.concat(lines, "; ", math.max(1, #lines - 2)) or "it said nothing"
end

local function how(ended)
  return ended.signal and "signal " .. ended.signal or ("exit %d"):format(ended.exit_code)
end

local function failed(message, hint)
  local failure = result.failed("network: " .. message, nil, {verb = "network"})
  failure.hint = hint
  return failure
end

local function missing(message, errno)
  if errno ~= ENOENT then return failed(message) end
  return failed("pasta is not installed, and network = \"user\" needs it",
    "as root: apt-get install passt; or network = \"host\" shares the host's")
end

--- Wait until it has configured the network; the failure when it never does.
function Link:ready()
  local deadline = core.clock() + patience
  repeat
    local st = core.stat(self.place .. "/pid")
    if st and st.size > 0 then
      self:leave_place()
      return nil
    end
    loop.wait({{fd = self.process}}, 0.003)
    local ended = self.process:wait()
    if ended then
      local said = self:said()
      return failed(("pasta ended with %s: %s"):format(how(ended), said), said:find "tun"
        and "it needs /dev/net/tun; as root: modprobe tun; chmod 666 /dev/net/tun" or nil)
    end
  until core.clock() > deadline
  return failed(("pasta was not ready after %d seconds: %s"):format(patience, self:said()))
end

--- Connect a sandbox that is held.
---@param holder moonsand.process
---@param path? string   where pasta is looked for
---@return moonsand.sandbox.Link? link
---@return moonsand.sandbox.Result? failure
function M.connect(holder, path)
  local place, problem = core.mkdtemp(leftovers.scratch())
  if not place then return nil, failed(problem) end
  local self = setmetatable({place = place, log = assert(core.open(place .. "/log", "w"))}, Link)
  local null <close> = assert(core.open("/dev/null", "r"))
  local process, message, errno = core.spawn {
    {"fds", map = {[0] = null, [1] = self.log, [2] = self.log}},
    {"exec", argv = arguments(holder:pid(), place), env = {}, init = false,
      path = path or defaults.path},
  }
  if not process then
    self:close()
    return nil, missing(message, errno)
  end
  self.process = process
  local failure = self:ready()
  if failure then
    self:close()
    return nil, failure
  end
  return self
end

--- Say so when it ended before the program.
---@param list moonsand.sandbox.Unmet[]   appended to
function Link:tell(list)
  local ended = self.process:wait()
  if not ended then return end
  list[#list + 1] = {option = "network", hint = "run it again",
    reason = ("pasta ended before the program, with %s: %s"):format(how(ended), self:said())}
end

function Link:leave_place()
  if self.place then core.remove_tree(self.place) end
  self.place = nil
end

--- End it.
function Link:close()
  if self.process then self.process:close() end
  self.log:close()
  self:leave_place()
end

Link.__close = Link.close
Link.__gc = Link.close

return M
