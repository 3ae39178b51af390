-- What an ordinary user with a given /etc/subuid sees: for root, which can show somebody else other
-- files by mounts that nobody else has.
local core = require "moonsand.core"
local host = require "spec.support.host"

local M = {}

-- $1: a directory with the files; $2: Lua text; $3: its PATH. The checkout is shown at a place that
-- a user can read, wherever it is.
local SCRIPT = [[
  set -e
  for name in passwd subuid subgid; do mount --bind "$1/$name" "/etc/$name"; done
  mount --bind . "$1/tree"
  cd "$1/tree"
  exec setpriv --reuid=54321 --regid=54321 --clear-groups \
    env PATH="$3" "$(command -v lua5.4)" -e "$2"
]]

--- Why nobody else can be shown anything here; nil when that works.
---@return string?
function M.impossible()
  if not host.is_root() then return "only root can show a user another /etc/subuid" end
  if not (host.read("/etc/subuid") and host.read("/etc/subgid")) then
    return "this host has no /etc/subuid and /etc/subgid"
  end
  if not os.execute("unshare -m true 2>/dev/null && command -v setpriv >/dev/null") then
    return "this root may not mount, or has no setpriv"
  end
end

--- Run Lua text as user 54321, named `builder`; what it wrote, and how it ended.
---@param text string
---@param files {subuid?: string, subgid?: string, newuidmap?: string}   newuidmap: a script that
---  stands for it; "" for none
---@return string output
---@return table ended
function M.run(text, files)
  local dir <close> = host.scratch()
  dir:file("passwd", (host.read "/etc/passwd") .. "builder:x:54321:54321::/tmp:/bin/sh\n")
  for _, name in ipairs {"subuid", "subgid"} do dir:file(name, files[name] or files.subuid) end
  dir:dir "tree"
  local path = os.getenv("PATH")
  if files.newuidmap then
    path = dir:dir "bin"
    if files.newuidmap ~= "" then
      assert(core.chmod(dir:file("bin/newuidmap", files.newuidmap), 493))
    end
  end
  assert(core.chmod(dir.path, 493)) -- 0755
  local reader <close>, writer = assert(core.pipe())
  local argv = {"unshare", "-m", "sh", "-c", SCRIPT, "sh", dir.path, text, path}
  local process <close> = host.start(argv, {[0] = 0, [1] = writer, [2] = 2})
  writer:close()
  local output = host.drain(reader)
  core.poll {{fd = process}}
  return output, process:wait()
end

return M
