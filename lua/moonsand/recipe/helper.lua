--- The Python helper as a process: started when it is needed, asked over one connection. Requests
--- nest: while Python works on one it may ask for what this side knows, which may need Python.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local wire = require "moonsand.recipe.wire"

local M = {}

local pack, unpack, sub = string.pack, string.unpack, string.sub

---@class moonsand.recipe.Python     how to run the helper; whoever reads recipes gives it
---@field start fun(stream: moonsand.Fd, directories: moonsand.recipe.Seen[], observed?: boolean): {
---  close: fun(self)}   python3 helper.py, with the stream as its input and output. Throws a fault.
---  A second result is a stream to talk to it by, instead of the other end.
---@field observed? fun(process): {path: string, state: string, opened: boolean}[]?  all that one
---  asked for that was started so, when it has been left; nil: that is not known
---@field bitbake? string    the directory of BitBake's packages, when some are taken from there
---@field patience? number   seconds after which a silent helper is given up; nil: never

---@class moonsand.recipe.Seen       a directory that the helper sees
---@field path string
---@field scratch? boolean           what it writes there vanishes; without it, it cannot write

---@class moonsand.recipe.Helper
---@field generation integer    how often it was started
local Helper = {__name = "moonsand.recipe.Helper"}
Helper.__index = Helper

--- A helper that is not started yet.
---@param python moonsand.recipe.Python
---@param serve table<string, fun(helper: moonsand.recipe.Helper, frame: string)>  its requests
---@return moonsand.recipe.Helper
function M.new(python, serve)
  return setmetatable({python = python, serve = serve, generation = 0}, Helper)
end

-- Stores have numbers: even ones are ours, odd ones were made for Python and live until it says so.
local function forget_all(self)
  self.numbers = setmetatable({}, {__mode = "k"})
  self.known = setmetatable({}, {__mode = "v"})
  self.held, self.faults, self.queue = {}, {}, {}
  self.last, self.buffer, self.at, self.refused = 0, "", 1, nil
  self.encoder = function(store) return self:number(store) end
end

--- Start it unless it runs.
---@param directories moonsand.recipe.Seen[]
---@return boolean started
function Helper:start(directories)
  if self.stream then return false end
  local ours, theirs = core.pair()
  if not ours then fault.throw("host", "python helper: " .. theirs) end
  forget_all(self)
  local ok, process, stream = pcall(self.python.start, theirs, directories, self.sights ~= nil)
  if not ok and self.sights then -- this host cannot observe
    self.sights = nil
    ok, process, stream = pcall(self.python.start, theirs, directories)
  end
  theirs:close()
  if not ok then
    ours:close()
    error(process, 0)
  end
  if stream then ours:close() end
  self.process, self.stream = process, stream or ours
  self.generation = self.generation + 1
  return true
end

--- From now on, what it asks the kernel for is told by `observed`.
function Helper:observe()
  self:close()
  self.sights = self.python.observed and {} or nil
end

-- What it asked for is added; what is not known makes all unknown.
local function take_sights(self)
  local list = self.sights.unknown and {} or self.python.observed(self.process)
  if not list then self.sights = {unknown = true} end
  table.move(list or {}, 1, list and #list or 0, #self.sights + 1, self.sights)
end

--- End it.
function Helper:close()
  if self.stream then self.stream:close() end
  if self.process and self.sights then take_sights(self) end
  if self.process then self.process:close() end
  self.stream, self.process = nil, nil
end

--- End it, and tell all that it asked for since `observe`; nil when that is not known.
---@return {path: string, state: string, opened: boolean}[]?
function Helper:observed()
  self:close()
  local sights = self.sights
  self.sights = nil
  return sights and not sights.unknown and sights or nil
end

--- The number of a store.
---@param store moonsand.recipe.Data
---@return integer
function Helper:number(store)
  local number = self.numbers[store]
  if not number then
    self.last = self.last + 2
    number = self.last
    self.numbers[store], self.known[number] = number, store
  end
  return number
end

--- Give a store that Python made a number; it is kept until Python lets go of it.
---@param store moonsand.recipe.Data
function Helper:hold(store)
  self.last = self.last + 2
  local number = self.last + 1
  self.numbers[store], self.held[number] = number, store
end

--- Python has let go of a store.
---@param number integer
function Helper:release(number)
  local store = self.held[number]
  if store then self.numbers[store] = nil end
  self.held[number] = nil
end

--- The store of a number.
---@param number integer
---@return moonsand.recipe.Data?
function Helper:store(number)
  return self.held[number] or self.known[number]
end

--- A value as bytes.
---@param value any
---@return string
function Helper:encode(value)
  return wire.encode(value, self.encoder, self)
end

local function died(self, doing)
  self:close()
  fault.throw("recipe", "the Python helper ended while it was " .. doing, {reason = "helper",
    hint = "something killed it, or it ran out of memory: try again"})
end

-- The helper has time for what it does, but not for ever.
local function await(self)
  local patience = self.python.patience
  if not patience then return end
  local deadline = core.clock() + patience
  local entry = {{fd = self.stream, events = "r"}}
  repeat
    local ready = core.poll(entry, math.max(0, deadline - core.clock()))
    if ready and #ready > 0 then return end
  until core.clock() >= deadline
  self:close()
  fault.throw("recipe", ("Python said nothing for %d seconds, and was ended"):format(patience), {
    reason = "helper", hint = "the code waits for something, or does not end"})
end

local function write_all(self, bytes)
  local from = 1
  while from <= #bytes do
    local count = self.stream:write(bytes, from)
    if not count then died(self, "asked for something") end
    from = from + count
  end
end

-- Frames that nobody answers: writes, log lines, stores that Python has let go of, looks at clocks.
local is_message = {w = true, l = true, f = true, c = true}

-- The next frame, without its length.
local function receive(self)
  while true do
    local have = #self.buffer - self.at + 1
    if have >= 4 then
      local length = unpack("<I4", self.buffer, self.at)
      if have >= 4 + length then
        local from = self.at + 4
        self.at = from + length
        return sub(self.buffer, from, self.at - 1)
      end
    end
    await(self)
    local bytes = self.stream:read(1 << 16)
    if not bytes or bytes == "" then died(self, "at work") end
    self.buffer = have > 0 and sub(self.buffer, self.at) .. bytes or bytes
    self.at = 1
  end
end

--- Queue a message that is not answered; it leaves with the next request.
---@param kind string
---@param ... string
function Helper:post(kind, ...)
  self.queue[#self.queue + 1] = wire.frame(kind, ...)
end

--- Send what waits, and a frame.
---@param kind string
---@param ... string
function Helper:send(kind, ...)
  self:post(kind, ...)
  local bytes = table.concat(self.queue)
  self.queue = {}
  write_all(self, bytes)
end

-- The next frame that is an answer, or wants one. Messages before it are done first, now that
-- Python waits: what they do may need Python.
local function receive_answerable(self)
  local messages = {}
  while true do
    local frame = receive(self)
    local what = sub(frame, 1, 1)
    if not is_message[what] then
      for _, each in ipairs(messages) do self.serve[sub(each, 1, 1)](self, each) end
      return frame, what
    end
    messages[#messages + 1] = frame
  end
end

--- A request: its answer, or what Python threw: {kind, message, places, fault}.
---@param kind string
---@param ... string
---@return string? answer  a frame
---@return table? thrown
function Helper:request(kind, ...)
  self:send(kind, ...)
  while true do
    local frame, what = receive_answerable(self)
    if what == "R" then
      local refused = self.refused
      self.refused = nil
      if refused then return nil, {fault = refused} end
      return frame
    elseif what == "Z" then
      return nil, self:thrown(frame)
    end
    self.serve[what](self, frame)
  end
end

--- What Python threw.
---@param frame string
---@return table
function Helper:thrown(frame)
  local number, at = wire.decode(frame, 2, self)
  local kind, message, next_at = unpack("<s4s4", frame, at)
  local places = wire.decode(frame, next_at, self)
  local refused = self.refused
  self.refused = nil
  return {kind = kind, message = message, places = places,
    fault = number and self.faults[number] or refused}
end

-- After a failure that Python may catch, only what was at work before it is at work.
local function restore(d, busy, depth, current)
  d:abandon()
  d.busy, d.current = busy, current
  for i = #busy, depth + 1, -1 do
    busy[busy[i]] = nil
    busy[i] = nil
  end
end

--- Call a function that reads a store; a failure leaves what is being made there as it is.
---@param d moonsand.recipe.Data
---@param run function
---@param ... any
---@return boolean ok, any value
function M.undisturbed(d, run, ...)
  local busy, depth, current = d.busy, #d.busy, d.current
  local ok, value = pcall(run, ...)
  if not ok then
    restore(d, busy, depth, current)
    if fault.is(value) and value.reason == "helper" then error(value, 0) end
  end
  return ok, value
end

--- Answer a request of Python's with what a function gives for a store, or with the fault that it
--- throws.
---@param run fun(d: moonsand.recipe.Data, ...): any
---@param d moonsand.recipe.Data
---@param ... any
function Helper:answer(run, d, ...)
  local busy, depth, current = d.busy, #d.busy, d.current
  local ok, value = false, self.refused
  self.refused = nil
  if not value then ok, value = pcall(run, d, ...) end
  if not self.stream then error(value, 0) end -- it died while it was asked for something
  if ok then return self:send("R", self:encode(value)) end
  restore(d, busy, depth, current)
  if fault.is(value) and value.reason == "helper" then error(value, 0) end
  local number = #self.faults + 1
  self.faults[number] = value
  self:send("Z", self:encode(number), self:encode(fault.is(value) and value.reason == "skip"),
    pack("<c1s4", "S", fault.is(value) and value.message or tostring(value)))
end

Helper.__close = Helper.close
Helper.__gc = Helper.close

return M
