--- Whose the files of a host are: Debian's package database, as text files. A task's signature
--- holds which packages are installed (host.lua), so this is what explains a file of the host.
local core = require "moonsand.core"
local read = require("moonsand.text").read

local M = {}

local DATABASE <const> = "/var/lib/dpkg/"

-- What every task may use: what no Debian system is without, a compiler and what unpacks sources.
local base = {"gcc", "g++", "cpp", "make", "binutils", "libc6-dev", "patch", "bzip2", "xz-utils"}

---@class moonsand.build.Packages
---@field needs table<string, string[]>    package -> what it depends on
---@field base table<string, boolean>      what every task may use
local Packages = {__name = "moonsand.build.Packages"}
Packages.__index = Packages

-- "libc6 (>= 2.36), a | b:any" as names.
local function names(text)
  local list = {}
  for name in (text or ""):gmatch "([%w][%w+.-]*)[^,|]*" do list[#list + 1] = name end
  return list
end

local function field(stanza, name) return stanza:match("\n" .. name .. ": ([^\n]*)") end

local function parse(status)
  local self = setmetatable({needs = {}, provided = {}, base = {}}, Packages)
  local roots = table.move(base, 1, #base, 1, {})
  for stanza in (status .. "\n\n"):gmatch "(.-)\n\n" do
    stanza = "\n" .. stanza
    local name = field(stanza, "Package")
    if name and (field(stanza, "Status") or ""):find " installed$" then
      self.needs[name] = names((field(stanza, "Depends") or "") .. ", "
        .. (field(stanza, "Pre%-Depends") or ""))
      for _, other in ipairs(names(field(stanza, "Provides"))) do
        self.provided[other] = self.provided[other] or name
      end
      if field(stanza, "Essential") == "yes" then roots[#roots + 1] = name end
    end
  end
  self.base = self:closure(roots)
  return self
end

--- The packages of a host; nil where there is no such database.
---@param root? string   "" unless given: specs pass a tree of their own
---@return moonsand.build.Packages?
function M.open(root)
  local place = (root or "") .. DATABASE
  local status = read(place .. "status")
  if not status then return nil end
  local self = parse(status)
  self.info = place .. "info"
  return self
end

--- These packages and all that they need.
---@param list string[]
---@return table<string, boolean>
function Packages:closure(list)
  local seen, todo = {}, table.move(list, 1, #list, 1, {})
  while #todo > 0 do
    local name = table.remove(todo)
    name = self.needs[name] and name or self.provided[name]
    if name and not seen[name] then
      seen[name] = true
      table.move(self.needs[name], 1, #self.needs[name], #todo + 1, todo)
    end
  end
  return seen
end

--- /lib/x as /usr/lib/x: on a system where these are one, the database may say either.
---@param path string
---@return string
function M.merged(path)
  return (path:gsub("^/(s?bin/)", "/usr/%1"):gsub("^/(lib[^/]*/)", "/usr/%1"))
end

-- A path in both spellings.
local function spellings(wanted)
  local list = {}
  for path in pairs(wanted) do
    list[path] = path
    local short = path:match "^/usr(/s?bin/.*)$" or path:match "^/usr(/lib[^/]*/.*)$"
    if short then list[short] = path end
  end
  return list
end

--- Which package has each path; those that none has are not there.
---@param wanted table<string, any>   by path, as `merged` gives it
---@return table<string, string>
function Packages:owners(wanted)
  local found, paths = {}, spellings(wanted)
  for _, name in ipairs(core.readdir(self.info) or {}) do
    local package = name:match "^(.*)%.list$"
    package = package and package:match "^[^:]+"
    for line in (package and read(self.info .. "/" .. name) or ""):gmatch "[^\n]+" do
      if paths[line] then found[paths[line]] = package end
    end
  end
  return found
end

return M
