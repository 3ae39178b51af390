--- Roots: digests that a collection never takes. Pins have names and stay until they are taken
--- back; of the builds, the last few count.
local core = require "moonsand.core"
local disk = require "moonsand.layer.disk"
local fault = require "moonsand.fault"
local layout = require "moonsand.layer.layout"
local seal = require "moonsand.layer.seal"

local M = {}

--- The folders of a store that hold roots.
M.folders = {"roots", "builds"}

local function text_of(digests)
  for _, digest in ipairs(digests) do layout.check_digest(digest) end
  return table.concat(digests, "\n") .. "\n"
end

--- Pin digests under a name; an empty list ends it.
---@param store moonsand.Store
---@param name string
---@param digests string[]
function M.pin(store, name, digests)
  local path = store.path .. "/roots/" .. disk.escape(name)
  local text = text_of(digests)
  if #digests > 0 then
    return store:replace(path, seal.close(store.path, path, text), true)
  end
  disk.unless("unpin", disk.ENOENT, core.unlink(path))
end

--- The digests that are pinned under a name, in the order of `pin`; nil when it is no pin.
---@param store moonsand.Store
---@param name string
---@return string[]?
function M.pinned(store, name)
  local held, list = {}, {}
  local text = seal.read(store.path, store.path .. "/roots/" .. disk.escape(name))
  for digest in (text or ""):gmatch "%x+" do
    if not held[digest] then list[#list + 1], held[digest] = digest, true end
  end
  return #list > 0 and list or nil
end

--- The names of all pins.
---@param store string   path of the store
---@return string[]
function M.pins(store)
  local names = disk.names(store .. "/roots")
  for i, name in ipairs(names) do names[i] = disk.unescape(name) end
  return names
end

--- Remember what a build came to. A build that comes to the same again is the same, only later.
---@param store moonsand.Store
---@param digests string[]
function M.remember(store, digests)
  if #digests == 0 then return end
  local text = text_of(core.tree.sorted(digests))
  local path = store.path .. "/builds/" .. core.sha256(text)
  store:replace(path, seal.close(store.path, path, text))
end

local function add(store, path, how, held)
  local text, there = seal.read(store, path)
  if not there then return end
  if not text then
    fault.throw("layer", ("the root '%s' is damaged: what it names is not known"):format(path),
      {hint = "moonsand cache verify --repair forgets it; pin again what it was for"})
  end
  for digest in text:gmatch("%x+") do held[digest] = held[digest] or how end
end

--- Builds, the last one first.
---@param store string   path of the store
---@return string[] paths
function M.builds(store)
  local list = {}
  for _, name in ipairs(disk.names(store .. "/builds")) do
    local path = store .. "/builds/" .. name
    local st = core.stat(path)
    if st then list[#list + 1] = {path = path, time = st.mtime_ns} end
  end
  table.sort(list, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    return a.path < b.path
  end)
  for i, item in ipairs(list) do list[i] = item.path end
  return list
end

--- The digests that roots name. A root that is damaged is a fault: nothing may be taken then.
---@param store string   path of the store
---@param builds integer how many builds count
---@param held? table<string, string>
---@return table<string, string> held  digest -> "pinned" or "build"
function M.held(store, builds, held)
  held = held or {}
  for _, name in ipairs(disk.names(store .. "/roots")) do
    add(store, store .. "/roots/" .. name, "pinned", held)
  end
  for i, path in ipairs(M.builds(store)) do
    if i <= builds then add(store, path, "build", held) end
  end
  return held
end

return M
