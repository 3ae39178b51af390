--- Layers: immutable directories in a store, stacked by overlay. See docs/store.md.
local collect = require "moonsand.layer.collect"
local merge = require "moonsand.layer.merge"
local stack = require "moonsand.layer.stack"
local staging = require "moonsand.layer.staging"
local store = require "moonsand.layer.store"

local M = {}

--- Open a store; a missing or empty directory becomes one.
---@param dir string
---@param options? {sync?: "each"|"batch"|"off", check?: "manifest"|"sizes"|"full"}
---@return moonsand.Store
function M.open(dir, options)
  return store.open(dir, options)
end

--- Overlay lowers for a list of layers, first wins. More than overlay takes are joined to fewer.
---@param layers moonsand.Layer[]
---@return {lower: string[], layers: moonsand.Layer[]}
function M.stack(layers)
  return merge.stack(layers)
end

--- The lowers of a sysroot; a fault when two trees claim a path with different content.
---@param list moonsand.StagingItem[]
---@param options? moonsand.StagingOptions
---@param of? moonsand.Store  only needed when the list is empty
---@return string[] lower
function M.staging(list, options, of)
  return staging.run(list, options, of)
end

--- Rules for `store:collect`: what a sysroot needs, and what tools need that run while building.
M.SYSROOT, M.NATIVE = collect.SYSROOT, collect.NATIVE

--- The most lower directories that the kernel mounts.
M.LIMIT = stack.LIMIT

return M
