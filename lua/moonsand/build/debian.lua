--- Debian's archive as a mirror: `apt-get source` with an apt configuration of moonsand's own, in a
--- sandbox with network. Nothing of the system's apt is changed; works as root and as anybody else.
local core = require "moonsand.core"
local read = require("moonsand.text").read

local M = {}

-- Nanoseconds that a package index is good for, and for which it is not worth another try.
local FRESH <const> = 24 * 3600 * 1000000000
local RECENT <const> = 60 * 1000000000

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

-- Only the distribution's own archives: what else the system uses has no sources that we want.
local function wanted(uri)
  return uri:find("debian", 1, true) or uri:find("ubuntu", 1, true)
end

--- The system's deb822 sources as source-package stanzas.
---@param text string   a *.sources file
---@return string
function M.from_deb822(text)
  local stanzas = {}
  for stanza in (text:gsub("\r", "") .. "\n\n"):gmatch "(.-)\n%s*\n" do
    local body = ("\n" .. stanza):gsub("\n#[^\n]*", "")
    local uris = body:match "\n[Uu][Rr][Ii]s:([^\n]*)"
    if uris and wanted(uris) and not body:find "\n[Ee]nabled:%s*no" then
      stanzas[#stanzas + 1] = (body:gsub("\n[Tt]ypes:[^\n]*", "\nTypes: deb-src"):gsub("^\n+", ""))
    end
  end
  return table.concat(stanzas, "\n\n")
end

--- The system's one-line sources as `deb-src` lines.
---@param text string   a *.list file
---@return string
function M.from_list(text)
  local lines, seen = {}, {}
  for line in text:gmatch "[^\n]+" do
    local rest = line:match "^deb%s+(.*)$" or line:match "^deb%-src%s+(.*)$"
    if rest and wanted(rest) and not seen[rest] then
      seen[rest] = true
      lines[#lines + 1] = "deb-src " .. rest
    end
  end
  return table.concat(lines, "\n")
end

-- Write the sources of our own; false when this system has none (no Debian, no apt).
local function write_sources(directory, etc)
  local count = 0
  local function put(name, text)
    if text ~= "" then
      write(directory .. "/parts/" .. name, text .. "\n")
      count = count + 1
    end
  end
  put("system.list", M.from_list(read(etc .. "/sources.list") or ""))
  for _, name in ipairs(core.readdir(etc .. "/sources.list.d") or {}) do
    local text = read(etc .. "/sources.list.d/" .. name) or ""
    if name:find "%.sources$" then put(name, M.from_deb822(text)) end
    if name:find "%.list$" then put(name, M.from_list(text)) end
  end
  return count > 0
end

--- What `apt-cache showsrc` says: versions, newest first as apt lists them, with their archives.
---@param text string
---@return {version: string, files: table<string, string>}[]  files: name -> SHA-256
function M.parse_showsrc(text)
  local versions = {}
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n\n" do
    local body = "\n" .. paragraph .. "\n"
    local version = body:match "\nVersion: ([^\n]+)"
    if version then
      local files = {}
      local list = body:match "\nChecksums%-Sha256:[^\n]*\n(.-)\n%S" or
        body:match "\nChecksums%-Sha256:[^\n]*\n(.*)" or ""
      for hex, name in list:gmatch "(%x+)%s+%d+%s+(%S+)" do files[name] = hex end
      versions[#versions + 1] = {version = version, files = files}
    end
  end
  return versions
end

local apt_options = {
  "Dir::Etc::sourcelist=/dev/null", "Dir::Etc::sourceparts=/apt/parts",
  "Dir::State=/apt/state", "Dir::State::lists=/apt/lists", "Dir::Cache=/apt/cache",
  "Dir::State::status=/var/lib/dpkg/status", "Dir::Log=/apt/log", "APT::Sandbox::User=root",
  "Acquire::Languages=none", "Acquire::Retries=1", "Acquire::http::Timeout=20",
  "Acquire::https::Timeout=20",
}

local function apt(program, ...)
  local command = {program}
  for _, option in ipairs(apt_options) do
    command[#command + 1] = "-o"
    command[#command + 1] = option
  end
  for _, word in ipairs {...} do command[#command + 1] = word end
  return command
end

---@class moonsand.build.Debian
---@field directory string   lists and cache, shared by every build (below the download directory)
local Debian = {__name = "moonsand.build.Debian"}
Debian.__index = Debian

local function binds(self, target)
  local list = {
    {source = self.directory, target = "/apt", read_only = false},
    {source = "/var/lib/dpkg/status", target = "/var/lib/dpkg/status", optional = true},
  }
  -- Keys and settings (proxy, dates), but nobody's passwords: auth.conf stays outside.
  for _, name in ipairs {"apt.conf", "apt.conf.d", "trusted.gpg", "trusted.gpg.d", "keyrings"} do
    list[#list + 1] = {
      source = self.etc .. "/" .. name, target = "/etc/apt/" .. name, optional = true,
    }
  end
  if target then list[#list + 1] = {source = target, target = "/downloads", read_only = false} end
  return list
end

function Debian:apt(target, program, ...)
  return self.run {
    command = apt(program, ...), binds = binds(self, target),
    cwd = target and "/downloads" or "/apt", network = "host",
  }
end

-- The index is about 10 MB: fetched when there is none, when it is a day old, or when asked.
function Debian:update(again)
  local stamp = core.stat(self.directory .. "/updated")
  local age = stamp and core.time_ns() - stamp.mtime_ns
  if age and age < (again and RECENT or FRESH) then return not again end
  self.note "reading Debian's index of sources"
  local result = self:apt(nil, "apt-get", "-q", "update")
  if not result.ok then
    self.note("apt-get update: " .. (result.message or result.stderr or "?"))
  end
  for _, name in ipairs(core.readdir(self.directory .. "/lists") or {}) do
    if name:find "Sources" then
      write(self.directory .. "/updated", "")
      return true
    end
  end
  return nil, ((result.stderr or ""):match "[EW]: ([^\n]*)" or result.message
    or "apt-get update brought no index of sources")
end

local function holds(version, sha256)
  for name, hex in pairs(version.files) do
    if hex == sha256 then return name end
  end
end

-- What there is instead, and the digest of the first, so that both values can be named.
local function describe(versions)
  local parts, seen, other = {}, {}, nil
  for _, version in ipairs(versions) do
    local names = {}
    for name in pairs(version.files) do
      if name:find "%.orig%.tar" and not name:find "%.asc$" then names[#names + 1] = name end
    end
    table.sort(names)
    for _, name in ipairs(names) do
      local text = ("%s with sha256 %s"):format(name, version.files[name])
      if not seen[text] then parts[#parts + 1] = text end
      seen[text] = true
      other = other or version.files[name]
    end
  end
  return "Debian has " .. (#parts > 0 and table.concat(parts, ", ") or "nothing"), other
end

function Debian:versions(package)
  local result = self:apt(nil, "apt-cache", "showsrc", package)
  return M.parse_showsrc(result.stdout or "")
end

-- The newest revision of a package may be gone from the archive while an older one is there.
local function try_versions(self, package, versions, sha256, target)
  local problem
  for _, version in ipairs(versions) do
    local name = holds(version, sha256)
    if name then
      local result = self:apt(target, "apt-get", "-q", "source", "--download-only", "--tar-only",
        "--only-source", ("%s=%s"):format(package, version.version))
      if core.stat(target .. "/" .. name) then return target .. "/" .. name end
      problem = (result.stderr or ""):match "E: ([^\n]*)" or result.message or "nothing came"
    end
  end
  return nil, problem
end

--- Put the archive of a source package that has the wanted SHA-256 into the directory `target`.
---@param package string
---@param sha256 string
---@param target string
---@return string? path   where it is now; the caller still verifies it
---@return string? why    what went wrong
---@return string? other  the SHA-256 that Debian's archive has instead
function Debian:get(package, sha256, target)
  local ok, why = self:update()
  if not ok then return nil, why end
  local versions = self:versions(package)
  if #versions == 0 then return nil, ("Debian has no source package '%s'"):format(package) end
  local path, problem = try_versions(self, package, versions, sha256, target)
  if not path and problem and self:update(true) then -- perhaps the index is older than the archive
    path, problem = try_versions(self, package, self:versions(package), sha256, target)
  end
  if path or problem then return path, problem end
  return nil, describe(versions)
end

---@class moonsand.build.DebianOptions
---@field directory string                  where lists and cache live
---@field run fun(options: table): table    runs a sandbox, returns its result
---@field note? fun(text: string)
---@field etc? string                       "/etc/apt" unless given

--- The mirror of this system, or nil and why there is none.
---@param options moonsand.build.DebianOptions
---@return moonsand.build.Debian?
---@return string?
function M.open(options)
  local self = setmetatable({
    directory = options.directory, run = options.run, note = options.note or function() end,
    etc = options.etc or "/etc/apt",
  }, Debian)
  if not core.stat "/usr/bin/apt-get" then return nil, "this system has no apt-get" end
  for _, name in ipairs {"parts", "state", "lists/partial", "cache/archives/partial", "log"} do
    assert(core.mkdirs(self.directory .. "/" .. name))
  end
  if not write_sources(self.directory, self.etc) then
    return nil, self.etc .. " names no archive of Debian or Ubuntu"
  end
  return self
end

return M
