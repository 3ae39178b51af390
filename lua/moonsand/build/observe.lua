--- What a task did with its sysroots, for `--audit`: whose files it opened, and where it wrote to
--- them or tried to. It is kept beside the task's result, and changes nothing of it.
local core = require "moonsand.core"
local order = require "moonsand.order"
local read = require("moonsand.text").read

local M = {}

local HEADER <const> = "moonsand audit 1"
local WORK <const> = "/work/"
local places = {target = "recipe-sysroot", native = "recipe-sysroot-native"}
local MOST_WRITES <const> = 20

---@class moonsand.build.Observation
---@field lost boolean                 was more opened than the kernel kept note of?
---@field opened {kind: "target"|"native", recipe: string, path: string}[]   a file that several
---  recipes bring is there once for each
---@field written string[]             paths below /work

-- Who brings which file: directory -> name -> recipes. Trees of one sysroot that share a path agree
-- about its content, so each of them counts.
local function add(index, recipe, node, path)
  for _, list in ipairs {node.files, node.symlinks} do
    for _, entry in ipairs(list) do
      local files = index[path]
      if not files then
        files = {}
        index[path] = files
      end
      local owners = files[entry.name] or {}
      files[entry.name] = owners
      owners[#owners + 1] = recipe
    end
  end
  for _, entry in ipairs(node.directories) do
    add(index, recipe, entry.node, path .. "/" .. entry.name)
  end
end

local indexes = setmetatable({}, {__mode = "k"}) -- by store: trees do not change

local function index_of(store, list)
  local keys = {}
  for i, one in ipairs(list) do keys[i] = one.recipe .. " " .. one.digest end
  local key = table.concat(keys, "\n")
  indexes[store] = indexes[store] or {}
  local index = indexes[store][key]
  if not index then
    index = {}
    for _, one in ipairs(list) do
      add(index, one.recipe, store:tree(one.digest):node(), "")
    end
    indexes[store][key] = index
  end
  return index
end

---@class moonsand.build.Observer
---@field watch string[]   directories inside, for the sandbox
local Observer = {}
Observer.__index = Observer

--- Be ready to observe a task: every directory of its sysroots that holds a file is watched.
---@param workshop moonsand.build.Workshop
---@param setting moonsand.build.Setting
---@return moonsand.build.Observer
function M.new(workshop, setting)
  local self = setmetatable({watch = {}, places = {}}, Observer)
  for kind, name in order.sorted(places) do
    local list = setting.trees[kind] or {}
    for path, files in order.sorted(#list > 0 and index_of(workshop.store, list) or {}) do
      local directory = WORK .. name .. path
      self.watch[#self.watch + 1] = directory
      self.places[directory] = {kind = kind, path = path, files = files}
    end
  end
  return self
end

local function add_opened(list, place, name)
  for _, recipe in ipairs(place.files[name] or {}) do
    list[#list + 1] = {kind = place.kind, recipe = recipe,
      path = (place.path .. "/" .. name):sub(2)}
  end
end

-- A sysroot is read-only where there is one; where there is none it is a directory of the upper.
local function written_to_upper(upper, list, path)
  for _, name in ipairs(core.readdir(upper .. "/" .. path) or {}) do
    if #list >= MOST_WRITES then return end
    local each = path .. "/" .. name
    local stat = core.stat(upper .. "/" .. each)
    if stat and stat.type == "directory" then
      written_to_upper(upper, list, each)
    else
      list[#list + 1] = each
    end
  end
end

-- What was refused is in the log, in the words of whoever tried. LANG is C in every task.
local function refused_writes(log, list)
  local seen = {}
  for line in (log or ""):gmatch "[^\n]*Read%-only file system" do
    local path = line:match "/work/(recipe%-sysroot[^%s'\":;]*)"
    if path and not seen[path] and #list < MOST_WRITES then
      seen[path] = true
      list[#list + 1] = path
    end
  end
end

--- What there is to say after the run.
---@param result moonsand.sandbox.Result
---@param upper string      the directory that the task wrote to
---@param log_path string
---@return moonsand.build.Observation
function Observer:finish(result, upper, log_path)
  local seen = {lost = false, opened = {}, written = {}}
  for _, unmet in ipairs(result.not_enforced) do
    if unmet.option == "watch" then seen.lost = true end
  end
  for _, path in ipairs(result.opened or {}) do
    local directory, name = path:match "^(.*)/([^/]*)$"
    add_opened(seen.opened, self.places[directory], name)
  end
  for _, name in order.sorted(places) do written_to_upper(upper, seen.written, name) end
  refused_writes(read(log_path), seen.written)
  return seen
end

--- An observation as text: a line for each thing.
---@param seen moonsand.build.Observation
---@return string
function M.encode(seen)
  local lines = {HEADER}
  local function say(...) lines[#lines + 1] = (table.concat({...}, " "):gsub("\n", "?")) end
  if seen.lost then say "lost" end
  for _, one in ipairs(seen.opened) do say(one.kind, one.recipe, one.path) end
  for _, path in ipairs(seen.written) do say("written", path) end
  return table.concat(lines, "\n") .. "\n"
end

--- The other way round; nil when it is not one.
---@param text? string
---@return moonsand.build.Observation?
function M.decode(text)
  if not text or text:sub(1, #HEADER + 1) ~= HEADER .. "\n" then return nil end
  local seen = {lost = text:find("\nlost\n", 1, true) ~= nil, opened = {}, written = {}}
  for word, rest in text:gmatch "\n(%l+) ([^\n]+)" do
    local recipe, path = rest:match "^(%S+) (.+)$"
    if word == "written" then
      table.insert(seen.written, rest)
    elseif places[word] and recipe then
      table.insert(seen.opened, {kind = word, recipe = recipe, path = path})
    end
  end
  return seen
end

return M
