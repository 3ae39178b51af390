-- Where control groups can be made: layouts of other hosts as texts and directories, this one's as
-- it is.
local cgroup = require "moonsand.sandbox.cgroup"
local core = require "moonsand.core"
local groups = require "moonsand.sandbox.groups"
local host = require "spec.support.host"
local sweep = require "moonsand.sandbox.sweep"
local v1 = require "moonsand.sandbox.cgroup_v1"
local v2 = require "moonsand.sandbox.cgroup_v2"

local V1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
  .. "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
  .. "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
local V2 = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"

describe("the layout of a host", function()
  it("is v2 when there is one hierarchy", function()
    local layout = cgroup.parse("0::/user.slice/a.scope\n", V2)
    assert.are.equal("v2", layout.kind)
    assert.are.equal("/sys/fs/cgroup/user.slice/a.scope", layout.v2.dir)
  end)

  it("is v1 when each controller has its own", function()
    local layout = cgroup.parse("4:memory:/x\n3:cpu,cpuacct:/\n9:name=systemd:/init\n", V1)
    assert.are.equal("v1", layout.kind)
    assert.are.equal("/sys/fs/cgroup/memory/x", layout.v1.memory.dir)
    assert.are.equal("/sys/fs/cgroup/cpu,cpuacct", layout.v1.cpu.dir)
    assert.are.equal("/sys/fs/cgroup/cpu,cpuacct", layout.v1.cpuacct.dir)
    assert.is_nil(layout.v1["name=systemd"])
  end)

  it("is hybrid when there is a v2 tree beside", function()
    local layout = cgroup.parse("4:memory:/x\n0::/y\n", V1 .. V2)
    assert.are.equal("hybrid", layout.kind)
    assert.are.equal("/sys/fs/cgroup/y", layout.v2.dir)
  end)

  it("is v1 when the kernel names a v2 group that is mounted nowhere", function()
    local layout = cgroup.parse("4:memory:/x\n0::/\n", V1)
    assert.are.equal("v1", layout.kind)
  end)

  it("is none without mounts", function()
    local layout = cgroup.parse("0::/\n", "22 1 0:1 / / rw - ext4 /dev/vda rw\n")
    assert.are.equal("none", layout.kind)
    local place, why = cgroup.place(layout, "memory", {})
    assert.is_nil(place)
    assert.matches("no control groups mounted", why.what)
  end)

  it("shows only what a container's mount shows", function()
    local mount = "1 1 0:1 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    assert.are.equal("/sys/fs/cgroup/memory",
      cgroup.parse("4:memory:/docker/ab\n", mount).v1.memory.dir)
    assert.are.equal("/sys/fs/cgroup/memory/in",
      cgroup.parse("4:memory:/docker/ab/in\n", mount).v1.memory.dir)
    for _, path in ipairs {"/docker/abc", "/", "/docker", "/../x"} do
      local memory = cgroup.parse(("4:memory:%s\n"):format(path), mount).v1.memory
      assert.is_nil(memory.dir)
      assert.is_truthy(memory.why:find("outside of what is mounted", 1, true))
    end
  end)

  it("understands the escapes of mountinfo", function()
    local mount = "1 1 0:1 / /sys/my\\040groups rw - cgroup2 none rw\n"
    assert.are.equal("/sys/my groups/a", cgroup.parse("0::/a\n", mount).v2.dir)
  end)

  it("names the controller whose hierarchy is not mounted", function()
    local layout = cgroup.parse("4:memory:/x\n8:pids:/\n", V1)
    local place, why = cgroup.place(layout, "pids", {})
    assert.is_nil(place)
    assert.matches("the hierarchy of the caller's group / is not mounted", why.what)
  end)
end)

--- A version 2 tree as files.
local function tree(dir, files)
  for name, text in pairs(files) do dir:file(name, text) end
end

local function world(more)
  local own = {pid = 42, uid = 1000, systemd = false, read = host.read}
  for key, value in pairs(more or {}) do own[key] = value end
  return own
end

describe("a version 2 group", function()
  local function place(dir, path, wanted, more)
    return cgroup.place_v2({dir = dir.path .. path}, wanted, world(more))
  end

  it("is used as it is when it already gives its controllers on", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "cpu memory pids\n", ["a/cgroup.type"] = "domain\n",
      ["a/cgroup.subtree_control"] = "memory pids\n", ["a/cgroup.procs"] = "1\n"})
    assert.are.same({version = 2, dir = dir.path .. "/a", enable = {}},
      place(dir, "/a", {"memory", "pids"}))
  end)

  it("may have processes when it is the root", function()
    local dir <close> = host.scratch()
    tree(dir, {["cgroup.controllers"] = "cpu memory\n", ["cgroup.subtree_control"] = "cpu\n",
      ["cgroup.procs"] = "1\n2\n42\n"})
    local found = place(dir, "", {"memory", "cpu"})
    assert.are.same({"memory"}, found.enable)
    assert.is_nil(found.leaf)
  end)

  it("is left for a leaf by a caller that is alone in it", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "memory\n", ["a/cgroup.subtree_control"] = "\n",
      ["a/cgroup.type"] = "domain\n", ["a/cgroup.procs"] = "42\n"})
    local found = place(dir, "/a", {"memory"})
    assert.are.same({"memory"}, found.enable)
    assert.is_true(found.leaf)
    assert.are.same({}, found.children)
  end)

  it("is left together with the caller's children", function()
    local dir <close> = host.scratch()
    local process <close> = host.start {"sleep", "100"}
    tree(dir, {["a/cgroup.controllers"] = "memory\n", ["a/cgroup.subtree_control"] = "\n",
      ["a/cgroup.type"] = "domain\n",
      ["a/cgroup.procs"] = ("%d\n%d\n"):format(core.getpid(), process:pid())})
    local found = assert(place(dir, "/a", {"memory"}, {pid = core.getpid()}))
    assert.is_true(found.leaf)
    assert.are.same({tostring(process:pid())}, found.children)
  end)

  it("is refused when it is threaded: no process can start below it", function()
    local dir <close> = host.scratch()
    for _, kind in ipairs {"threaded", "domain threaded", "domain invalid"} do
      tree(dir, {["a/cgroup.controllers"] = "pids\n", ["a/cgroup.subtree_control"] = "pids\n",
        ["a/cgroup.type"] = kind .. "\n"})
      local found, why = place(dir, "/a", {"pids"})
      assert.is_nil(found)
      assert.is_truthy(why.what:find(("/a is '%s'"):format(kind), 1, true), why.what)
    end
  end)

  it("is found again by a caller that sits in its leaf", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "memory pids\n",
      ["a/cgroup.subtree_control"] = "memory\n", ["a/cgroup.type"] = "domain\n",
      ["a/cgroup.procs"] = "",
      ["a/moonsand-42-7-9-0/cgroup.controllers"] = "memory\n"})
    local found = place(dir, "/a/moonsand-42-7-9-0", {"memory"})
    assert.are.equal(dir.path .. "/a", found.dir)
    found = place(dir, "/a/moonsand-42-7-9-0", {"pids"})
    assert.are.same({"pids"}, found.enable)
    assert.is_false(found.leaf)
  end)

  it("is refused while others are in it; they are named", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "memory\n", ["a/cgroup.subtree_control"] = "",
      ["a/cgroup.type"] = "domain\n", ["a/cgroup.procs"] = "42\n" .. core.getpid() .. "\n"})
    local found, why = place(dir, "/a", {"memory"})
    assert.is_nil(found)
    assert.is_truthy(why.what:find(("holds other processes, %d (lua"):format(core.getpid()), 1,
      true), why.what)
    assert.matches("a group that it has for itself", why.fix)
    why = select(2, place(dir, "/a", {"memory"}, {systemd = true}))
    assert.matches("systemd%-run %-%-user %-%-scope %-p Delegate=yes", why.fix)
    why = select(2, place(dir, "/a", {"memory"}, {systemd = true, uid = 0}))
    assert.matches("^systemd%-run %-%-scope %-p Delegate=yes", why.fix)
  end)

  it("without the controller says which it has, and who can give it", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "pids cpu\n", ["a/cgroup.type"] = "domain\n"})
    local found, why = place(dir, "/a", {"memory"}, {systemd = true})
    assert.is_nil(found)
    assert.is_truthy(why.what:find("/a has no controller 'memory' (it has: cpu pids)", 1, true))
    assert.matches("Delegate=yes", why.fix)
  end)
end)

describe("a group that cannot be made", function()
  it("is explained by its owner", function()
    local why = cgroup.refused("/proc", 1, "permission denied", 13, world())
    assert.matches("no group can be made in /proc: it belongs to uid 0, the caller is uid %d",
      why.what)
    assert.matches("run as root", why.fix)
    assert.matches("chown", cgroup.refused("/proc", 2, "", 13, world()).fix)
    assert.matches("Delegate=yes", cgroup.refused("/proc", 2, "", 13, world {systemd = true}).fix)
  end)

  it("is explained by a read-only mount", function()
    assert.matches("mounted read%-only: a container", cgroup.refused("/proc", 2, "", 30,
      world()).what)
  end)
end)

describe("what is written for a limit", function()
  it("keeps swap out of a memory limit", function()
    local dir <close> = host.scratch()
    dir:file("memory.memsw.limit_in_bytes")
    dir:file("memory.swap.max")
    assert.are.same({{"memory.limit_in_bytes", 7}, {"memory.memsw.limit_in_bytes", 7}},
      v1.settings("memory", 7, dir.path))
    assert.are.same({{"memory.max", 7}, {"memory.swap.max", 0}},
      v2.settings("memory", 7, dir.path))
  end)

  it("is a share of a tenth of a second for cpu", function()
    assert.are.same({{"cpu.max", "150000 100000"}}, v2.settings("cpu", 1.5, "/"))
    assert.are.same({{"cpu.cfs_period_us", 100000}, {"cpu.cfs_quota_us", 50000}},
      v1.settings("cpu", 0.5, "/"))
    assert.are.same({{"cpu.max", "1000 100000"}}, v2.settings("cpu", 0.0001, "/"))
  end)

  it("is a line for each disk for io", function()
    for _, setting in ipairs(assert(v2.settings("io", {read = 1000, write = 7}, "/"))) do
      assert.are.equal("io.max", setting[1])
      assert.matches("^%d+:%d+ rbps=1000 wbps=7$", setting[2])
    end
    local list = assert(v1.settings("io", {read = 1000, write = 7}, "/"))
    assert.are.equal("blkio.throttle.read_bps_device", list[1][1])
    assert.matches("^%d+:%d+ 1000$", list[1][2])
    assert.are.equal("blkio.throttle.write_bps_device", list[2][1])
    assert.matches("^%d+:%d+ 7$", list[2][2])
  end)

  it("leaves the other way alone for io of one way", function()
    assert.matches("^%d+:%d+ wbps=7$", assert(v2.settings("io", {write = 7}, "/"))[1][2])
    assert.are.equal("blkio.throttle.read_bps_device",
      assert(v1.settings("io", {read = 7}, "/"))[1][1])
  end)
end)

describe("the counters of a group", function()
  it("are read from version 2 files", function()
    local dir <close> = host.scratch()
    tree(dir, {["memory.peak"] = "4096\n", ["pids.peak"] = "3\n",
      ["memory.events"] = "low 0\nmax 5\noom 1\noom_kill 2\n", ["pids.events"] = "max 4\n",
      ["cpu.stat"] = "usage_usec 9\nuser_usec 5\nsystem_usec 4\nthrottled_usec 1\n",
      ["io.stat"] = "254:0 rbytes=10 wbytes=20 rios=1\n253:0 rbytes=1 wbytes=2\n"})
    assert.are.same({memory_peak = 4096, memory_refused = 1, pids_peak = 3, oom_kills = 2,
      pids_refused = 4,
      user_us = 5, system_us = 4, throttled_us = 1, io_read = 11, io_written = 22},
      v2.read(dir.path))
  end)

  it("are read from version 1 files; events from where the processes are", function()
    local dir <close> = host.scratch()
    tree(dir, {["memory.max_usage_in_bytes"] = "4096\n", ["pids.peak"] = "3\n",
      ["inside/memory.oom_control"] = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
      ["inside/pids.events"] = "max 4\n", ["pids.events"] = "max 0\n",
      ["cpuacct.usage"] = "18000\n", ["cpuacct.usage_user"] = "5000\n",
      ["cpuacct.usage_sys"] = "4000\n",
      ["cpu.stat"] = "nr_periods 0\nthrottled_time 1000\n",
      ["blkio.throttle.io_service_bytes_recursive"] =
        "254:0 Read 10\n254:0 Write 20\n254:0 Total 30\n253:0 Read 1\nTotal 31\n"})
    assert.are.same({memory_peak = 4096, pids_peak = 3, oom_kills = 2, pids_refused = 4,
      user_us = 10, system_us = 8, throttled_us = 1, io_read = 11, io_written = 20},
      v1.read(dir.path, dir.path .. "/inside"))
  end)

  it("are nothing in a group that has none", function()
    local dir <close> = host.scratch()
    assert.are.same({}, v2.read(dir.path))
    assert.are.same({}, v1.read(dir.path, dir.path .. "/inside"))
  end)
end)

describe("groups on a version 2 host", function()
  it("are made beside the leaf that the caller moves into", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "cpu pids\n", ["a/cgroup.subtree_control"] = "",
      ["a/cgroup.type"] = "domain\n", ["a/cgroup.procs"] = "42\n"})
    local own = assert(groups.make({cpu = {value = 2}, pids = {value = 9}}, world(),
      {v1 = {}, v2 = {dir = dir.path .. "/a"}}))
    local leaf = own.name:gsub("%d+$", "0")
    assert.are.equal("0", dir:read("a/" .. leaf .. "/cgroup.procs"))
    assert.are.equal("200000 100000", dir:read("a/" .. own.name .. "/cpu.max"))
    assert.are.equal("9", dir:read("a/" .. own.name .. "/pids.max"))
    assert.is_truthy(own.into)
    assert.are.same({}, own.join)
    assert.are.equal(dir.path .. "/a/" .. own.name, own.by_role.whole.dir)
    own:close()
  end)

  it("are not made when a controller is refused; the caller goes back to where it was", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "memory\n", ["a/cgroup.type"] = "domain\n",
      ["a/cgroup.procs"] = "42\n"})
    dir:dir("a/cgroup.subtree_control") -- nobody can write to it
    local own, why = groups.make({memory = {value = 1 << 20}}, world(),
      {v1 = {}, v2 = {dir = dir.path .. "/a"}})
    assert.is_nil(own)
    assert.are.equal("memory", why.name)
    assert.are.equal("0", dir:read("a/cgroup.procs"))
  end)

  it("are left out for best effort, and what is missing is told", function()
    local dir <close> = host.scratch()
    tree(dir, {["a/cgroup.controllers"] = "pids\n", ["a/cgroup.subtree_control"] = "pids\n",
      ["a/cgroup.type"] = "domain\n", ["a/cgroup.procs"] = ""})
    local own = assert(groups.make({memory = {value = 1, best_effort = true}, pids = {value = 9}},
      world(), {v1 = {}, v2 = {dir = dir.path .. "/a"}}))
    assert.are.equal("memory", own.missing[1].name)
    assert.matches("has no controller 'memory'", own.missing[1].what)
    assert.are.equal("9", dir:read("a/" .. own.name .. "/pids.max"))
    own:close()
  end)
end)

describe("a sweep", function()
  it("removes groups of callers that are gone, and nothing else", function()
    local dir <close> = host.scratch()
    local ns = core.readlink("/proc/self/ns/pid"):match("%d+")
    local stat = host.read("/proc/self/stat"):match("^.*%) (.*)$")
    local n, start = 2, nil
    for word in stat:gmatch("%S+") do
      n = n + 1
      if n == 22 then start = word end
    end
    local own = ("moonsand-%d-%s-%s-1"):format(core.getpid(), start, ns)
    local reused = ("moonsand-%d-1%s-%s-2"):format(core.getpid(), start, ns)
    local gone = ("moonsand-4194305-77-%s-3"):format(ns)
    local kept = {own, "moonsand-4194305-77-1-4", "moonsand-probe", "moonsand-1-2-3", "user.slice"}
    for _, name in ipairs(kept) do dir:dir(name) end
    dir:dir(reused)
    dir:dir(gone .. "/made inside")
    local removed = sweep.sweep(dir.path)
    table.sort(removed)
    local wanted = {gone, reused}
    table.sort(wanted)
    assert.are.same(wanted, removed)
    table.sort(kept)
    assert.are.same(kept, core.readdir(dir.path))
  end)
end)

describe("the step cgroup", function()
  it("is checked", function()
    local function spawn(step)
      return pcall(core.spawn, {{"namespaces", "user"}, step, {"exec", argv = {"true"},
        init = false}})
    end
    assert.matches("field 'join' must be a list", select(2, spawn {"cgroup", join = 3}))
    assert.matches("field 'into' must hold handles", select(2, spawn {"cgroup", into = "x"}))
    assert.matches("unknown field 'onto'", select(2, spawn {"cgroup", onto = 3}))
    local handle = core.open("/", "dir")
    handle:close()
    assert.matches("closed handle", select(2, spawn {"cgroup", into = handle}))
  end)

  -- clone3 has told the number of a pidfd by then; it is somebody else's the next moment.
  it("closes nothing of others when the child cannot be put there", function()
    local group <close> = core.open("/", "dir")
    assert.is_nil((core.spawn {{"namespaces", "user"}, {"cgroup", into = group},
      {"exec", argv = {"true"}, init = false}}))
    local pipes = {}
    for i = 1, 8 do pipes[i] = {core.pipe()} end
    collectgarbage()
    for _, pipe in ipairs(pipes) do
      local reader <close> = pipe[1]
      local writer <close> = pipe[2]
      assert.are.equal(1, (writer:write "x"))
      assert.are.equal("x", (reader:read()))
    end
  end)

  it("names itself when the child cannot be put there", function()
    local handle <close> = core.open("/", "dir")
    local process, message, errno = core.spawn {{"namespaces", "user"}, {"cgroup", into = handle},
      {"exec", argv = {"true"}, init = false}}
    assert.is_nil(process)
    assert.matches("clone3 into the control group: ", message)
    assert.are.equal(9, errno) -- EBADF: no group
    local file <close> = core.open("/dev/full", "w")
    process, message = core.spawn {{"namespaces", "user"}, {"cgroup", join = {file}},
      {"exec", argv = {"true"}, init = false}}
    assert.is_nil(process)
    assert.matches("cgroup: write cgroup.procs: No space left", message)
  end)
end)

describe("this host's own version 2 tree", function()
  local layout = cgroup.host(cgroup.world())
  local dir = layout.v2 and layout.v2.dir and cgroup.without_leaf(layout.v2.dir)

  --- A group of the spec's own, with the kind of name that a later sweep removes.
  local function group(name)
    local path = ("%s/moonsand-spec-%d-%s"):format(dir, core.getpid(), name)
    local self = setmetatable({path = path}, {
      __close = function() host.eventually(function() return core.rmdir(path) end) end,
    })
    assert(core.mkdir(self.path))
    return self
  end

  local function able()
    if not dir then return pending("no version 2 tree is mounted here") end
    local path = ("%s/moonsand-spec-%d"):format(dir, core.getpid())
    if not core.mkdir(path) then return pending("nobody has given the caller a group here") end
    return core.rmdir(path)
  end

  local function start(own, script)
    local handle <close> = core.open(own.path, "dir")
    local reader, writer = core.pipe()
    local process = assert(core.spawn {
      {"namespaces", "user", "mount", "pid", "cgroup"}, {"cgroup", into = handle},
      {"ids", uid = {{0, core.uid(), 1}}, gid = {{0, core.gid(), 1}}},
      {"fds", map = {[0] = 0, [1] = writer, [2] = 2}}, {"exec", argv = {"sh", "-c", script}},
    })
    writer:close()
    return process, reader
  end

  it("takes the child at its birth, and shows it the group as its root", function()
    if not able() then return end
    local own <close> = group "birth"
    local process <close>, reader = start(own, "cat /proc/self/cgroup")
    assert.matches("0::/\n", host.drain(reader))
    core.poll {{fd = process}}
    assert.are.equal(0, process:wait().exit_code)
  end)

  it("kills all that is in a group at once", function()
    if not able() then return end
    local own <close> = group "kill"
    local process <close> = start(own, "sleep 1000 & sleep 1000")
    assert.is_true(host.eventually(function()
      return select(2, (host.read(own.path .. "/cgroup.procs") or ""):gsub("\n", "")) >= 3
    end))
    local file <close> = core.open(own.path .. "/cgroup.kill", "w")
    assert(file:write("1"))
    core.poll {{fd = process}}
    assert.are.equal("KILL", process:wait().signal)
    assert.are.equal("", host.read(own.path .. "/cgroup.procs"))
  end)
end)
