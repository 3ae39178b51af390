--- What a sandbox has when nobody says otherwise: the host's programs, an environment, a user.
local core = require "moonsand.core"

local M = {}

M.path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
M.hostname = "moonsand"
M.grace = 5

--- What of /etc a compiler or a shell needs; none of it is private to the host's users.
M.etc = {
  "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
}

--- What of /etc a program needs to reach others by name and to believe them.
M.etc_network = {
  "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols",
  "/etc/gai.conf", "/etc/host.conf", "/etc/ssl", "/etc/ca-certificates",
}

---@return table<string, string>
function M.environment(term)
  return {PATH = M.path, HOME = "/tmp", LANG = "C.UTF-8", TERM = term or "dumb"}
end

--- The top of a host's tree: /usr, and what of /bin, /lib, ... is a link into it or a directory of
--- its own.
--- Read once: it does not change under a running system.
local function read_top()
  local steps = {{"bind", source = "/usr", target = "/usr"}}
  for _, path in ipairs {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} do
    local st = core.stat(path)
    if st and st.type == "symlink" then
      steps[#steps + 1] = {"symlink", target = path, text = assert(core.readlink(path))}
    elseif st and st.type == "directory" then
      steps[#steps + 1] = {"bind", source = path, target = path}
    end
  end
  return steps
end

local top

--- Steps that show the host's programs, read-only.
---@param steps table[]   appended to
function M.host(steps)
  top = top or read_top()
  table.move(top, 1, #top, #steps + 1, steps)
  for _, path in ipairs(M.etc) do
    steps[#steps + 1] = {"bind", source = path, target = path, optional = true}
  end
end

--- A passwd and a group file that name nobody of the host.
---@param steps table[]   appended to
---@param uid integer     inside
---@param gid integer     inside
function M.names(steps, uid, gid)
  local passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
  local group = "root:x:0:\nnogroup:x:65534:\n"
  if uid ~= 0 and uid ~= 65534 then
    passwd = passwd .. ("builder:x:%d:%d:builder:/tmp:/bin/sh\n"):format(uid, gid)
  end
  if gid ~= 0 and gid ~= 65534 then group = group .. ("builder:x:%d:\n"):format(gid) end
  steps[#steps + 1] = {"file", target = "/etc/passwd", text = passwd}
  steps[#steps + 1] = {"file", target = "/etc/group", text = group}
end

return M
