--- The lists of mounts in the option table: what an entry may hold, and where it may be put.
local lazy = require "moonsand.lazy"
local check = require "moonsand.sandbox.check"
local core = require "moonsand.core"
local order = require "moonsand.order"
local overlay = lazy "moonsand.sandbox.overlay"
local owner = lazy "moonsand.sandbox.owner"

local M = {}

---@class moonsand.sandbox.Bind
---@field source string|moonsand.Fd|integer   a path of the caller; relative ones start at the
---  current directory; or what is open: it is bound whatever happens to its path
---@field target? string      the path inside (default: the source)
---@field read_only? boolean  default true; holds for everything mounted below the source, too
---@field devices? boolean    device nodes in it work (default false)
---@field optional? boolean   nothing happens when the source is missing
---@field idmap? boolean|{uid: integer[][], gid: integer[][]}   files of the source's owner are the
---  program's; or {on the disk, seen, count} each. The host's root only
---@field order? integer place among all mounts; equal ones keep overlays, tmpfs, binds, dirs,
---  files, links

---@class moonsand.sandbox.Overlay
---@field target string
---@field lower string[]      the first wins
---@field upper? string where changes go; made when missing; without it they vanish with the sandbox
---@field work? string overlayfs's scratch directory beside the upper; a fresh one is made when not
---  given
---@field read_only? boolean
---@field options? table<string, string>   volatile = "on" and others: docs/mounts.md
---@field order? integer

local entries = {
  binds = {source = {"string", "userdata", "number"}, target = "string", read_only = "boolean",
    devices = "boolean", optional = "boolean", idmap = {"boolean", "table"}, order = "number"},
  overlays = {target = "string", lower = "table", upper = "string", work = "string",
    read_only = "boolean", options = "table", order = "number"},
  tmpfs = {target = "string", size = {"number", "string"}, mode = "number", order = "number"},
  dirs = {target = "string", mode = "number", order = "number"},
  symlinks = {target = "string", text = "string", order = "number"},
  files = {target = "string", text = "string", mode = "number", order = "number"},
}

local lists = order.keys(entries)

--- Why a path cannot be a place inside; nil when it can.
---@param path string
---@return string? why
function M.unfit(path)
  if path:sub(1, 1) ~= "/" then return "is not an absolute path" end
  if path:find("\0", 1, true) then return "holds a NUL byte" end
  if #path > 4000 then return "is longer than 4000 bytes" end
  for part in path:sub(2):gmatch "[^/]*" do
    if part == "" and path ~= "/" then return "has an empty part" end
    if part == "." or part == ".." then return ("has a part '%s'"):format(part) end
    if #part > 255 then return "has a part longer than 255 bytes" end
  end
end

local function is_directory(path)
  local st = core.stat(path, "follow")
  return not st or st.type == "directory"
end

--- One slash at the end says: a directory.
local function place(list, own, where)
  local target = own.target
  if target:find "[^/]/$" then
    own.target = target:sub(1, -2)
    if list == "files" or list == "symlinks"
      or list == "binds" and type(own.source) == "string" and not is_directory(own.source) then
      check.wrong(("%s: the place '%s' ends in a slash, and there will be no directory"):format(
        where, target))
    end
  end
  local why = M.unfit(own.target)
  if why then
    check.wrong(("%s: the place '%s' %s"):format(where, (target:gsub("%z", "\\0")), why),
      "a place inside is an absolute path without empty, '.' or '..' parts")
  end
end

--- An entry as a table of its own.
local function entry(list, i, value)
  if list == "dirs" and type(value) == "string" then value = {target = value} end
  local where = ("%s[%d]"):format(list, i)
  check.kind(where, value, "table")
  check.keys(where, value, entries[list])
  local own = {}
  for key, field in pairs(value) do own[key] = field end
  if not own.target and type(own.source) == "string" then own.target = own.source end
  if not own.target then check.wrong(("%s has no 'target'"):format(where)) end
  place(list, own, where)
  return own, where
end

local finish = {overlays = function(...) return overlay.check(...) end}

local function check_idmap(own, where)
  if not own.idmap then return end
  owner.check(own.idmap, where)
  if type(own.source) ~= "string" then
    check.wrong(where .. ".idmap needs a source that is a path")
  end
end

function finish.binds(own, where)
  if not own.source then check.wrong(where .. " has no 'source'") end
  if type(own.source) ~= "string" then return check_idmap(own, where) end
  local number = own.source:match "^/dev/fd/(%d+)$" or own.source:match "^/proc/self/fd/(%d+)$"
  own.source = number and tonumber(number) or check.absolute(own.source)
  check_idmap(own, where)
end

function finish.tmpfs(own, where)
  own.size = own.size and check.bytes(own.size, where .. ".size")
end

function finish.symlinks(own, where)
  if not own.text then check.wrong(where .. " has no 'text'") end
end

finish.files = finish.symlinks

--- Check the lists of mounts.
---@param given moonsand.sandbox.Options
---@param options table   the checked copies are put here
function M.check(given, options)
  for _, list in ipairs(lists) do
    options[list] = {}
    for i, value in ipairs(given[list] or {}) do
      local own, where = entry(list, i, value)
      if finish[list] then finish[list](own, where) end
      options[list][i] = own
    end
  end
  if not options.lower then return end
  local own = {target = "/work", lower = options.lower}
  finish.overlays(own, "lower")
  table.insert(options.overlays, 1, own)
end

return M
