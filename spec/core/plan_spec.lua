local core = require "moonsand.core"
local host = require "spec.support.host"

-- A whole plan with something in its middle, or at its exec.
local function plan(middle, exec)
  local uid, gid = core.uid(), core.gid()
  local steps = {
    {"namespaces", "user", "mount", "pid", "net", "ipc", "uts", "cgroup"},
    {"ids", uid = {{uid, uid, 1}}, gid = {{gid, gid, 1}}},
    {"tmpfs", target = "/"},
    {"bind", source = "/usr", target = "/usr"},
  }
  for _, name in ipairs {"bin", "lib", "lib64"} do
    steps[#steps + 1] = {"symlink", target = "/" .. name, text = "usr/" .. name}
  end
  for _, step in ipairs(middle or {}) do steps[#steps + 1] = step end
  steps[#steps + 1] = {"pivot"}
  steps[#steps + 1] = exec or {"exec", argv = {"true"}}
  return steps
end

local function spawn(middle, exec, stdout)
  local steps = plan(middle, exec)
  table.insert(steps, #steps, {"fds", map = {[0] = 0, [1] = stdout or 1, [2] = 2}})
  return core.spawn(steps)
end

local function output(middle, exec)
  local reader <close>, writer = core.pipe()
  local process <close> = assert(spawn(middle, exec, writer))
  writer:close()
  local text = host.drain(reader)
  core.poll {{fd = process}}
  return text, process:wait()
end

describe("the check of a plan", function()
  it("takes what spawn takes, and makes nothing of it", function()
    local dir <close> = host.scratch()
    local steps = {{"exec", argv = {"touch", dir.path .. "/made"}, init = false}}
    assert.is_true(core.check_plan(steps))
    assert.is_nil(core.stat(dir.path .. "/made"))
    local process <close> = assert(core.spawn(steps))
    core.poll {{fd = process}}
    assert.is_table(core.stat(dir.path .. "/made"))
  end)

  it("raises with the words of spawn", function()
    for _, steps in ipairs {{}, {{"exec", argv = {}}}, {{"bend"}}, plan {{"bind", source = "/"}}} do
      local ok, message = pcall(core.check_plan, steps)
      local _, same = pcall(core.spawn, steps)
      assert.is_false(ok)
      assert.are.equal((same:gsub("core%.spawn", "core.check_plan")), message)
    end
  end)
end)

describe("a plan", function()
  local function refused(steps, message)
    local ok, err = pcall(core.spawn, steps)
    assert.is_false(ok)
    assert.matches(message, err)
  end

  it("must be a list of steps", function()
    assert.has_error(function() core.spawn(1) end)
    refused({}, "list of 1 to")
    refused({1}, "step 1 %(%?%): a step must be a table")
    refused({{}}, "begins with the verb's name")
  end)

  it("names an unknown verb and its place", function()
    refused({{"bnid"}}, "step 1 %(%?%): unknown verb 'bnid'")
  end)

  it("names an unknown field and its place", function()
    refused(plan {{"bind", source = "/usr", target = "/x", readonly = true}},
      "step 8 %(bind%): unknown field 'readonly'")
  end)

  it("names a missing field", function()
    refused(plan {{"bind", target = "/x"}}, "field 'source' is missing")
  end)

  it("ends in exactly one exec", function()
    refused({{"pivot"}}, "ends in its one exec")
    refused({{"exec", argv = {"true"}, init = false}, {"pivot"}}, "ends in its one exec")
  end)

  it("has its namespaces at the start", function()
    refused({{"hostname", name = "x"}, {"namespaces", "uts"},
      {"exec", argv = {"true"}, init = false}}, "namespaces come first")
  end)

  it("refuses our pid 1 outside of a pid namespace", function()
    refused({{"exec", argv = {"true"}}}, "needs the namespace 'pid'")
  end)

  it("refuses an unknown namespace with the known ones", function()
    refused({{"namespaces", "usr"}, {"exec", argv = {"true"}, init = false}},
      "unknown namespace 'usr' %(known: user, mount")
  end)

  it("refuses hostile targets with the reason", function()
    for _, target in ipairs {"x", "", "/../x", "/a/../../x", "//a", "/a//b", "/a/", "/a/.", "/a/..",
      "/.", "/" .. ("x"):rep(256)} do
      refused(plan {{"mkdir", target = target}}, "must be an absolute path without")
    end
  end)

  it("refuses NUL bytes in strings", function()
    refused(plan {{"bind", source = "/usr\0x", target = "/x"}}, "holds a NUL byte")
    refused(plan(nil, {"exec", argv = {"a\0b"}}), "holds a NUL byte")
  end)

  it("refuses wrong types", function()
    refused(plan {{"bind", source = true, target = "/x"}}, "must be a string, not a boolean")
    refused(plan {{"bind", source = "/usr", target = "/x", read_only = "no"}},
      "must be true or false, not a string")
    refused(plan {{"tmpfs", target = "/x", size = -1}}, "must be an integer from")
    refused(plan {{"tmpfs", target = "/x", size = 1.5}}, "must be an integer from")
    refused(plan {{"overlay", target = "/x", lower = {}}}, "at least one directory")
    refused(plan {{"overlay", target = "/x", lower = {"/usr"}, upper = "/tmp/u"}},
      "upper and work go together")
    refused(plan(nil, {"exec", argv = {}}), "needs at least the program")
    refused(plan(nil, {"exec", argv = {"true"}, env = {["A=B"] = "c"}}), "environment variable")
    refused({{"ids", uid = {}, gid = {{0, 0, 1}}}, {"exec", argv = {"true"}, init = false}},
      "1 to 340 ranges")
    refused(plan {{"capabilities", keep = {"CAP_EVERYTHING"}}}, "unknown capability")
  end)

  it("says where there is a closed handle", function()
    local handle = assert(core.memfd "text")
    handle:close()
    local file = io.tmpfile()
    file:close()
    for _, closed in ipairs {handle, file} do
      refused({{"fds", map = {[3] = closed}}, {"exec", argv = {"x"}, init = false}},
        "step 1 %(fds%): field 'map' holds a closed handle")
      refused({{"bind", source = closed, target = "/x"}, {"exec", argv = {"x"}, init = false}},
        "step 1 %(bind%): field 'source' holds a closed handle")
    end
  end)

  it("leaves nothing open when it is refused", function()
    local before = host.count_fds()
    for _ = 1, 20 do pcall(core.spawn, plan {{"bind", source = true, target = "/x"}}) end
    assert.are.equal(before, host.count_fds())
  end)
end)

describe("core.spawn", function()
  it("runs a program and tells how it ended", function()
    local _, ended = output(nil, {"exec", argv = {"sh", "-c", "exit 7"}})
    assert.are.equal(7, ended.exit_code)
    assert.is_nil(ended.signal)
    assert.are.equal(0, ended.leftovers)
    assert.is_true(ended.usage.max_rss > 0)
  end)

  it("tells a signal from an exit", function()
    local _, ended = output(nil, {"exec", argv = {"sh", "-c", "kill -ABRT $$"}})
    assert.are.equal("ABRT", ended.signal)
    assert.is_nil(ended.exit_code)
  end)

  it("names the step, the call and the path that failed", function()
    local process, message, errno, details = spawn {{"bind", source = "/nosuch", target = "/x"}}
    assert.is_nil(process)
    assert.are.equal("bind /x: open_tree /nosuch: No such file or directory", message)
    assert.are.equal(2, errno)
    assert.are.same({step = 8, verb = "bind", call = "open_tree", path = "/nosuch"}, details)
  end)

  it("tells a program that is not there from one that may not run", function()
    local _, _, errno, details = spawn(nil, {"exec", argv = {"nosuch-program"}})
    assert.are.equal(2, errno)
    assert.are.equal("exec", details.call)
    _, _, errno = spawn(nil, {"exec", argv = {"/usr/share"}})
    assert.are.equal(13, errno)
  end)

  it("finds a program in the sandbox's own path list", function()
    local file = {"file", target = "/opt/hello", text = "#!/bin/sh\necho found\n", mode = 493}
    assert.are.equal("found\n", (output({file}, {"exec", argv = {"hello"}, path = "/nosuch:/opt"})))
  end)

  it("skips an optional bind whose source is missing, and only then", function()
    local text = output({{"bind", source = "/nosuch", target = "/x", optional = true}},
      {"exec", argv = {"ls", "/"}})
    assert.is_nil(text:find("x\n", 1, true))
  end)

  it("makes single ids, time offsets, a host name and a loopback", function()
    local text = output({{"proc", target = "/proc"}, {"time", boottime = 1000000},
      {"hostname", name = "moon"}, {"loopback"}},
      {"exec", argv = {"sh", "-c", "id -u; uname -n; cut -d. -f1 /proc/uptime; cat /proc/net/dev"}})
    local uid, name, uptime, devices = text:match("^(%d+)\n(%w+)\n(%d+)\n(.*)$")
    assert.are.equal(tostring(core.uid()), uid)
    assert.are.equal("moon", name)
    assert.is_true(tonumber(uptime) >= 1000000)
    assert.matches("lo:", devices)
  end)

  it("gives file descriptors whose numbers overlap", function()
    local dir <close> = host.scratch()
    local one, two = core.open(dir:file("one", "one"), "r"), core.open(dir:file("two", "two"), "r")
    local reader <close>, writer = core.pipe()
    local steps = plan(nil, {"exec", argv = {"bash", "-c", -- dash takes one digit
      ("cat <&%d; cat <&%d; cat <&99"):format(one:number(), two:number())}})
    -- each takes the other's number
    table.insert(steps, #steps, {"fds", map = {[0] = 0, [1] = writer, [2] = 2,
      [one:number()] = two, [two:number()] = one, [99] = core.open(dir:file("three", "3"), "r")}})
    local process <close> = assert(core.spawn(steps))
    writer:close()
    assert.are.equal("twoone3", host.drain(reader))
    assert(process)
  end)

  it("reports a file descriptor that is not open", function()
    local steps = plan()
    table.insert(steps, #steps, {"fds", map = {[0] = 999}})
    local process, message, errno = core.spawn(steps)
    assert.is_nil(process)
    assert.are.equal(9, errno)
    assert.matches("dup2", message)
  end)

  it("runs the program as pid 1 when it is asked to", function()
    local text = output({{"proc", target = "/proc"}},
      {"exec", argv = {"sh", "-c", "echo $$"}, init = false})
    assert.are.equal("1\n", text)
  end)

  it("lets the pidfd be polled and the handle be closed twice", function()
    local process = assert(spawn(nil, {"exec", argv = {"sleep", "1000"}}))
    assert.are.same({}, core.poll({{fd = process}}, 0))
    assert.is_false(process:wait())
    assert.matches("moonsand.process %(pid %d+%)", tostring(process))
    process:close()
    process:close()
    assert.are.equal("moonsand.process (closed)", tostring(process))
    assert.has_error(function() process:wait() end)
  end)

  it("starts in a caller whose own files are all closed on exec", function()
    local before = host.count_fds()
    for _ = 1, 50 do
      local process <close> = assert(spawn())
      core.poll {{fd = process}}
      process:wait()
    end
    -- what stays is made once: the memfd of pid 1 and the caller's pidfd
    assert.is_true(host.count_fds() <= before + 2)
  end)
end)

describe("a verb called directly", function()
  it("acts on the current process", function()
    local out = host.lua [[
      local core = require "moonsand.core"
      local uid, gid = core.uid(), core.gid()
      assert(core.namespaces {"user", "mount", "uts"})
      assert(core.ids {uid = {{0, uid, 1}}, gid = {{0, gid, 1}}})
      assert(core.propagation {target = "/", mode = "private"})
      assert(core.tmpfs {target = "/mnt", size = 65536})
      assert(core.mkdirs("/mnt/a/b"))
      assert(core.file {target = "/mnt/a/b/c", text = "here"})
      assert(core.hostname {name = "direct"})
      print(core.uid(), io.open("/mnt/a/b/c"):read("a"))
      print(io.popen("uname -n"):read("a"))
    ]]
    assert.are.equal("0\there\ndirect\n\n", out)
  end)

  it("answers nil, a message and the error number when the kernel refuses", function()
    local ok, message, errno = core.chdir {target = "/nosuch"}
    assert.is_nil(ok)
    assert.are.equal("chdir /nosuch: No such file or directory", message)
    assert.are.equal(2, errno)
  end)

  it("raises on misuse", function()
    assert.has_error(function() core.bind {sauce = "/usr", target = "/x"} end,
      "bind: unknown field 'sauce'")
  end)

  it("is listed with its fields", function()
    local verbs = core.verbs()
    assert.are.same({"target", "text"}, verbs.symlink)
    assert.is_table(verbs.exec)
  end)
end)
