-- What the specs of stores, trees and layers share.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local layer = require "moonsand.layer"

local M = {}

local Room = {}
Room.__index = Room

--- A temporary directory with a store in it: `local room <close> = layers.room()`.
function M.room(options)
  local dir = host.scratch()
  local self = setmetatable({dir = dir, path = dir.path, store_path = dir.path .. "/store"}, Room)
  self.store = layer.open(self.store_path, options or {sync = "off"})
  return self
end

function Room:__close()
  self.store:close()
  self.dir:__close()
end

--- Open the store again, as another process would.
function Room:reopen(options)
  self.store:close()
  self.store = layer.open(self.store_path, options or {sync = "off"})
  return self.store
end

--- Make files: {["usr/bin/x"] = "text"}; a name that ends in "/" is a directory, "->" a link.
function M.fill(path, files)
  assert(core.mkdirs(path))
  for name, text in pairs(files) do
    local target = text:match("^%->(.*)")
    local file = path .. "/" .. name
    assert(core.mkdirs((file:match("^(.*)/"))))
    if target then
      assert(core.symlink(target, file))
    elseif name:sub(-1) ~= "/" then
      M.write(file, text)
    end
  end
  return path
end

function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- A new directory of the room with these files.
function Room:files(name, files)
  return M.fill(self.path .. "/" .. name, files)
end

function Room:tree(name, files, options)
  return self.store:tree_from(self:files(name, files), options)
end

--- A work layer of these files.
function Room:layer(files, options)
  local scratch <close> = self.store:scratch()
  M.fill(scratch.upper, files)
  return self.store:freeze(scratch, options)
end

local function quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

--- Run shell text; what it wrote, whether it succeeded.
function M.sh(text)
  local pipe = assert(io.popen("{ " .. text .. "\n} 2>&1", "r"))
  local output = pipe:read("a")
  return output, (pipe:close())
end

--- Run shell text in a user and mount namespace of its own.
function M.unshared(text)
  local output, ok = M.sh("unshare -Urm sh -ec " .. quote(text))
  assert(ok, output)
  return output
end

--- Run shell text in an overlay of the lowers, first wins, over a scratch.
function M.overlay(lower, scratch, text)
  local point = scratch.path .. "/mount"
  core.mkdir(point)
  return M.unshared(("mount -t overlay overlay -o userxattr,volatile,lowerdir=%s,upperdir=%s,"
    .. "workdir=%s %s\ncd %s\n%s"):format(table.concat(lower, ":"), scratch.upper, scratch.work,
    point, point, text))
end

--- Call and expect a fault; returns it.
function M.fault(f, ...)
  local ok, err = pcall(f, ...)
  assert(not ok, "no fault was thrown")
  assert(fault.is(err), tostring(err))
  return err
end

--- All paths below a directory, sorted.
function M.paths(path)
  local out = {}
  for name in M.sh(("cd %s && find . -mindepth 1"):format(quote(path))):gmatch("[^\n]+") do
    out[#out + 1] = name:sub(3)
  end
  table.sort(out)
  return out
end

--- Path -> "file", "directory" or "-> target".
function M.shape(tree)
  local out = {}
  for _, entry in ipairs(tree:entries()) do
    out[entry.path] = entry.type == "symlink" and "-> " .. entry.target or entry.type
  end
  return out
end

return M
