--- Files: the only place of this storey that looks at the disk.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.recipe.Disk     what the reader needs of a file system; a spec may pass its own
---@field read fun(path: string): string?      the text of a regular file, nil when there is none
---@field list fun(path: string): string[]     names in a directory, sorted; empty when none
---@field kind fun(path: string): "file"|"directory"|nil

---@type moonsand.recipe.Disk
M.disk = {
  read = require("moonsand.text").read,
  list = function(path)
    return core.readdir(path) or {}
  end,
  kind = function(path)
    local stat = core.stat(path, "follow")
    return stat and (stat.type == "file" or stat.type == "directory") and stat.type or nil
  end,
}

--- A path without `.`, `..` and doubled slashes.
---@param path string
---@return string
function M.clean(path)
  local parts, absolute = {}, path:sub(1, 1) == "/"
  for part in path:gmatch("[^/]+") do
    if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
      parts[#parts] = nil
    elseif part ~= "." and not (part == ".." and absolute) then
      parts[#parts + 1] = part
    end
  end
  local text = table.concat(parts, "/")
  return absolute and "/" .. text or text == "" and "." or text
end

--- The directory part of a path.
---@param path string
---@return string
function M.directory(path)
  return path:match("^(.*)/[^/]*$") or "."
end

--- Split a path list such as BBPATH.
---@param text? string
---@return string[]
function M.split(text)
  local list = {}
  for entry in (text or ""):gmatch("[^:]+") do list[#list + 1] = entry end
  return list
end

--- The text that a pattern of BBFILE_PATTERN begins with: no `^`, no backslashes.
---@param pattern string
---@return string
function M.unescaped(pattern)
  return (pattern:gsub("^%^", ""):gsub("\\(.)", "%1"))
end

--- The first file of that name along a list of directories. `tried` gets every name looked at.
---@param disk moonsand.recipe.Disk
---@param directories string[]
---@param name string
---@param tried? string[]
---@return string?
function M.along(disk, directories, name, tried)
  for _, directory in ipairs(directories) do
    local path = M.clean(directory .. "/" .. name)
    if tried then tried[#tried + 1] = path end
    if disk.kind(path) == "file" then return path end
  end
end

-- A shell pattern as a Lua pattern for one path component.
local function component(pattern)
  local at, out = 1, {"^"}
  while at <= #pattern do
    local c = pattern:sub(at, at)
    local set, last = pattern:match("^%[([!%]]?[^%]]*)%]()", at)
    if c == "*" then
      out[#out + 1] = ".*"
    elseif c == "?" then
      out[#out + 1] = "."
    elseif c == "[" and set then
      out[#out + 1] = "[" .. set:gsub("^!", "^"):gsub("%%", "%%%%") .. "]"
      at = last - 1
    else
      out[#out + 1] = c:gsub("%W", "%%%0")
    end
    at = at + 1
  end
  return table.concat(out) .. "$"
end

--- Files that match a shell pattern, sorted. A name that begins with a dot must be asked for.
---@param disk moonsand.recipe.Disk
---@param pattern string
---@return string[]
function M.glob(disk, pattern)
  local found = {pattern:sub(1, 1) == "/" and "" or "."}
  for part in pattern:gmatch("[^/]+") do
    local next_found = {}
    local wild = part:find("[*?%[]") and component(part)
    for _, base in ipairs(found) do
      if wild then
        for _, name in ipairs(disk.list(base == "" and "/" or base)) do
          if name:find(wild) and (name:sub(1, 1) ~= "." or part:sub(1, 1) == ".") then
            next_found[#next_found + 1] = base .. "/" .. name
          end
        end
      elseif disk.kind(base .. "/" .. part) then
        next_found[#next_found + 1] = base .. "/" .. part
      end
    end
    found = next_found
  end
  for i, path in ipairs(found) do found[i] = M.clean(path) end
  table.sort(found)
  return found
end

--- All files below a directory whose name ends so, sorted.
---@param disk moonsand.recipe.Disk
---@param directory string
---@param ending string
---@return string[]
function M.walk(disk, directory, ending)
  local found = {}
  local function visit(path)
    for _, name in ipairs(disk.list(path)) do
      local each = path .. "/" .. name
      local kind = disk.kind(each)
      if kind == "directory" then
        visit(each)
      elseif kind == "file" and name:sub(-#ending) == ending then
        found[#found + 1] = each
      end
    end
  end
  visit(directory)
  table.sort(found)
  return found
end

--- The text of a file that must be there.
---@param disk moonsand.recipe.Disk
---@param path string
---@return string
function M.text(disk, path)
  local text = disk.read(path)
  if text then return text end
  fault.throw("recipe", ("the file '%s' cannot be read"):format(path), {where = path,
    reason = "missing", hint = "give the path of a file that exists"})
end

return M
