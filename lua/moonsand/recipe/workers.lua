--- Reading recipes in several processes: each is a copy of this one, made when the configuration
--- was read, and sends back what the parse cache keeps of a file.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local parse = require "moonsand.recipe.parse"
local record = require "moonsand.recipe.record"

local M = {}

local pack, unpack = string.pack, string.unpack

-- The parts of a fault that go from one process to another; "" is nil.
local parts = {"kind", "message", "where", "hint", "reason"}

local function packed(list)
  local each = {}
  for i, text in ipairs(list) do each[i] = pack("<s4", text) end
  return table.concat(each)
end

local function unpacked(text)
  local list, at = {}, 1
  while at <= #text do list[#list + 1], at = unpack("<s4", text, at) end
  return list
end

local function bytes_of(index, ok, result)
  if ok then
    local tasks = {}
    for i, lines in ipairs(result.tasks) do tasks[i] = pack("<s4", packed(lines)) end
    return pack("<s4", pack("<I4s1s4s4s4s4", index, "R", packed(result.paths), table.concat(tasks),
      result.text, result.skipped))
  end
  if not fault.is(result) then result = fault.new("recipe", tostring(result), {reason = "bug"}) end
  local list = {}
  for i, name in ipairs(parts) do list[i] = pack("<s4", result[name] or "") end
  return pack("<s4", pack("<I4s1", index, "F") .. table.concat(list))
end

local function write_all(handle, bytes)
  local from = 1
  while from <= #bytes do
    local count = handle:write(bytes, from)
    if not count then os.exit(1, false) end -- nobody listens any more
    from = from + count
  end
end

-- The work of one process: every so-manyth file. It leaves without closing what is its parent's.
local function work(config, files, first, step, writer)
  for i = first, #files, step do
    local ok, result = pcall(function()
      local _, list = config:load(files[i])
      return record.record(list, config.data)
    end)
    write_all(writer, bytes_of(i, ok, result))
    config.loaded[files[i]] = nil
    parse.forget(config.reader, files[i])
  end
  config:close()
  os.exit(0, false)
end

local function decoded(message)
  local index, kind, at = unpack("<I4s1", message)
  if kind == "R" then
    local paths, tasks, text, skipped = unpack("<s4s4s4s4", message, at)
    tasks = unpacked(tasks)
    for i, lines in ipairs(tasks) do tasks[i] = unpacked(lines) end
    return index, {paths = unpacked(paths), tasks = tasks, text = text, skipped = skipped}
  end
  local fields = {}
  for _, name in ipairs(parts) do
    local value
    value, at = unpack("<s4", message, at)
    fields[name] = value ~= "" and value or nil
  end
  return index, nil, fault.new(fields.kind, fields.message, fields)
end

-- Take whole messages out of what has come.
local function take(worker, each)
  local at = 1
  while #worker.buffer - at + 1 >= 4 do
    local length = unpack("<I4", worker.buffer, at)
    if #worker.buffer - at + 1 < 4 + length then break end
    each(decoded(worker.buffer:sub(at + 4, at + 3 + length)))
    at = at + 4 + length
  end
  worker.buffer = worker.buffer:sub(at)
end

local function start(config, files, jobs)
  local workers = {}
  io.stdout:flush()
  io.stderr:flush()
  for i = 1, math.min(jobs, #files) do
    local reader, writer = assert(core.pipe())
    local process, problem = core.fork()
    if process == false then work(config, files, i, jobs, writer) end
    writer:close()
    if not process then fault.throw("host", "a process to read recipes: " .. problem) end
    workers[i] = {process = process, reader = reader, buffer = ""}
  end
  return workers
end

--- Read files in so many processes.
---@param config moonsand.recipe.Configuration
---@param files string[]
---@param jobs integer
---@param done fun(file: string, record?: moonsand.recipe.Record, problem?: moonsand.Fault)
function M.read(config, files, jobs, done)
  config:close() -- a helper is one process's own
  local workers, answered = start(config, files, jobs), {}
  local function each(index, result, problem)
    answered[index] = true
    done(files[index], result, problem)
  end
  while #workers > 0 do
    local list = {}
    for i, worker in ipairs(workers) do list[i] = {fd = worker.reader} end
    local ready = assert(core.poll(list))
    table.sort(ready, function(a, b) return a > b end)
    for _, i in ipairs(ready) do
      local worker = workers[i]
      local bytes = worker.reader:read(1 << 20)
      if bytes and bytes ~= "" then
        worker.buffer = worker.buffer .. bytes
        take(worker, each)
      else
        worker.reader:close()
        worker.process:close()
        table.remove(workers, i)
      end
    end
  end
  for i, file in ipairs(files) do
    if not answered[i] then
      done(file, nil, fault.new("recipe", "the process that read it ended", {where = file,
        reason = "helper", hint = "something killed it, or it ran out of memory: try again"}))
    end
  end
end

return M
