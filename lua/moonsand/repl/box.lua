--- A live sandbox: what its programs write is kept from run to run, can be looked at, forked and
--- frozen, and is gone when the prompt is left.
local changes = require "moonsand.layer.changes"
local display = require "moonsand.repl.display"
local fault = require "moonsand.fault"
local options = require "moonsand.repl.options"
local sandbox = require "moonsand.sandbox"

local M = {}

---@class moonsand.repl.Box
---@field number integer
---@field layers moonsand.repl.Layer[]   what `/` is made of, first wins
---@field options moonsand.sandbox.Options
---@field scratch moonsand.Scratch       what was written
---@field base string                    what it stands on, in words
---@field target string                  of the overlay whose changes are kept: "/" or "/work"
local Box = {__name = "moonsand.repl.Box"}

Box.__index = Box

--- For completion: what a person may ask of it.
function Box.__names()
  return {"base", "close", "diff", "files", "fork", "freeze", "layers", "number", "options",
    "output", "plan", "run"}
end

function Box:__tostring()
  if self.closed then return ("sandbox %d (closed)"):format(self.number) end
  local words = {("sandbox %d   %s + upper"):format(self.number, self.base)}
  for _, entry in ipairs(self.options.binds or {}) do
    words[#words + 1] = ("%s from %s%s"):format(entry.target or entry.source,
      tostring(entry.source), entry.read_only == false and "" or " (read-only)")
  end
  local network = self.sandbox.options.network
  words[#words + 1] = network == "none" and "no network" or "network " .. tostring(network)
  return table.concat(words, " · ")
end

local function check(self)
  if self.closed then
    fault.throw("usage", ("sandbox %d is closed"):format(self.number), {hint = "make another one"})
  end
end

--- Make one of complete options.
---@param world moonsand.repl.World
---@param fields table
---@return moonsand.repl.Box
local function make(world, fields)
  local self = setmetatable(fields, Box)
  self.world = world
  self.sandbox = sandbox.new(self.options)
  return world:adopt(self)
end

--- A live sandbox from the options of `sandbox.new`, and a few that are shorter (options.lua).
---@param world moonsand.repl.World
---@param given table
---@return moonsand.repl.Box
function M.new(world, given)
  local store = world:store()
  local scratch = store:scratch()
  local ok, own, about = pcall(options.complete, given, scratch, (store:empty()))
  if ok then
    about.options, about.scratch = own, scratch
    ok, own = pcall(make, world, about)
  end
  if ok then return own end
  scratch:close()
  error(own, 0)
end

local unresolved = {"resolve host", "Network is unreachable", "Temporary failure in name",
  "bad address", "Could not connect", "unable to resolve"}

--- What the result does not say by itself.
local function remark(self, result, text)
  if result.hint then return result.hint end
  if result.ok or self.sandbox.options.network ~= "none" then return nil end
  for _, words in ipairs(unresolved) do
    if text:find(words, 1, true) then
      return "this sandbox has no network: net = \"host\" allows it"
    end
  end
end

local function program(given)
  if type(given) == "string" then return {script = given} end
  if type(given) ~= "table" then
    fault.throw("usage", "there is no program to run", {hint = 'box:run "ls -l"'})
  end
  local own = {}
  for key, value in pairs(given) do own[key] = value end
  return own
end

local function attempt(self, own)
  local running <close>, failure = self.sandbox:start(own)
  return failure or running:wait()
end

--- Run a program and show what it says. The result is shown as one line.
---@param given string|moonsand.sandbox.Options   a script, or the keys of a program
---@return moonsand.sandbox.Result   its `text` is what the program said
function Box:run(given)
  check(self)
  local own, parts = program(given), {}
  own.on_output = own.on_output or function(_, bytes)
    parts[#parts + 1] = bytes
    self.world.write(bytes)
  end
  local result = attempt(self, own)
  result.text = table.concat(parts)
  if result.text:find "[^\n]$" then self.world.write "\n" end
  local note = remark(self, result, result.text)
  self.world.labels[result] = ("%s   %.2fs%s"):format(result, result.wall or 0,
    note and "   " .. note or "")
  return result
end

--- What a program says, as a text. A program that fails is a fault.
---@param given string|moonsand.sandbox.Options
---@return string
function Box:output(given)
  check(self)
  local result = attempt(self, program(given))
  if result.ok then return result.stdout end
  fault.throw("task", tostring(result) .. (result.stderr ~= "" and ": " or "") ..
    (result.stderr or ""):gsub("\n$", ""))
end

-- Shell alone, for a sandbox may have nothing else.
local lister = [[
  cd "$0" || exit 1
  for name in .[!.]* ..?* *; do
    if [ -d "$name" ]; then echo "$name/"; elif [ -e "$name" ] || [ -L "$name" ]; then
    echo "$name"; fi
  done
]]

--- The names in a directory inside; those of directories end in a slash.
---@param directory string
---@return string[]? names
---@return string? problem
function M.list(self, directory)
  local result = attempt(self, {command = {"/bin/sh", "-c", lister, directory}, timeout = 5})
  if not result.ok then return nil, result.message or result.stderr end
  local names = {}
  for name in result.stdout:gmatch "[^\n]+" do names[#names + 1] = name end
  return names
end

--- Iterate over the names in a directory inside.
---@param directory? string   "/work"
---@return fun(): string?
function Box:files(directory)
  check(self)
  local names, problem = M.list(self, directory or "/work")
  if not names then
    fault.throw("fs", (problem:gsub("^[^:]*: %d*:? ?", ""):gsub("\n$", "")))
  end
  local i = 0
  return function()
    i = i + 1
    return names[i] and (names[i]:gsub("/$", ""))
  end
end

--- What was written: a list of changes.
---@return moonsand.Change[]
function Box:diff()
  check(self)
  local mounted = {}
  for _, step in ipairs(self.sandbox:plan()) do
    if step.target then mounted[step.target] = true end
  end
  local list, kept = {}, options.kept(self.options, self.target)
  for _, change in ipairs(changes.list(kept.upper, kept.lower)) do
    if self.target ~= "/" then change.path = self.target .. change.path end
    -- places for mounts are made by us, not by a program
    local made = change.type == "directory" and (mounted[change.path] or change.path == "/work")
    if not made then list[#list + 1] = change end
  end
  local lines = {}
  for i, change in ipairs(list) do
    lines[i] = ("%s  %-28s %s"):format(change.mark, change.path,
      change.size and display.size(change.size) or change.type ~= "file" and change.type or "")
      :gsub(" +$", "")
  end
  self.world.labels[list] = #list > 0 and table.concat(lines, "\n") or "nothing was written"
  return list
end

--- The steps that make it.
---@return moonsand.sandbox.Plan
function Box:plan()
  check(self)
  return self.sandbox:plan()
end

--- A second live sandbox over what this one has written so far.
---@return moonsand.repl.Box
function Box:fork()
  check(self)
  local scratch = self.world:store():scratch()
  local copy = self.sandbox:fork()
  local own = {}
  for key, value in pairs(copy.given) do own[key] = value end
  own.overlays = {}
  for i, entry in ipairs(copy.given.overlays) do
    own.overlays[i] = {}
    for key, value in pairs(entry) do own.overlays[i][key] = value end
  end
  options.kept(own, self.target).upper = options.upper(scratch, self.target)
  return make(self.world, {
    options = own, scratch = scratch, copy = copy, layers = self.layers, target = self.target,
    base = ("%s + sandbox %d's upper"):format(self.base, self.number),
  })
end

--- Make a layer of what was written; the sandbox goes on over it.
---@param name string
---@return moonsand.repl.Layer
function Box:freeze(name)
  check(self)
  options.check_name(name)
  if self.copy then
    fault.throw("usage", "what a fork stands on is no layer, so it cannot be one's lower", {
      hint = "freeze the sandbox that it was made of, and make another one over that"})
  end
  options.gather(self.scratch, self.target)
  local layer = self.world:freeze(name, self.scratch, self.layers)
  self.world:closing(self.scratch) -- forks may stand on what is in it
  self.scratch = self.world:store():scratch()
  options.put_over(self, layer, self.scratch)
  self.sandbox = sandbox.new(self.options)
  return layer
end

--- Remove it, with what was written.
function Box:close()
  if self.closed then return end
  self.closed = true
  if self.copy then self.copy:close() end
  self.scratch:close()
end

Box.__close = Box.close

--- Is a value a live sandbox?
---@param value any
---@return boolean
function M.is(value)
  return getmetatable(value) == Box
end


return M
