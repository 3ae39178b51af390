--- Which limits there are, what they may be, and how they are written.
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.Limit
---@field value number|"unlimited"
---@field best_effort? boolean    a run without it is better than none
---@field soft? integer|"unlimited"   resources only: instead of `value`
---@field hard? integer|"unlimited"

---@alias moonsand.sandbox.LimitValue number|string|moonsand.sandbox.Limit

---@class moonsand.sandbox.Rates   one alone: the other way is not bounded
---@field read? integer|string
---@field write? integer|string

---@class moonsand.sandbox.Limits
---@field memory? moonsand.sandbox.LimitValue     bytes of all processes together; no swap besides
---@field pids? moonsand.sandbox.LimitValue       processes and threads at once
---@field cpu? moonsand.sandbox.LimitValue        cores, such as 1.5
---@field io? moonsand.sandbox.LimitValue|moonsand.sandbox.Rates   bytes a second, of each disk
---@field cpu_time? moonsand.sandbox.LimitValue   seconds of cpu time of one process: XCPU, KILL
---@field files? moonsand.sandbox.LimitValue      file descriptors of one process
---@field file_size? moonsand.sandbox.LimitValue  bytes of one file: XFSZ
---@field core? moonsand.sandbox.LimitValue       bytes of a core dump (default 0: none)
---@field stack? moonsand.sandbox.LimitValue      bytes of one stack
---@field disk? moonsand.sandbox.LimitValue       bytes of each file system that vanishes
---@field wall? moonsand.sandbox.LimitValue       seconds: the same as `timeout`
---@field as? moonsand.sandbox.LimitValue         these and the next: as in prlimit(1)
---@field data? moonsand.sandbox.LimitValue
---@field memlock? moonsand.sandbox.LimitValue
---@field msgqueue? moonsand.sandbox.LimitValue
---@field nice? moonsand.sandbox.LimitValue
---@field nproc? moonsand.sandbox.LimitValue
---@field rtprio? moonsand.sandbox.LimitValue
---@field sigpending? moonsand.sandbox.LimitValue

--- By name: what kind of value it has; `group` or `resource` says what holds it.
---@type table<string, {kind: string, group?: boolean, resource?: string}>
M.known = {
  memory = {kind = "bytes", group = true}, pids = {kind = "count", group = true},
  cpu = {kind = "cores", group = true}, io = {kind = "rates", group = true},
  cpu_time = {kind = "seconds", resource = "cpu"}, files = {kind = "count", resource = "nofile"},
  file_size = {kind = "bytes", resource = "fsize"}, core = {kind = "bytes", resource = "core"},
  stack = {kind = "bytes", resource = "stack"}, as = {kind = "bytes", resource = "as"},
  data = {kind = "bytes", resource = "data"}, memlock = {kind = "bytes", resource = "memlock"},
  msgqueue = {kind = "bytes", resource = "msgqueue"}, nice = {kind = "count", resource = "nice"},
  nproc = {kind = "count", resource = "nproc"}, rtprio = {kind = "count", resource = "rtprio"},
  sigpending = {kind = "count", resource = "sigpending"},
  disk = {kind = "bytes"}, wall = {kind = "time"},
}

local known = M.known

local CPU_GRACE = 5 -- seconds of cpu time between XCPU and KILL

local function wrong(name, value, what, hint)
  fault.throw("usage", ("sandbox: limit %s=%s: %s"):format(name, tostring(value), what),
    {hint = hint})
end

local units = {[""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30, T = 1 << 40}

local function bytes(name, text)
  local digits, unit = tostring(text):match("^(%d+%.?%d*)([KMGT]?)$")
  local size = digits and tonumber(digits) * units[unit]
  if not size or size > 2 ^ 62 or (unit == "" and math.type(size) ~= "integer") then
    wrong(name, text, "it is not a size", "write bytes, or 64K, 64M, 1.5G")
  end
  return math.floor(size)
end

local function whole(name, value, what)
  local count = math.tointeger(tonumber(value))
  if not count or count < 0 then wrong(name, value, ("it is not a number of %s"):format(what)) end
  return count
end

local function positive(name, value, what)
  local amount = tonumber(value)
  if not amount or amount <= 0 or amount >= 2 ^ 53 then
    wrong(name, value, ("it is not a number of %s above 0"):format(what))
  end
  return amount
end

--- Bytes a second: "10M" each way, "read=10M,write=5M", or a table of these two.
local function rates(name, given)
  local own = {}
  if type(given) == "table" then
    for _, way in ipairs {"read", "write"} do
      own[way] = given[way] ~= nil and bytes(name, given[way]) or nil
    end
  elseif tostring(given):find("=", 1, true) then
    for word in given:gmatch("[^,]+") do
      local way, size = word:match("^(%a+)=(.*)$")
      if way ~= "read" and way ~= "write" then
        wrong(name, given, "it is not a rate", "write 10M, or read=10M,write=5M")
      end
      own[way] = bytes(name, size)
    end
  else
    own.read = bytes(name, given)
    own.write = own.read
  end
  if own.read == 0 or own.write == 0 then wrong(name, given, "nothing can run with that") end
  return own
end

local parsers = {
  bytes = bytes,
  rates = rates,
  count = function(name, value)
    local things = known[name].resource == "nofile" and "files" or name == "pids" and "processes"
      or "things"
    return whole(name, value, things)
  end,
  seconds = function(name, value) return whole(name, value, "whole seconds") end,
  cores = function(name, value) return positive(name, value, "cores") end,
  time = function(name, value) return positive(name, value, "seconds") end,
}

local function parse(name, value)
  local limit = known[name]
  if value == "unlimited" and (limit.resource or limit.group) then return value end
  if type(value) ~= "number" and type(value) ~= "string" and limit.kind ~= "rates" then
    wrong(name, value, "it must be a number or a text")
  end
  local amount = parsers[limit.kind](name, value)
  if amount == 0 and not limit.resource then wrong(name, value, "nothing can run with that") end
  return amount
end

local entry_keys = {value = true, best_effort = true, soft = true, hard = true, read = true,
  write = true}

local function check_entry(name, given)
  for key in order.sorted(given) do
    if not entry_keys[key] then
      wrong(name, "{...}", ("unknown key '%s'"):format(tostring(key)),
        "write {value = ..., best_effort = true}")
    end
  end
  if given.best_effort ~= nil and type(given.best_effort) ~= "boolean" then
    wrong(name, "{...}", "'best_effort' must be true or false")
  end
  if not known[name].resource and (given.soft or given.hard) then
    wrong(name, "{...}", "only a resource of a process has a soft and a hard limit")
  end
  if name ~= "io" and (given.read or given.write) then
    wrong(name, "{...}", "only 'io' has 'read' and 'write'")
  end
end

--- Is one limit of a resource above another?
---@param a integer|"unlimited"
---@param b integer|"unlimited"
---@return boolean
function M.above(a, b)
  return b ~= "unlimited" and (a == "unlimited" or a > b)
end

--- One limit as {value =, best_effort =}, or {soft =, hard =, best_effort =} for a resource.
local function complete(name, given)
  if type(given) == "string" then
    local text = given:match("^best_effort:(.*)$")
    if text then given = {value = text, best_effort = true} end
  end
  if type(given) ~= "table" then given = {value = given} end
  check_entry(name, given)
  local own = {best_effort = given.best_effort or nil}
  local soft, hard = given.soft or given.value, given.hard
  if given.read or given.write then soft = {read = given.read, write = given.write} end
  if soft == nil and hard == nil then wrong(name, "{...}", "there is no value") end
  own.value = parse(name, soft == nil and hard or soft)
  if not known[name].resource then return own end
  own.soft = own.value
  own.hard = hard ~= nil and parse(name, hard) or own.soft
  if hard == nil and name == "cpu_time" and own.soft ~= "unlimited" then
    own.hard = own.soft + CPU_GRACE -- at a hard limit the kernel kills without a word
  end
  if M.above(own.soft, own.hard) then wrong(name, given.soft, "it is above the hard limit") end
  return own
end

--- Check the `limits` of an option table.
---@param given moonsand.sandbox.Limits
---@return table<string, moonsand.sandbox.Limit>
function M.check(given)
  local own = {}
  for name, value in order.sorted(given or {}) do
    if not known[name] then
      local near = type(name) == "string" and fault.nearest(name, order.keys(known))
      fault.throw("usage", ("sandbox: unknown limit '%s'"):format(tostring(name)), {
        hint = near and ("did you mean '%s'?"):format(near)
          or "known: " .. table.concat(order.keys(known), " "),
      })
    end
    own[name] = complete(name, value)
  end
  return own
end

--- A number of bytes for a person.
---@param size integer
---@return string
function M.text(size)
  for _, unit in ipairs {"G", "M", "K"} do
    local amount = size / units[unit]
    if amount >= 1 then return ("%.4g%s"):format(amount, unit) end
  end
  return tostring(size)
end

--- A limit as on the command line: "memory=64M".
---@param name string
---@param value number|"unlimited"
---@return string
function M.shown(name, value)
  if type(value) == "table" then
    local words = {}
    for way, rate in order.sorted(value) do words[#words + 1] = way .. "=" .. M.text(rate) end
    return ("%s=%s"):format(name, table.concat(words, ","))
  end
  local size = known[name].kind == "bytes" and type(value) == "number"
  return ("%s=%s"):format(name, size and M.text(value) or value)
end

return M
