--- Layers: immutable directories in a store, stacked by overlay. See docs/store.md.
local collect = require "moonsand.layer.collect"
local contrast = require "moonsand.layer.contrast"
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

--- What some work layers show, as two new directories for an overlay: listed in another order.
---@param layers moonsand.Layer[]   first wins
---@param upper string   where one of them is made
---@param lower string
---@return string[] lower   first wins
function M.apart(layers, upper, lower)
  merge.apart(layers, upper, lower)
  return {upper, lower}
end

--- What an upper directory, frozen, would differ in from a work layer; nothing is stored.
---@param known moonsand.Layer
---@param upper string
---@param over string[]   digests of the layers that it was written over
---@return moonsand.Contrast[]
function M.contrast(known, upper, over)
  return contrast.upper(known, upper, over)
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

--- How many bytes `contrast` tells before and after the first one that differs.
M.AROUND = contrast.AROUND

--- The most lower directories that the kernel mounts.
M.LIMIT = stack.LIMIT

return M
