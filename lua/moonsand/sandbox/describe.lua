--- Steps of a plan, as they are shown: a line each.
local core = require "moonsand.core"
local idmap = require "moonsand.sandbox.idmap"
local order = require "moonsand.order"

local M = {}

--- A word as a shell would need it.
local function quoted(text)
  if text ~= "" and not text:find("[^%w@%%_+=:,./-]") then return text end
  return "'" .. text:gsub("'", "'\\''"):gsub("\n", "\\n") .. "'"
end

local function shortened(text)
  return #text > 60 and text:sub(1, 57) .. "..." or text
end

local function lower_text(lower)
  if #lower <= 3 then return table.concat(lower, " : ") end
  return ("%s : %s : ... %d more"):format(lower[1], lower[2], #lower - 2)
end

local describe = {}

function describe.namespaces(s)
  if s.join then return ("of %s"):format(s.join) end
  local words = {table.concat(s, " ", 2)}
  for name, place in order.sorted(s.enter or {}) do
    words[#words + 1] = ("%s of %s"):format(name, place)
  end
  return table.concat(words, ", ")
end

function describe.cgroup(s) return table.concat(s, " ", 2) end

describe.no_new_namespaces = describe.cgroup

local function limit_text(limit)
  if type(limit) ~= "table" then return tostring(limit) end
  return limit[1] == limit[2] and tostring(limit[1]) or ("%s:%s"):format(limit[1], limit[2])
end

function describe.seccomp(s)
  return s.program and ("%s  (%d instructions)"):format(s.name or "a program", #s.program // 8)
    or s.name or "a policy"
end

function describe.landlock(s)
  local parts = {}
  for _, key in ipairs {"read", "execute", "write", "refer", "truncate", "ioctl", "bind",
    "connect", "scope"} do
    local words = s[key] and (#s[key] > 3 and ("%d places"):format(#s[key])
      or table.concat(s[key], " "))
    if words then parts[#parts + 1] = key .. " " .. (words == "" and "nothing" or words) end
  end
  return table.concat(parts, "; ")
end

function describe.rlimit(s)
  local parts = {}
  for name, limit in order.sorted(s) do
    if name ~= 1 then parts[#parts + 1] = ("%s=%s"):format(name, limit_text(limit)) end
  end
  return table.concat(parts, " ")
end

function describe.ids(s)
  return ("uid %s  gid %s%s"):format(idmap.text(s.uid), idmap.text(s.gid), s.user
    and (#s.uid > 1 or #s.gid > 1 or s.uid[1][3] > 1 or s.gid[1][3] > 1)
    and ("  as %d:%d"):format(s.user, s.group) or "")
end

--- What is open, by its number and where it is now.
local function source_text(source)
  if type(source) == "string" then return source end
  local open, number = pcall(function()
    return math.type(source) == "integer" and source or source:number()
  end)
  if not open then return tostring(source) end
  return ("fd %d, %s"):format(number, core.readlink("/proc/self/fd/" .. number) or "closed")
end

function describe.bind(s)
  local how = (s.read_only == false and "read-write" or "read-only")
    .. (s.devices and ", devices work" or "") .. (s.optional and ", if there" or "")
    .. (s.idmap and ", " .. s.idmap or "")
  if s.source == s.target then return ("%s  (%s)"):format(s.target, how) end
  return ("%s  from %s  (%s)"):format(s.target, source_text(s.source), how)
end

function describe.overlay(s)
  local upper = s.tmpfs_upper and "upper vanishes" or s.upper and "upper " .. s.upper or "read-only"
  return ("%s  lower %s  (%s)"):format(s.target, lower_text(s.lower), upper)
end

function describe.tmpfs(s)
  return s.target .. (s.size and ("  %d bytes"):format(s.size) or "")
    .. (s.mode and ("  mode %04o"):format(s.mode) or "")
end

function describe.proc(s)
  local from = {bind = "the caller's, read-only", auto = "fresh, or the caller's, read-only"}
  return s.target .. (s.from and ("  (%s)"):format(from[s.from]) or "")
end

function describe.dev(s) return s.target .. (s.terminals and "  with new terminals" or "") end

function describe.mask(s)
  local text = #s.paths <= 4 and table.concat(s.paths, " ")
    or ("%s ... %d more"):format(table.concat(s.paths, " ", 1, 3), #s.paths - 3)
  return text .. (s.optional and "  (if there)" or "")
end

function describe.observe() return "whoever asks for a path goes on as if nobody saw it" end

describe.protect, describe.watch = describe.mask, describe.mask

function describe.symlink(s) return ("%s -> %s"):format(s.target, s.text) end

function describe.file(s) return ("%s  %d bytes"):format(s.target, #s.text) end

function describe.remount(s)
  return ("%s  %s"):format(s.target, s.read_only == false and "read-write" or "read-only")
end

function describe.hostname(s) return s.name end

function describe.umask(s) return ("%04o"):format(s.mode) end

function describe.capabilities(s)
  if s.bounding == false then return "none  (the bounding set as it is)" end
  return s.keep and #s.keep > 0 and "keep " .. table.concat(s.keep, " ") or "none"
end

function describe.fds(s)
  local parts = {}
  for number in order.sorted(s.map) do parts[#parts + 1] = tostring(number) end
  return table.concat(parts, " ") .. "  (all others closed)"
end

function describe.exec(s)
  local words = {}
  for i, word in ipairs(s.argv) do words[i] = quoted(shortened(word)) end
  return table.concat(words, " ")
end

--- One readable line for one step.
---@param step table
---@return string
function M.line(step)
  local text = describe[step[1]] and describe[step[1]](step) or step.target or ""
  return (("%-17s  %s"):format(step[1], text):gsub("%s+$", ""))
end

return M
