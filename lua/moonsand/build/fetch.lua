--- Brings sources into the download directory. Each way of getting one runs in a sandbox that has
--- the network and one empty writable directory; nothing counts before its SHA-256 is right.
local core = require "moonsand.core"
local debian = require "moonsand.build.debian"
local fault = require "moonsand.fault"
local scope = require "moonsand.scope"

local M = {}

local DAY <const> = 24 * 3600 * 1000000000 -- nanoseconds
local EAGAIN <const> = 11 -- somebody else holds the lock

-- Give up on an upstream that does not answer, or that trickles; the mirror may have it.
local CURL = [[
exec curl --fail --silent --show-error --location \
  --proto '=http,https' --proto-redir '=http,https' \
  --connect-timeout 5 --speed-limit 1000 --speed-time 20 --max-redirs 10 \
  --user-agent moonsand --output "/downloads/$FILE" "$URL"
]]

---@class moonsand.build.Fetcher
---@field downloads string
local Fetcher = {__name = "moonsand.build.Fetcher"}
Fetcher.__index = Fetcher

--- The file of a source when it is there and is what the recipe says; nil otherwise.
--- A file that somebody put into the download directory by hand counts as well.
---@param source moonsand.build.Source
---@return string? path
function Fetcher:find(source)
  if source.path then return source.path end
  for _, path in ipairs {self:place(source), self.downloads .. "/" .. source.file} do
    local st = core.stat(path)
    if st and st.type == "file" and core.sha256_file(path) == source.sha256 then return path end
  end
end

--- Where a source ends up: one directory for each digest, so equal names never meet.
---@param source moonsand.build.Source
---@return string
function Fetcher:place(source)
  return ("%s/%s/%s"):format(self.downloads, source.sha256, source.file)
end

local function check(ok, message, errno)
  if not ok then fault.throw("fs", message, {errno = errno}) end
  return ok
end

-- Atomic: the file appears under its final name whole, or not at all.
function Fetcher:keep(source, path)
  local place = self:place(source)
  check(core.mkdirs(place:match "^(.*)/"))
  check(core.chmod(path, tonumber("644", 8)))
  check(core.rename(path, place))
  return place
end

-- Any file of the right digest wins, whatever the server called it; others are named, with theirs.
local function examine(directory, source)
  local wrong = {}
  for _, name in ipairs(core.readdir(directory) or {}) do
    local path = directory .. "/" .. name
    local st = core.stat(path)
    if st and st.type == "file" then
      local hex = core.sha256_file(path)
      if hex == source.sha256 then return path end
      wrong[#wrong + 1] = {name = name, sha256 = hex}
    end
  end
  return nil, wrong
end

local function first_line(text)
  return (text or ""):match "([^\n]+)"
end

function Fetcher:from_upstream(source, directory)
  self.note(("%s: asking %s"):format(source.file, source.url:match "^%w+://[^/]+" or source.url))
  local environment = {URL = source.url, FILE = source.file}
  for name, value in pairs(self.environment) do environment[name] = value end
  local result = self.run {
    script = CURL, env = environment, cwd = "/downloads", network = "host",
    binds = {{source = directory, target = "/downloads", read_only = false}},
  }
  if result.ok then return true end
  return nil, first_line(result.stderr) or result.message or "curl failed"
end

function Fetcher:from_debian(source, directory)
  local mirror, why = self:mirror()
  if not mirror then return nil, why end
  self.note(("%s: asking Debian's archive for '%s'"):format(source.file, source.debian))
  return mirror:get(source.debian, source.sha256, directory)
end

-- apt's lists: one user at a time in this process (`busy`), one process at a time (the lock file).
function Fetcher:mirror()
  if not self.debian and not self.no_debian then
    self.debian, self.no_debian = debian.open {
      directory = self.downloads .. "/apt", run = self.run, note = self.note, etc = self.etc,
    }
  end
  return self.debian, self.no_debian
end

function Fetcher:exclusive(action)
  local guard <close> = scope.new()
  while self.busy do self.pause(0.05) end
  self.busy = true
  guard:defer(function() self.busy = false end)
  local lock, message, errno = core.lock(self.downloads .. "/lock", "exclusive", "try")
  while not lock do
    if errno ~= EAGAIN then fault.throw("fs", message, {errno = errno}) end
    self.pause(0.2)
    lock, message, errno = core.lock(self.downloads .. "/lock", "exclusive", "try")
  end
  guard:defer(function() lock:close() end)
  return action()
end

local function ways(source)
  local list = {}
  if source.scheme ~= "debian" then
    list[1] = {name = source.url, get = Fetcher.from_upstream}
  end
  if source.debian then
    list[#list + 1] = {
      name = "Debian's archive", get = function(self, ...)
        local s, directory = ...
        return self:exclusive(function() return self:from_debian(s, directory) end)
      end,
    }
  end
  return list
end

-- What killed fetches left behind; others may be at work on what is younger.
function Fetcher:sweep()
  if self.swept then return end
  self.swept = true
  for _, name in ipairs(core.readdir(self.downloads) or {}) do
    local path = self.downloads .. "/" .. name
    local st = name:find "^tmp%." and core.stat(path)
    if st and core.time_ns() - st.mtime_ns > DAY then core.remove_tree(path) end
  end
end

-- One attempt: its path when it brought the right bytes, else one line on why not.
function Fetcher:attempt(way, source)
  local guard <close> = scope.new()
  local directory = check(core.mkdtemp(self.downloads .. "/tmp."))
  guard:defer(function() core.remove_tree(directory) end)
  local ok, why, other = way.get(self, source, directory)
  local path, wrong = examine(directory, source)
  if path then return self:keep(source, path) end
  if ok and wrong[1] then
    return nil, ("sha256 is %s"):format(wrong[1].sha256), wrong[1].sha256
  end
  return nil, why or "it brought no file", other
end

local function give_up(source, problems, mismatch)
  local lines = {}
  for i, problem in ipairs(problems) do
    lines[i] = ("%s: %s"):format(problem.name, problem.why)
  end
  if mismatch then
    fault.throw("fetch", ("'%s' is not what the recipe says: sha256 %s, wanted %s"):format(
      source.file, mismatch, source.sha256), {
      where = source.checksum_where,
      hint = table.concat(lines, "\n  ") .. "\n  nothing was kept; correct the checksum only when "
        .. "you know why it changed",
    })
  end
  fault.throw("fetch", ("'%s' could not be had (sha256 %s)"):format(source.file, source.sha256), {
    where = source.where,
    hint = table.concat(lines, "\n  "),
  })
end

--- Get a source: from the download directory, or the first of its ways that has the right bytes.
---@param source moonsand.build.Source
---@return string path
---@return string how   "there", or the way that brought it
function Fetcher:get(source)
  local path = self:find(source)
  if path then return path, "there" end
  check(core.mkdirs(self.downloads))
  self:sweep()
  local problems, mismatch = {}, nil
  for _, way in ipairs(ways(source)) do
    local got, why, other = self:attempt(way, source)
    if got then return got, way.name end
    mismatch = mismatch or other
    problems[#problems + 1] = {name = way.name, why = why}
    self.note(("%s: %s: %s"):format(source.file, way.name, why))
  end
  give_up(source, problems, mismatch)
end

---@class moonsand.build.FetcherOptions
---@field downloads string                      the download directory; made when it is needed
---@field run fun(options: table): table        runs a sandbox from its options, returns the result
---@field pause fun(seconds: number)            waits without stopping other tasks
---@field note? fun(text: string)
---@field environment? table<string, string>    proxies and the like, for curl
---@field etc? string                           apt's configuration, "/etc/apt" unless given

--- A fetcher for one download directory.
---@param options moonsand.build.FetcherOptions
---@return moonsand.build.Fetcher
function M.new(options)
  return setmetatable({
    downloads = options.downloads, run = options.run, pause = options.pause,
    note = options.note or function() end, environment = options.environment or {},
    etc = options.etc, busy = false,
  }, Fetcher)
end

return M
