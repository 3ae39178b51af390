--- The parse cache: what is known of each recipe file, for as long as no file that was read for it,
--- or looked for in vain, is another one. Damage only costs time.
local core = require "moonsand.core"
local order = require "moonsand.order"
local packed = require "moonsand.recipe.packed"
local records = require "moonsand.recipe.record"
local sealed = require "moonsand.recipe.sealed"
local seen = require "moonsand.recipe.seen"

local M = {}

local pack, unpack = string.pack, string.unpack

-- Changes with what a record holds.
local format = "moonsand parse cache 5"

---@class moonsand.recipe.Cache
---@field hits integer
---@field misses integer
local Cache = {__name = "moonsand.recipe.Cache"}
Cache.__index = Cache

-- The whole file: the state of all paths; strings, each once; records: name, paths and tasks as
-- numbers of strings, why each recipe took itself out, text. A path that is another one now is in
-- `others`.
local function parse(self, body)
  local state, strings, count, at = unpack("<s4s4I4", body)
  strings = packed.open(strings)
  self.others = seen.changes(state)
  for _ = 1, count do
    local file
    local record = {strings = strings}
    file, record.paths, record.skipped, record.tasks, record.text, at =
      unpack("<s4s4s4s4s4", body, at)
    self.records[file] = record
  end
end

local function numbered(strings, list)
  local names = {}
  for i = 1, #list // 4 do names[i] = strings:string((unpack("<I4", list, i * 4 - 3))) end
  return names
end

-- A record of the file as it was put: its lists are made when they are asked for.
local function whole(record)
  if record.strings then
    local strings, tasks, at = record.strings, {}, 1
    record.paths = numbered(strings, record.paths)
    while at <= #record.tasks do
      tasks[#tasks + 1], at = unpack("<s4", record.tasks, at)
      tasks[#tasks] = numbered(strings, tasks[#tasks])
    end
    record.tasks, record.strings = tasks, nil
  end
  return record
end

--- The cache of a configuration.
---@param directory string
---@param key string        what the configuration was made from
---@return moonsand.recipe.Cache
function M.open(directory, key)
  local self = setmetatable({
    directory = directory, path = ("%s/%s"):format(directory, core.sha256(format .. key)),
    identities = seen.identities(), hits = 0, misses = 0, changed = false, records = {},
    others = {}, -- paths that are other ones than when the cache was written
  }, Cache)
  local body = sealed.read(self.path, format)
  if body then parse(self, body) end
  return self
end

--- The key of a configuration: the states of the files that it was made from, and what else counts.
---@param files table<string, boolean>
---@param more table<string, string>
---@return string
function M.key(files, more)
  local parts, identities = {}, seen.identities()
  for path in order.sorted(files) do parts[#parts + 1] = path .. "\0" .. identities[path] end
  for name, value in order.sorted(more) do parts[#parts + 1] = name .. "\0" .. value end
  return core.sha256(table.concat(parts, "\0\0"))
end

-- Is a record what would be put now?
local function holds(self, record)
  if not record.strings or next(self.others) == nil then return true end
  for at = 1, #record.paths, 4 do
    if self.others[record.strings:string((unpack("<I4", record.paths, at)))] then return false end
  end
  return true
end

--- What is known of a file, when nothing changed since it was put.
---@param file string
---@return string? skipped   for `record.skipped`
---@return (fun(): table[])? fields
---@return (fun(variant: integer): string[])? lines   the lines of the tasks of one of them
function Cache:get(file)
  local record = self.records[file]
  if not record or not holds(self, record) then
    self.misses = self.misses + 1
    return nil
  end
  self.hits = self.hits + 1
  return record.skipped, function() return records.fields(record.text) end, function(variant)
    return whole(record).tasks[variant]
  end
end

--- Keep what is known of a file.
---@param file string
---@param record moonsand.recipe.Record
function Cache:put(file, record)
  self.records[file] = {paths = record.paths, text = record.text, tasks = record.tasks,
    skipped = record.skipped}
  for _, path in ipairs(record.paths) do seen.look(self.identities, path) end
  self.changed = true
end

-- A list of strings as numbers.
local function numbers_of(strings, list)
  local parts = {}
  for i, text in ipairs(list) do parts[i] = pack("<I4", strings:string(text)) end
  return table.concat(parts)
end

local function encoded(self, known)
  local strings, parts, paths = packed.new(), {}, {}
  for file, record in order.sorted(self.records) do
    if known[file] and holds(self, record) then
      local tasks = {}
      record = whole(record)
      for _, path in ipairs(record.paths) do paths[path] = "all" end
      for i, lines in ipairs(record.tasks) do tasks[i] = pack("<s4", numbers_of(strings, lines)) end
      parts[#parts + 1] = pack("<s4s4s4s4s4", file, numbers_of(strings, record.paths),
        record.skipped, table.concat(tasks), record.text)
    end
  end
  return pack("<s4s4I4", seen.state(paths, nil, self.identities), strings:text(), #parts) ..
    table.concat(parts)
end

--- Write it to the disk, when something was put. That it cannot be written is no failure.
---@param files string[]   the files that there are; what is known of others is dropped
function Cache:save(files)
  if not self.changed then return end
  local known = {}
  for _, file in ipairs(files) do known[file] = true end
  sealed.write(self.path, format, encoded(self, known))
  self.changed = false
end

return M
