--- Layers with names: a name is a pin of the store, for a layer and all that it was written over.
local display = require "moonsand.repl.display"
local fault = require "moonsand.fault"
local options = require "moonsand.repl.options"
local sandbox = require "moonsand.sandbox"

local M = {}

---@class moonsand.repl.Layer
---@field name string
---@field digest string
---@field digests string[]   its own, then those of what it was written over
---@field lower string[]     their directories
---@field files integer
---@field bytes integer
local Layer = {__name = "moonsand.repl.Layer"}
Layer.__index = Layer

function Layer:__tostring()
  return ("layer %s   %d file%s, %s, sha256:%s…"):format(self.name, self.files,
    self.files == 1 and "" or "s", display.size(self.bytes), self.digest:sub(1, 8))
end

-- A digest may be a work layer's or a tree's.
local function find(store, digest)
  return store:layer(digest) or store:tree(digest)
end

local function new(store, name, digests)
  local self = setmetatable({name = name, digest = digests[1], digests = digests, lower = {}},
    Layer)
  for i, digest in ipairs(digests) do
    local one = find(store, digest)
    if not one then
      fault.throw("layer", ("a part of the layer '%s' is gone from the store: %s"):format(name,
        digest:sub(1, 12)), {hint = "make it again under the same name"})
    end
    if i == 1 then self.files, self.bytes = one.files, one.bytes end
    self.lower[i] = one.path
  end
  return self
end

--- Make a layer of a scratch over others, and pin it under a name.
---@param store moonsand.Store
---@param name string
---@param scratch moonsand.Scratch
---@param over moonsand.repl.Layer[]
---@return moonsand.repl.Layer
function M.freeze(store, name, scratch, over)
  options.check_name(name)
  local below = {}
  for _, layer in ipairs(over) do
    table.move(layer.digests, 1, #layer.digests, #below + 1, below)
  end
  local made = store:freeze(scratch, {over = below, name = name})
  local digests = table.move(below, 1, #below, 2, {made.digest})
  store:pin(name, digests)
  return new(store, name, digests)
end

--- A copy of a directory, owners and modes as they are.
---@param store moonsand.Store
---@param name string
---@param directory string
---@return moonsand.repl.Layer
function M.import(store, name, directory)
  options.check_name(name)
  local scratch <close> = store:scratch()
  local result = sandbox.new {
    command = {"cp", "-a", "--reflink=auto", "--", "/from/.", "/to"}, seccomp = "none",
    binds = {{source = directory, target = "/from"},
      {source = scratch.upper, target = "/to", read_only = false}},
  }:run()
  if not result.ok then
    fault.throw("fs", ("'%s' cannot be copied: %s"):format(directory,
      result.message or result.stderr:match "^[^\n]*"), {hint = result.hint})
  end
  return M.freeze(store, name, scratch, {})
end

--- The layer that is pinned under a name.
---@param store moonsand.Store
---@param name string
---@return moonsand.repl.Layer
function M.named(store, name)
  options.check_name(name)
  local digests = store:pinned(name)
  if digests then return new(store, name, digests) end
  local near = fault.nearest(name, store:pins())
  fault.throw("usage", ("there is no layer '%s'"):format(name), {
    hint = near and ("did you mean '%s'?"):format(near)
      or ('layer("%s", "DIRECTORY") makes one of a directory, box:freeze "%s" of a sandbox')
        :format(name, name),
  })
end

return M
