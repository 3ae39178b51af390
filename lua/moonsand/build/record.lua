--- The record of a task's result: which layer it froze, over which, which trees were taken out of
--- it. One line a fact, so that a record can be read with `cat`.
local M = {}

local HEADER <const> = "moonsand result 1"

---@class moonsand.build.Record
---@field task string                 "zlib:compile"
---@field action string               the action key
---@field layer? string               digest of the work layer
---@field over string[]               digests of the layers it ran over, the newest first
---@field hooks moonsand.build.Hooked[]   what was made over its root; it can be used without them
---@field trees table<string, string> name -> digest: "outputs", "sysroot"
---@field seconds number              how long it took
---@field alone? boolean               its work layer is not there (see resolve.lua)
---@field taint? string               "host": made with the programs of this host

local order = require "moonsand.order"

--- The text of a record.
---@param record moonsand.build.Record
---@return string
function M.encode(record)
  local lines = {HEADER, "task " .. record.task, "action " .. record.action}
  if record.layer then lines[#lines + 1] = "layer " .. record.layer end
  for _, digest in ipairs(record.over or {}) do lines[#lines + 1] = "over " .. digest end
  for _, hooked in ipairs(record.hooks or {}) do
    lines[#lines + 1] = ("hook %s %s %s"):format(hooked.digest, hooked.key, hooked.name)
  end
  for name, digest in order.sorted(record.trees or {}) do
    lines[#lines + 1] = ("tree %s %s"):format(name, digest)
  end
  lines[#lines + 1] = ("seconds %.3f"):format(record.seconds or 0)
  if record.taint then lines[#lines + 1] = "taint " .. record.taint end
  return table.concat(lines, "\n") .. "\n"
end

local take = {}

function take.task(record, rest) record.task = rest end
function take.action(record, rest) record.action = rest end
function take.layer(record, rest) record.layer = rest end
function take.over(record, rest) table.insert(record.over, rest) end
function take.hook(record, rest)
  local digest, key, name = rest:match "^(%x+) (%S+) (.+)$"
  if digest then table.insert(record.hooks, {digest = digest, key = key, name = name}) end
end

function take.seconds(record, rest) record.seconds = tonumber(rest) end
function take.taint(record, rest) record.taint = rest end

function take.tree(record, rest)
  local name, digest = rest:match "^(%S+) (%x+)$"
  if name then record.trees[name] = digest end
end

--- A record from its text; nil when it is not one (of this format, whole).
---@param text? string
---@return moonsand.build.Record?
function M.decode(text)
  if not text or text:sub(1, #HEADER + 1) ~= HEADER .. "\n" then return nil end
  local record = {over = {}, hooks = {}, trees = {}}
  for name, rest in text:gmatch "\n(%l+) ([^\n]*)" do
    if take[name] then take[name](record, rest) end
  end
  return record.task and record.action and record or nil
end

return M
