--- The peers' words for what a plan of moonsand's says. Where a peer has no equal for something it
--- goes without it, which is less work for the peer; what it has beyond that, it has unasked.
local core = require "moonsand.core"

local M = {}

local function append(list, words)
  table.move(words, 1, #words, #list + 1, list)
end

--- Keep a text in a file of the benchmark's; returns its path.
function M.kept(place, name, text)
  local path = place .. "/" .. name
  local file <close> = assert(core.open(path, "w"))
  assert(file:write(text))
  return path
end

--- A program on this machine, or nil.
function M.find(name)
  for directory in (os.getenv "PATH" .. ":/usr/sbin:/sbin"):gmatch "[^:]+" do
    local path = directory .. "/" .. name
    if core.stat(path, "follow") then return path end
  end
end

--- A step of the plan.
function M.step(plan, verb)
  for _, step in ipairs(plan) do
    if step[1] == verb then return step end
  end
end

local environment = {"PATH", "HOME", "LANG", "TERM"}

local bwrap = {}

function bwrap.bind(s)
  return {s.optional and "--ro-bind-try" or "--ro-bind", s.source, s.target}
end

function bwrap.symlink(s) return {"--symlink", s.text, s.target} end

function bwrap.proc(s) return {"--proc", s.target} end -- it covers four places of its own accord

function bwrap.dev(s) return {"--dev", s.target} end

function bwrap.tmpfs(s)
  return s.target == "/" and {} or {"--perms", ("%o"):format(s.mode), "--tmpfs", s.target}
end

--- bubblewrap 0.8 has no overlay: the lowers as read-only binds cost it least.
function bwrap.overlay(s)
  local words = {}
  for i, lower in ipairs(s.lower) do append(words, {"--ro-bind", lower, s.target .. "/" .. i}) end
  return words
end

--- bubblewrap's words, and the files that it reads from descriptors 10, 11, ...; with a filter the
--- last of them is the plan's own.
---@param plan moonsand.sandbox.Plan
---@param place string
---@param filtered boolean?
function M.bwrap(plan, place, filtered)
  local words = {M.find "bwrap"}
  local files = {}
  local function kept(text)
    files[#files + 1] = M.kept(place, "file" .. #files, text)
    return tostring(9 + #files)
  end
  local namespaces = M.step(plan, "namespaces")
  for i = 2, #namespaces do
    if namespaces[i] ~= "mount" then words[#words + 1] = "--unshare-" .. namespaces[i] end
  end
  append(words, {"--hostname", "moonsand", "--die-with-parent", "--new-session", "--cap-drop",
    "ALL", "--clearenv"})
  for _, step in ipairs(plan) do
    if step[1] == "file" then
      append(words, {"--perms", "0644", "--file", kept(step.text), step.target})
    elseif step[1] == "exec" then
      for _, name in ipairs(environment) do append(words, {"--setenv", name, step.env[name]}) end
    elseif step[1] == "seccomp" and filtered then
      append(words, {"--seccomp", kept(step.program)})
    elseif bwrap[step[1]] then
      append(words, bwrap[step[1]](step))
    end
  end
  append(words, {"--remount-ro", "/", "--chdir", M.step(plan, "chdir").target, "--"})
  append(words, M.step(plan, "exec").argv)
  return words, files
end

local devices = {"null", "zero", "full", "random", "urandom", "tty"}

--- nsjail's words. Its filters are of another language; the three files of /etc are left out.
function M.nsjail(plan, path)
  local words = {path, "-Mo", "-Q", "--hostname", "moonsand", "--disable_rlimits", "--cwd", "/",
    "--tmpfsmount", "/tmp", "--symlink", "/proc/self/fd:/dev/fd"}
  for _, step in ipairs(plan) do
    if step[1] == "bind" and core.stat(step.source) then
      append(words, {"--bindmount_ro", step.source .. ":" .. step.target})
    elseif step[1] == "symlink" then
      append(words, {"--symlink", step.text .. ":" .. step.target})
    elseif step[1] == "exec" then
      for _, name in ipairs(environment) do
        append(words, {"--env", name .. "=" .. step.env[name]})
      end
    end
  end
  for _, name in ipairs(devices) do append(words, {"--bindmount", "/dev/" .. name}) end
  words[#words + 1] = "--"
  append(words, M.step(plan, "exec").argv)
  return words
end

--- runc wants somebody to be 0 inside.
local function id_map(range)
  return {{containerID = 0, hostID = range[2], size = 1}}
end

--- What config.json of an OCI bundle says (runtime-spec 1.0). The root is a directory that holds
--- the mount points and the links already.
local function oci_config(plan)
  local exec, ids, list = M.step(plan, "exec"), M.step(plan, "ids"), {}
  local namespaces = {}
  for i = 2, #M.step(plan, "namespaces") do
    local name = M.step(plan, "namespaces")[i]
    namespaces[#namespaces + 1] = {type = name == "net" and "network" or name}
  end
  list[1] = {destination = "/proc", type = "proc", source = "proc"}
  list[2] = {destination = "/dev", type = "tmpfs", source = "tmpfs",
    options = {"nosuid", "strictatime", "mode=755"}}
  list[3] = {destination = "/tmp", type = "tmpfs", source = "tmpfs",
    options = {"nosuid", "nodev", "mode=1777"}}
  for _, step in ipairs(plan) do
    if step[1] == "bind" and core.stat(step.source) then
      list[#list + 1] = {destination = step.target, type = "bind", source = step.source,
        options = {"rbind", "ro", "nosuid", "nodev"}}
    end
  end
  local env = {}
  for i, name in ipairs(environment) do env[i] = name .. "=" .. exec.env[name] end
  return {
    ociVersion = "1.0.0", hostname = "moonsand", root = {path = "root", readonly = true},
    process = {terminal = false, cwd = "/", args = exec.argv, env = env, noNewPrivileges = true,
      user = {uid = 0, gid = 0}, capabilities = {bounding = {}}},
    mounts = list,
    linux = {namespaces = namespaces, uidMappings = id_map(ids.uid[1]),
      gidMappings = id_map(ids.gid[1])},
  }
end

--- An OCI bundle below `place`; returns its directory.
function M.bundle(plan, place)
  local root = place .. "/bundle/root"
  for _, path in ipairs {"/proc", "/dev", "/tmp", "/etc", "/usr"} do
    assert(core.mkdirs(root .. path))
  end
  for _, step in ipairs(plan) do
    local st = step[1] == "bind" and core.stat(step.source, "follow")
    if step[1] == "symlink" then
      assert(core.symlink(step.text, root .. step.target))
    elseif step[1] == "file" then
      M.kept(root, step.target:sub(2), step.text)
    elseif st and st.type == "directory" then
      assert(core.mkdirs(root .. step.target))
    elseif st then
      M.kept(root, step.target:sub(2), "")
    end
  end
  M.kept(place .. "/bundle", "config.json", require "dkjson".encode(oci_config(plan)))
  return place .. "/bundle"
end

return M
