--- From what is typed at the prompt to the options of a sandbox whose changes are kept. Keys are
--- those of `sandbox.new`; besides, `layers` makes `/` of layers, `lower` may hold layers, `binds`
--- may be a map from places inside to sources, and `net` is `network`, as the option is called.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"

local M = {}

--- Names of layers are names of files, too.
---@param name any
function M.check_name(name)
  if type(name) == "string" and name:find "^[%w][%w._+-]*$" then return end
  fault.throw("usage", ("%s cannot be the name of a layer"):format(
    type(name) == "string" and "'" .. name .. "'" or "a " .. type(name)), {
    hint = "letters, digits and . _ + - make a name, such as \"debian-12\""})
end

-- {["/src"] = "."} -> {{source = ".", target = "/src"}}
local function binds(given)
  if type(given) ~= "table" then return given end
  local list = table.move(given, 1, #given, 1, {})
  for target, source in order.sorted(given) do
    if type(target) == "string" then list[#list + 1] = {source = source, target = target} end
  end
  return list
end

local function is_layer(value)
  return type(value) == "table" and type(value.lower) == "table" and value.name ~= nil
end

-- The directories of layers, first wins; each with all that it was written over.
local function lowers_of(layers)
  local list = {}
  for i, layer in ipairs(layers) do
    if not is_layer(layer) then
      fault.throw("usage", ("layers[%d] is no layer but a %s"):format(i, type(layer)), {
        hint = 'layer "NAME" gives one; a directory goes into root or lower'})
    end
    table.move(layer.lower, 1, #layer.lower, #list + 1, list)
  end
  return list
end

-- What of layers is below /work.
local function work_of(lower)
  local list = {}
  for _, one in ipairs(lower) do
    for _, path in ipairs(is_layer(one) and one.lower or {}) do
      if core.stat(path .. "/work") then list[#list + 1] = path .. "/work" end
    end
    if not is_layer(one) then list[#list + 1] = one end
  end
  return list
end

local function names_of(layers)
  local names = {}
  for i = #layers, 1, -1 do names[#names + 1] = layers[i].name end
  return table.concat(names, " + ")
end

--- Where in a scratch that goes which is written at a place inside.
---@param scratch moonsand.Scratch
---@param target string
---@return string   a directory that is there
function M.upper(scratch, target)
  if target == "/" then return scratch.upper end
  local path = scratch.path .. target
  fault.unless("fs", core.mkdirs(path))
  return path
end

--- Before a scratch is frozen: the paths of a layer are those inside.
---@param scratch moonsand.Scratch
---@param target string
function M.gather(scratch, target)
  if target == "/" then return end
  fault.unless("fs", core.rename(scratch.path .. target, scratch.upper .. target))
end

--- The overlay whose changes are kept.
---@param own moonsand.sandbox.Options
---@param target string
---@return moonsand.sandbox.Overlay
function M.kept(own, target)
  for _, entry in ipairs(own.overlays) do
    if entry.target == target then return entry end
  end
end

-- What the overlay whose changes are kept is over, and the words for it.
local function base_of(own, layers, empty)
  if #layers > 0 then
    own.root = "empty"
    return "/", lowers_of(layers), names_of(layers)
  elseif own.root and own.root ~= "host" and own.root ~= "empty" then
    local directory = own.root
    own.root = "empty"
    return "/", {directory}, directory
  end
  local lower = work_of(own.lower or {})
  own.lower = nil
  if #lower == 0 then lower[1] = empty end
  return "/work", lower, own.root == "empty" and "nothing" or "the host's programs"
end

--- The options of a live sandbox.
---@param given table
---@param scratch moonsand.Scratch
---@param empty string      an empty directory
---@return moonsand.sandbox.Options
---@return {base: string, layers: table[], target: string}
function M.complete(given, scratch, empty)
  if type(given) ~= "table" then
    fault.throw("usage", ("a sandbox is made of a table, not of a %s"):format(type(given)), {
      hint = 'sandbox {binds = {["/src"] = "."}}'})
  end
  local own = {}
  for key, value in pairs(given) do own[key] = value end
  local layers = own.layers or {}
  if is_layer(layers) then layers = {layers} end
  own.layers, own.binds = nil, own.binds and binds(own.binds)
  if own.net ~= nil then own.network, own.net = own.net, nil end
  local target, lower, base = base_of(own, layers, empty)
  local upper = M.upper(scratch, target)
  own.overlays = table.move(own.overlays or {}, 1, #(own.overlays or {}), 2,
    {{target = target, lower = lower, upper = upper}})
  own.cwd = own.cwd or "/work"
  if target == "/" then
    own.dirs = table.move(own.dirs or {}, 1, #(own.dirs or {}), 2, {"/work"})
  end
  return own, {base = base, layers = layers, target = target}
end

--- Put a layer that a box has become over what it stands on, and a new scratch over that.
---@param box moonsand.repl.Box
---@param layer moonsand.repl.Layer
---@param scratch moonsand.Scratch
function M.put_over(box, layer, scratch)
  local target = box.target
  local upper, entry = M.upper(scratch, target), M.kept(box.options, target)
  local path = target == "/" and layer.lower[1] or layer.lower[1] .. target
  entry.lower, entry.upper = table.move(entry.lower, 1, #entry.lower, 2, {path}), upper
  box.layers = table.move(box.layers, 1, #box.layers, 2, {layer})
  box.base = box.base .. " + " .. layer.name
end

return M
