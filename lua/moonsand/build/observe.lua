--- What a task did with its sysroots, for `--audit`: whose files it opened, and where it wrote to
--- them or tried to. For `--audit=full` also which files of the host it used, and what it looked
--- for in vain. It is kept beside the task's result, and changes nothing of it.
local core = require "moonsand.core"
local doctor = require "moonsand.sandbox.doctor"
local fault = require "moonsand.fault"
local order = require "moonsand.order"
local read = require("moonsand.text").read
local sought = require "moonsand.build.sought"

local M = {}

local HEADER <const> = "moonsand audit 1"
local WORK <const> = "/work/"
local places = {target = "recipe-sysroot", native = "recipe-sysroot-native"}
local MOST_WRITES <const> = 20

-- What a task sees of the host. /usr/local is not there, and of /etc only what packages make.
local host = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

---@class moonsand.build.Observation
---@field lost boolean                 was more opened than the kernel kept note of?
---@field opened {kind: "target"|"native", recipe: string, path: string}[]   a file that several
---  recipes bring is there once for each
---@field written string[]             paths below /work
---@field full? boolean                were the next two looked at?
---@field host? {use: "opens"|"runs", path: string, real: string}[]   files of the host
---@field sought? string[]             the first path of each name that was nowhere

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
---@field observe? string[]   paths inside, the same
local Observer = {}
Observer.__index = Observer

--- Be ready to observe a task: every directory of its sysroots that holds a file is watched.
---@param workshop moonsand.build.Workshop
---@param setting moonsand.build.Setting
---@return moonsand.build.Observer
function M.new(workshop, setting)
  local self = setmetatable({watch = {}, places = {}}, Observer)
  if workshop.audit == "full" then
    self.observe = table.move(host, 1, #host, 1, {})
    for _, name in order.sorted(places) do table.insert(self.observe, WORK .. name) end
    self.rooted = setting.trees.root ~= nil
  end
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

local function is_of_host(path) return path:find "^/usr/" and not path:find "^/usr/local/" end

-- Of a root that is made of layers, each file is a layer's.
local function used_of_host(observed)
  local list = {}
  for _, one in ipairs(observed) do
    if one.state == "file" and (one.opened or one.executed) and is_of_host(one.real) then
      list[#list + 1] = {use = one.executed and "runs" or "opens", path = one.path, real = one.real}
    end
  end
  return list
end

-- A name that was found anywhere is not missing.
local function in_vain(observed)
  local found, seen, list = {}, {}, {}
  for _, one in ipairs(observed) do
    local name = one.state ~= "absent" and sought.of(one.path)
    if name then found[name.key] = true end
  end
  for _, one in ipairs(observed) do
    local name = one.state == "absent" and sought.of(one.path)
    if name and not found[name.key] and not seen[name.key] then
      seen[name.key] = true
      list[#list + 1] = one.path
    end
  end
  return list
end

--- What there is to say after the run.
---@param result moonsand.sandbox.Result
---@param upper string      the directory that the task wrote to
---@param log_path string
---@return moonsand.build.Observation
function Observer:finish(result, upper, log_path)
  local seen = {lost = false, opened = {}, written = {}}
  for _, unmet in ipairs(result.not_enforced) do
    if unmet.option == "watch" or unmet.option == "observe" then seen.lost = true end
  end
  for _, path in ipairs(result.opened or {}) do
    local directory, name = path:match "^(.*)/([^/]*)$"
    add_opened(seen.opened, self.places[directory], name)
  end
  for _, name in order.sorted(places) do written_to_upper(upper, seen.written, name) end
  refused_writes(read(log_path), seen.written)
  if result.observed then
    seen.full, seen.sought = true, in_vain(result.observed)
    seen.host = self.rooted and {} or used_of_host(result.observed)
  end
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
  if seen.full then lines[#lines + 1] = "full" end
  for _, one in ipairs(seen.host or {}) do say(one.use, one.path .. "\t" .. one.real) end
  for _, path in ipairs(seen.sought or {}) do say("sought", path) end
  return table.concat(lines, "\n") .. "\n"
end

local take = {}

function take.written(seen, rest) table.insert(seen.written, rest) end

function take.sought(seen, rest) table.insert(seen.sought, rest) end

local function take_used(use)
  return function(seen, rest)
    local path, real = rest:match "^([^\t]+)\t([^\t]+)$"
    if path then table.insert(seen.host, {use = use, path = path, real = real}) end
  end
end

take.opens, take.runs = take_used "opens", take_used "runs"

local function take_opened(kind)
  return function(seen, rest)
    local recipe, path = rest:match "^(%S+) (.+)$"
    if recipe then table.insert(seen.opened, {kind = kind, recipe = recipe, path = path}) end
  end
end

take.target, take.native = take_opened "target", take_opened "native"

--- The other way round; nil when it is not one.
---@param text? string
---@return moonsand.build.Observation?
function M.decode(text)
  if not text or text:sub(1, #HEADER + 1) ~= HEADER .. "\n" then return nil end
  local seen = {lost = text:find("\nlost\n", 1, true) ~= nil, opened = {}, written = {},
    host = {}, sought = {}}
  if text:find("\nfull\n", 1, true) then seen.full = true end
  for word, rest in text:gmatch "\n(%l+) ([^\n]+)" do
    if take[word] then take[word](seen, rest) end
  end
  if not seen.full then seen.host, seen.sought = nil, nil end
  return seen
end

--- Can tasks be observed on this host, as `--audit=full` does it? Otherwise a fault says why not.
function M.check_host()
  local finding = doctor.look "observe"
  if finding.ok then return end
  fault.throw("host", "--audit=full: tasks cannot be observed on this host: " .. finding.what,
    {hint = finding.fix})
end

return M
