-- Limits where the caller's own group is not like this one's: in groups of other kinds, in a
-- container, among others. The groups are made in the hierarchy of this host.
local cgroup = require "moonsand.sandbox.cgroup"
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"
local sweep = require "moonsand.sandbox.sweep"

local read = host.read

--- The caller's place in the version 2 tree, if groups can be made there.
local function tree()
  local v2 = cgroup.host(cgroup.world()).v2
  local dir = v2 and v2.dir and cgroup.without_leaf(v2.dir)
  if not dir or not core.mkdir(dir .. "/moonsand-spec-probe") then return nil end
  core.rmdir(dir .. "/moonsand-spec-probe")
  return dir
end

--- Is there a version 2 tree with these controllers for groups of ours? Pending where not.
local function controlled(...)
  sandbox.new({script = "true", limits = {memory = "1G", pids = 100}}):run() -- enters its leaf
  local dir = tree()
  local given = dir and read(dir .. "/cgroup.subtree_control") or ""
  for _, name in ipairs {...} do
    if not (" " .. given:gsub("\n", " ")):find(" " .. name .. " ", 1, true) then
      pending(("no version 2 groups with the controller '%s' can be made here"):format(name))
      return nil
    end
  end
  return dir
end

--- A group of the spec's own: `local group <close> = made(dir, "name")`.
local function made(dir, name)
  local path = ("%s/moonsand-spec-%d-%s"):format(dir, core.getpid(), name)
  assert(core.mkdir(path))
  return setmetatable({path = path}, {
    __close = function()
      assert.is_true(host.eventually(function() return (sweep.remove(path)) end), path)
    end,
  })
end

local LUA = "exec lua5.4 -e \"$TEXT\""

--- Run Lua text in a group: what it writes, and how it ended. `before` are commands of the shell
--- that is in the group before.
local function inside(group, text, before)
  local reader <close>, writer = core.pipe()
  local process <close> = host.start({"sh", "-c",
    "echo $$ >$GROUP/cgroup.procs || exit\n" .. (before or "") .. "\n" .. LUA},
    {[0] = 0, [1] = writer, [2] = 2}, {TEXT = "sandbox = require 'moonsand.sandbox';"
      .. "core = require 'moonsand.core';" .. text, GROUP = group.path})
  writer:close()
  local out = host.drain(reader)
  core.poll {{fd = process}}
  return out, process:wait()
end

local LIMITED = [[
  local r = sandbox.new {script = 'true', limits = {memory = '64M', pids = 9}}:run()
  io.write(r.outcome, ': ', r.message or '', ' / ', r.hint or '')
]]

describe("a caller in a version 2 group of its own", function()
  it("makes groups beside the leaf that it moves into, and leaves nothing but that", function()
    local dir = controlled("memory", "pids")
    if not dir then return end
    local group <close> = made(dir, "alone")
    assert.are.equal("exit:  / ", (inside(group, LIMITED)))
    local left = {}
    for _, name in ipairs(core.readdir(group.path)) do
      if name:find("^moonsand") then left[#left + 1] = name end
    end
    assert.are.equal(1, #left)
    assert.is_true(sweep.is_leaf(left[1]))
  end)

  it("takes its own children with it, such as sandboxes without limits", function()
    local dir = controlled("memory", "pids")
    if not dir then return end
    local group <close> = made(dir, "children")
    assert.are.equal("exit:  / 7", (inside(group, [[
      local pipe, writer = core.pipe()
      local first = sandbox.new {script = 'read x; exit $x', stdin = pipe}:start()
    ]] .. LIMITED .. [[
      writer:write '7\n'
      io.write(first:wait().exit_code)
    ]])))
  end)

  it("is refused while others are in it, who are named", function()
    local dir = controlled("memory", "pids")
    if not dir then return end
    local group <close> = made(dir, "crowd")
    local other <close> = host.start({"sh", "-c", "echo $$ >$GROUP/cgroup.procs; exec sleep 100"},
      nil, {GROUP = group.path})
    assert.is_true(host.eventually(function()
      return read(group.path .. "/cgroup.procs") == other:pid() .. "\n"
    end))
    local out = inside(group, LIMITED)
    assert.matches("^setup_failed: .*holds other processes, %d+ %(sleep%): while it does", out)
    assert.matches("best_effort", out)
  end)

  it("without the controller says which it has", function()
    local dir = controlled("memory", "pids")
    if not dir then return end
    local outer <close> = made(dir, "outer")
    local group <close> = made(outer.path, "inner")
    assert.matches("^setup_failed: .*inner has no controller 'memory' %(it has: none%)",
      (inside(group, LIMITED)))
  end)

  it("hears of a kill by the bound of a group above as out of memory, of no limit of its own",
    function()
      local dir = controlled("memory")
      if not dir then return end
      local group <close> = made(dir, "small")
      local file <close> = assert(core.open(group.path .. "/memory.max", "w"))
      assert(file:write(tostring(96 << 20)))
      if core.stat(group.path .. "/memory.swap.max") then
        local swap <close> = assert(core.open(group.path .. "/memory.swap.max", "w"))
        assert(swap:write("0"))
      end
      assert.are.equal("oom 0", (inside(group, [[
        local r = sandbox.new {command = {'perl', '-e', 'my $x = q(a) x (400 << 20)'},
          limits = {memory = '1G'}}:run()
        io.write(r.outcome, ' ', #r.limits_hit)
      ]])))
    end)

  it("finds its place in a namespace of groups, as a container has one", function()
    local dir = controlled("memory", "pids")
    if not dir then return end
    if not host.is_root() then return pending "only root mounts a container's groups" end
    local group <close> = made(dir, "container")
    local out = inside(group, LIMITED, [[
      [ "$IN" ] || exec env IN=1 unshare -C -m --propagation private sh -c '
        umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup &&]] .. " "
      .. LUA .. "'")
    assert.are.equal("exit:  / ", out)
  end)
end)

describe("groups that are mounted read-only, as a container has them", function()
  it("are a failure that says so, and what to do", function()
    local kind = cgroup.host(cgroup.world()).kind
    if kind == "none" then return pending "no groups are mounted here" end
    local out = host.lua(([[
      local host, core = require "spec.support.host", require "moonsand.core"
      local reader, writer = core.pipe()
      local process <close> = host.start({"unshare", %s, "--propagation", "private", "sh", "-c",
        "grep ' - cgroup2* ' /proc/self/mountinfo | cut -d' ' -f5 | while read -r dir; do"
        .. " mount -o remount,bind,ro \"$dir\" || exit; done; exec lua5.4 -e \"$TEXT\""},
        {[0] = 0, [1] = writer, [2] = 2}, {TEXT = "sandbox = require 'moonsand.sandbox' %s"})
      writer:close()
      io.write(host.drain(reader))
      core.poll {{fd = process}}
    ]]):format(host.is_root() and '"-m"' or '"-Urm"', (LIMITED:gsub("\n", " "))))
    assert.matches("^setup_failed: limit memory=64M cannot be applied: .* mounted read%-only", out)
    assert.matches("best_effort", out)
  end)
end)

describe("a version 1 freezer", function()
  it("is asked until all are frozen, as it forgets who is made meanwhile", function()
    local layout = cgroup.host(cgroup.world())
    if not layout.v1.freezer or not layout.v1.pids then return pending "there is none here" end
    if not host.is_root() then return pending "version 1 groups are root's" end
    local out = host.lua [[
      local cgroup = require "moonsand.sandbox.cgroup"
      local core = require "moonsand.core"
      local found = cgroup.host
      function cgroup.host(world)
        local layout = found(world)
        layout.v2 = nil
        return layout
      end
      local running <close> = assert(require("moonsand.sandbox").new({limits = {pids = 100},
        script = "while :; do (:) | (:); done & while :; do /bin/true; done"}):start())
      assert(running.options.groups.by_role.whole.version == 1)
      for _ = 1, 100 do
        core.poll({}, 0.002)
        assert(running:stop())
        assert(running:continue())
      end
      io.write "each time"
    ]]
    assert.are.equal("each time", out)
  end)
end)

describe("the limit 'io'", function()
  it("is what the kernel has for each disk", function()
    local running <close>, failure = sandbox.new({script = "read x", stdin = core.pipe(),
      limits = {io = {read = "3M", write = "2M"}}}):start()
    if not running then return pending(failure.message) end
    local group = running.options.groups.by_role.io
    if group.version == 2 then
      assert.matches("rbps=3145728 wbps=2097152", read(group.dir .. "/io.max"))
    else
      assert.matches("%d+:%d+ 3145728\n", read(group.inner .. "/blkio.throttle.read_bps_device"))
      assert.matches("%d+:%d+ 2097152\n", read(group.inner .. "/blkio.throttle.write_bps_device"))
    end
  end)
end)

describe("the limit 'memory'", function()
  it("is not stretched by the swap", function()
    if select(2, read("/proc/swaps"):gsub("\n", "")) < 2 then
      return pending "this host has no swap"
    end
    local r = sandbox.new({command = {"perl", "-e", "my $x = 'a' x (100 << 20); print 'there'"},
      limits = {memory = "64M"}}):run()
    if r.outcome == "setup_failed" then return pending(r.message) end
    assert.are.equal("oom", r.outcome)
    assert.are.equal("", r.stdout)
    assert.are.same({"memory"}, r.limits_hit)
  end)
end)

describe("a nested sandbox that mounts the groups", function()
  --- A script that tries to lift a bound, in the hierarchy in which there is a group of ours and in
  --- no other: there, the group that is seen is the caller's.
  local function lifting(controller, files, text)
    return ([[unshare -UrmC sh -c '
      mkdir /tmp/g
      mount -t cgroup -o %s none /tmp/g && echo %s | tee %s
      mount -t cgroup2 none /tmp/g && ls /tmp/g
      true' >/tmp/said 2>&1 || true; grep -c . /tmp/said >&2; ]]):format(controller, text, files)
  end

  it("cannot lift the bound for memory", function()
    local r = sandbox.new({nested = true, ids = "root", limits = {memory = "64M"},
      script = lifting("memory",
        "/tmp/g/memory.memsw.limit_in_bytes /tmp/g/memory.limit_in_bytes", "999999999")
        .. "perl -e 'my $x = \"a\" x (400 << 20); print qq(there)'"}):run()
    if r.outcome == "setup_failed" then return pending(r.message) end
    assert.are_not.equal("0\n", r.stderr) -- it was tried
    assert.are.equal("", r.stdout)
    assert.are.same({"memory"}, r.limits_hit)
  end)

  it("cannot lift the bound for processes", function()
    local r = sandbox.new({nested = true, ids = "root", limits = {pids = 20},
      script = lifting("pids", "/tmp/g/pids.max", "max")
        .. "exec perl -e 'for (1..40) { fork // exit 9 or do { sleep 5; exit } }'"}):run()
    if r.outcome == "setup_failed" then return pending(r.message) end
    assert.are_not.equal("0\n", r.stderr)
    assert.are.equal(9, r.exit_code)
    assert.are.same({"pids"}, r.limits_hit)
  end)
end)

-- Programs that may make namespaces: each with the words that a spec's name has for it.
local free = {
  {"nested", {nested = true}},
  {"without a filter", {seccomp = "none", cap_add = {"setfcap"}}},
  {"with a policy that lets namespaces pass",
    {seccomp = {allow = {"@mount", "@namespaces"}}, cap_add = {"setfcap"}}},
  {"nested, in the caller's namespace of groups", {nested = true, share = {"cgroup"}}},
  {"nested, as fake root", {nested = true, ids = "root"}},
  {"nested, with all of CAP_SYS_ADMIN", {nested = true, cap_add = {"sys_admin", "setfcap"}}},
}

local function with(options, script)
  local own = {script = script}
  for key, value in pairs(options) do own[key] = value end
  return own
end

describe("the groups of the caller", function()
  -- Mounts each hierarchy and writes to what it finds: a line for each that it could write to.
  local attack = [[
    mkdir -p /tmp/g; cd /
    cut -d: -f2 /proc/self/cgroup | while read -r names; do
      if [ "$names" ]; then mount -t cgroup -o "$names" none /tmp/g
      else mount -t cgroup2 none /tmp/g; fi 2>/dev/null || continue
      for file in cgroup.procs tasks cgroup.threads; do
        [ -e /tmp/g/$file ] && echo 0 >/tmp/g/$file && echo "wrote to '$names'" && break
      done
      mkdir /tmp/g/new && rmdir /tmp/g/new && echo "made a group in '$names'"
      umount /tmp/g
    done 2>/dev/null
    echo tried]]

  local ways = ([[
    ATTACK='%s'
    unshare -UrmC sh -c "$ATTACK" || echo none
    unshare -Urm sh -c "$ATTACK"
    sh -c "$ATTACK"
    { echo 99 >/proc/sys/user/max_cgroup_namespaces || true; } 2>/dev/null
    unshare -Ur sh -c 'echo 99 >/proc/sys/user/max_cgroup_namespaces; exec unshare -mC "$@"' \
      sh sh -c "$ATTACK" || echo none
    exit 0]]):format((attack:gsub("'", "'\\''")))

  --- What cannot be written to is not written to: the same is tried outside, where it can.
  it("can be written to by a root outside, in the way that is tried inside", function()
    if not host.is_root() then return pending "they are root's here" end
    local out = host.lua(([[
      local host, core = require "spec.support.host", require "moonsand.core"
      local reader, writer = core.pipe()
      local process <close> = host.start({"unshare", "-mC", "--propagation", "private", "sh", "-c",
        "mount -t tmpfs none /tmp; eval \"$ATTACK\""}, {[0] = 0, [1] = writer, [2] = 2},
        {ATTACK = %q})
      writer:close()
      io.write(host.drain(reader))
      core.poll {{fd = process}}
    ]]):format(attack))
    local _, lines = host.read("/proc/self/cgroup"):gsub("\n", "")
    local _, written = out:gsub("wrote to", "")
    assert.are.equal(lines, written, out)
  end)

  for _, one in ipairs(free) do
    it("cannot be mounted by a program that is " .. one[1], function()
      local r = sandbox.new(with(one[2], ways)):run()
      assert.are.equal("none\ntried\ntried\nnone\n", r.stdout, r.stderr)
      assert.matches("No space left on device", r.stderr)
    end)
  end

  it("cannot be mounted by a program in a prepared sandbox either", function()
    local prepared <close> = assert(sandbox.new({nested = true}):prepare())
    assert.are.equal("none\ntried\ntried\nnone\n", prepared:run(ways).stdout)
  end)

  it("are not to be had by a sandbox in the sandbox, which works without a namespace of groups",
    function()
      local here = assert(core.realpath("."))
      local r = sandbox.new({
        command = {"lua5.4", "-e", [[
          local inner = require("moonsand.sandbox").new {nested = true, proc = "auto",
            script = "unshare -UrmC true || echo none"}
          local r = inner:run()
          io.write(r.stdout, r.message or "")
          for _, one in ipairs(r.not_enforced) do io.write(one.option, "\n") end]]},
        binds = {{source = here, target = here}}, cwd = here, nested = true,
        env = host.environment {LD_PRELOAD = os.getenv("LD_PRELOAD") or ""},
      }):run()
      assert.matches("^none\nshare.cgroup\n", r.stdout, r.stderr)
    end)

  it("are out of reach where all groups that there are are the sandbox's own", function()
    local r = sandbox.new({nested = true, limits = {pids = 100, memory = "1G"},
      script = ways}):run()
    if r.outcome == "setup_failed" then return pending(r.message) end
    if not cgroup.host(cgroup.world()).alone then
      assert.are.equal("none\ntried\ntried\nnone\n", r.stdout)
      return pending "there are version 1 hierarchies here"
    end
    assert.matches("^wrote to ''\n.*tried\n", r.stdout) -- its own
    assert.is_false(r.stdout:find("none", 1, true) ~= nil)
  end)
end)

describe("the step 'no_new_namespaces'", function()
  local options = {user = "-U", mount = "-Urm", pid = "-Urp", net = "-Urn", ipc = "-Uri",
    uts = "-Uru", cgroup = "-UrC"}

  for kind, option in require("moonsand.order").sorted(options) do
    it("leaves a program no namespace of the kind " .. kind, function()
      local script = ("unshare %s true || echo none"):format(option)
      local function told(steps)
        return sandbox.new({seccomp = "none", cap_add = {"setfcap"}, script = script,
          steps = steps}):run().stdout
      end
      assert.are.equal("none\n", told {{{"no_new_namespaces", kind}, before = "pivot"}})
      if kind ~= "cgroup" then assert.are.equal("", told(nil)) end
    end)
  end
end)
