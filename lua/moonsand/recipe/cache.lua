--- The parse cache: what is known of each recipe file, for as long as no file that was read for it,
--- or looked for in vain, is another one. Damage only costs time.
local core = require "moonsand.core"
local order = require "moonsand.order"
local read = require("moonsand.text").read

local M = {}

local pack, unpack = string.pack, string.unpack

-- Changes with what a record holds.
local format = "moonsand parse cache 1"

---@class moonsand.recipe.Record     what is known of a file
---@field paths string[]             that it was made from, or that were looked for
---@field text string                Lua: the fields of its recipes, one table a variant

---@class moonsand.recipe.Cache
---@field hits integer
---@field misses integer
local Cache = {__name = "moonsand.recipe.Cache"}
Cache.__index = Cache

-- What tells one state of a file from another; "-" when there is none.
local function identity(self, path)
  local known = self.identities[path]
  if not known then
    local stat = core.stat(path, "follow")
    known = stat and ("%d %d %d"):format(stat.mtime_ns, stat.size, stat.ino) or "-"
    self.identities[path] = known
  end
  return known
end

-- The whole file: a digest, then records: name, digest of the paths' identities, paths, text.
local function parse(text)
  local records = {}
  local digest, body = text:match("^" .. format .. "\n(%x+)\n(.*)$")
  if not digest or core.sha256(body) ~= digest then return records end
  local names, count, at = {}, unpack("<I4", body)
  for i = 1, count do names[i], at = unpack("<s4", body, at) end
  while at <= #body do
    local file, numbers, known, chunk
    file, numbers, known, chunk, at = unpack("<s4s4s4s4", body, at)
    local paths = {}
    for i = 1, #numbers // 4 do paths[i] = names[unpack("<I4", numbers, i * 4 - 3)] end
    records[file] = {paths = paths, identity = known, text = chunk}
  end
  return records
end

--- The cache of a configuration.
---@param directory string
---@param key string        what the configuration was made from
---@return moonsand.recipe.Cache
function M.open(directory, key)
  local self = setmetatable({
    directory = directory, path = ("%s/%s"):format(directory, core.sha256(format .. key)),
    identities = {}, hits = 0, misses = 0, changed = false,
  }, Cache)
  local text = read(self.path)
  self.records = text and parse(text) or {}
  return self
end

--- The key of a configuration: the states of the files that it was made from, and what else counts.
---@param files table<string, boolean>
---@param more table<string, string>
---@return string
function M.key(files, more)
  local parts, self = {}, {identities = {}}
  for path in order.sorted(files) do parts[#parts + 1] = path .. "\0" .. identity(self, path) end
  for name, value in order.sorted(more) do parts[#parts + 1] = name .. "\0" .. value end
  return core.sha256(table.concat(parts, "\0\0"))
end

local function identities(self, paths)
  local list = {}
  for i, path in ipairs(paths) do list[i] = identity(self, path) end
  return core.sha256(table.concat(list, "\n"))
end

--- The fields of a file's recipes, when nothing changed since they were put.
---@param file string
---@return table[]?
function Cache:get(file)
  local record = self.records[file]
  if record and identities(self, record.paths) == record.identity then
    local chunk = load(record.text, "=cache", "t", {})
    if chunk then
      self.hits = self.hits + 1
      return chunk()
    end
  end
  self.misses = self.misses + 1
end

--- Keep what is known of a file.
---@param file string
---@param record moonsand.recipe.Record
function Cache:put(file, record)
  self.records[file] = {paths = record.paths, text = record.text,
    identity = identities(self, record.paths)}
  self.changed = true
end

local function encoded(self, known)
  local numbers, names, parts = {}, {}, {}
  for file, record in order.sorted(self.records) do
    if known[file] then
      local list = {}
      for i, path in ipairs(record.paths) do
        if not numbers[path] then
          names[#names + 1] = pack("<s4", path)
          numbers[path] = #names
        end
        list[i] = pack("<I4", numbers[path])
      end
      parts[#parts + 1] = pack("<s4s4s4s4", file, table.concat(list), record.identity, record.text)
    end
  end
  return pack("<I4", #names) .. table.concat(names) .. table.concat(parts)
end

--- Write it to the disk, when something was put. That it cannot be written is no failure.
---@param files string[]   the files that there are; what is known of others is dropped
function Cache:save(files)
  if not self.changed then return end
  local known = {}
  for _, file in ipairs(files) do known[file] = true end
  local body = encoded(self, known)
  if not core.mkdirs(self.directory) then return end
  local temporary = ("%s.%d"):format(self.path, core.getpid())
  local handle <close> = io.open(temporary, "wb")
  if not handle then return end
  local written = handle:write(format, "\n", core.sha256(body), "\n", body) and handle:close()
  if not written or not core.rename(temporary, self.path) then core.unlink(temporary) end
  self.changed = false
end

-- Fields of a recipe that are kept, with what they hold.
local texts = {"name", "version", "revision", "epoch", "variant", "skipped", "layer", "file"}
local numbers = {"priority", "preference"}
local lists = {"provides", "depends"}

local function quoted(list)
  local parts = {}
  for i, each in ipairs(list) do parts[i] = ("%q"):format(each) end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- The record of a file's recipes.
---@param recipes moonsand.recipe.Recipe[]   the variants
---@param above moonsand.recipe.Data         the configuration: what it read is not repeated
---@return moonsand.recipe.Record
function M.record(recipes, above)
  local paths, parts = {}, {}
  for i, recipe in ipairs(recipes) do
    local fields = {}
    for _, name in ipairs(texts) do
      if recipe[name] then fields[#fields + 1] = ("%s=%q"):format(name, recipe[name]) end
    end
    for _, name in ipairs(numbers) do fields[#fields + 1] = ("%s=%d"):format(name, recipe[name]) end
    for _, name in ipairs(lists) do
      fields[#fields + 1] = ("%s=%s"):format(name, quoted(recipe[name]))
    end
    parts[i] = "{" .. table.concat(fields, ",") .. "}"
    local store = recipe.data
    while store and store ~= above do
      for path in pairs(store.files) do paths[path] = true end
      store = store.parent
    end
  end
  return {paths = order.keys(paths), text = "return {" .. table.concat(parts, ",") .. "}"}
end

return M
