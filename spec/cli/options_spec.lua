local arguments = require "moonsand.cli.arguments"
local fault = require "moonsand.fault"
local main = require "moonsand.cli.main"
local options = require "moonsand.cli.options"

local verb = {define = options.define, rest = true}

local function parsed(words, environment)
  local args = main.parse("run", verb, words)
  return arguments.from_arguments(args, function(name) return (environment or {})[name] end)
end

local function refused(words)
  local ok, problem = pcall(parsed, words)
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  assert.are.equal("usage", problem.kind)
  return tostring(problem)
end

describe("the options of a sandbox", function()
  it("are the caller's three streams when there are none", function()
    assert.are.same({stdin = "inherit", stdout = "inherit", stderr = "inherit"},
      parsed {"--", "true"})
  end)

  it("take streams as files, whatever their names", function()
    local spec = parsed {"--stdin", "-", "--stdout", "capture", "--stderr", "/tmp/null"}
    assert.are.equal("inherit", spec.stdin)
    assert.are.equal("./capture", spec.stdout)
    assert.are.equal("/tmp/null", spec.stderr)
  end)

  it("give a file system in memory a mode", function()
    assert.are.same({{target = "/t", size = "1M", mode = 448, order = 1}},
      parsed({"--tmpfs", "/t:1M:700"}).tmpfs)
    assert.are.same({{target = "/t", mode = 1023, order = 1}},
      parsed({"--tmpfs", "/t::1777"}).tmpfs)
    assert.is_truthy(refused({"--tmpfs", "/t:1M:8"}):find("octal number such as 1777", 1, true))
  end)

  it("leave the session to the caller", function()
    assert.is_false(parsed({"--session", "off"}).session)
    assert.is_true(parsed({"--session", "on"}).session)
    assert.is_nil(parsed({}).session)
  end)

  it("say what goes to a second place", function()
    local spec = parsed {"--tee", "1=log", "--tee", "2:a=err"}
    assert.are.same({tee = {path = "log"}}, spec.stdout)
    assert.are.same({tee = {path = "err", mode = "a"}}, spec.stderr)
    assert.is_truthy(refused({"--tee", "0=x"}):find("only what goes to 1 and 2", 1, true))
    assert.is_truthy(refused({"--tee", "1=x", "--stdout", "y"}):find("to a file already", 1, true))
    assert.are.equal("capture", parsed({"--capture", "--tee", "1=x"}).stderr)
  end)

  it("bind a source to its own path when no place is named", function()
    assert.are.same({{source = "/usr", target = "/usr", read_only = true, order = 1}},
      parsed {"--ro", "/usr"}.binds)
  end)

  it("keep the order of binds of every kind", function()
    local binds = parsed {"--rw", "a:/x", "--ro", "b:/x/y", "--dev-bind", "/dev/null"}.binds
    assert.are.same({
      {source = "a", target = "/x", read_only = false, order = 1},
      {source = "b", target = "/x/y", read_only = true, order = 2},
      {source = "/dev/null", target = "/dev/null", read_only = false, devices = true, order = 3},
    }, binds)
  end)

  it("mark a bind whose source may be missing", function()
    local binds = parsed {"--ro?", "/a", "--rw?", "/b"}.binds
    assert.is_true(binds[1].optional and binds[2].optional)
  end)

  it("take an escaped colon as part of a path", function()
    assert.are.same({{source = "/a:b", target = "/c:d", read_only = true, order = 1}},
      parsed {"--ro", "/a\\:b:/c\\:d"}.binds)
  end)

  it("give lower and upper directories to the last overlay", function()
    assert.are.same({
      {target = "/a", lower = {"l1", "l2"}, upper = "u", order = 1},
      {target = "/b", lower = {"l3"}, read_only = true, order = 2},
    }, parsed({
      "--overlay", "/a", "--lower", "l1", "--lower", "l2", "--upper", "u",
      "--overlay-ro", "/b", "--lower", "l3",
    }).overlays)
  end)

  it("give options to the last overlay", function()
    local overlays = parsed({"--overlay", "/a", "--lower", "l", "--overlay-option", "volatile=on",
      "--overlay-option", "xino=off"}).overlays
    assert.are.same({volatile = "on", xino = "off"}, overlays[1].options)
    assert.is_truthy(refused({"--overlay", "/a", "--overlay-option", "volatile"}):find(
      "it is not NAME=VALUE", 1, true))
  end)

  it("make file systems in memory, directories, links and files", function()
    local spec = parsed {
      "--tmpfs", "/t", "--tmpfs", "/s:64M", "--dir", "/d", "--symlink", "usr/bin:/bin",
      "--file", "/etc/motd=a=b: c",
    }
    assert.are.same({{target = "/t", order = 1}, {target = "/s", size = "64M", order = 2}},
      spec.tmpfs)
    assert.are.same({{target = "/d", order = 3}}, spec.dirs)
    assert.are.same({{target = "/bin", text = "usr/bin", order = 4}}, spec.symlinks)
    assert.are.same({{target = "/etc/motd", text = "a=b: c", order = 5}}, spec.files)
  end)

  it("set variables, and let those through that the caller has", function()
    local spec = parsed({"--env", "A=1=2", "--env", "E=", "--pass-env", "B", "--pass-env", "C"},
      {B = "b", D = "d", TERM = "vt100"})
    assert.are.same({A = "1=2", E = "", B = "b", TERM = "vt100"}, spec.env)
  end)

  it("open the host's network only when asked", function()
    assert.is_nil(parsed({}).network)
    assert.are.equal("host", parsed {"--net", "--", "true"}.network)
    assert.are.equal("host", parsed {"--net", "host"}.network)
    assert.are.equal("none", parsed {"--net", "none"}.network)
  end)

  it("turn numbers into numbers", function()
    local spec = parsed {"--timeout", "1.5", "--grace", "2", "--umask", "027"}
    assert.are.equal(1.5, spec.timeout)
    assert.are.equal(2, spec.grace)
    assert.are.equal(tonumber("27", 8), spec.umask)
  end)

  it("have what filters can do, by the names of the sandbox's keys", function()
    local spec = parsed {"--isolation", "filters", "--seccomp", "none", "--landlock", "l.lua",
      "--fsync", "off", "--chown", "ignore", "--nested"}
    assert.are.same({"filters", "none", "l.lua", "off", "ignore", true}, {spec.isolation,
      spec.seccomp, spec.landlock, spec.fsync, spec.chown, spec.nested})
    assert.is_nil(parsed({}).nested)
  end)

  it("say what of the kernel is shown, and what is hidden", function()
    local spec = parsed {"--proc", "bind", "--sysfs", "--devpts", "--device", "/dev/fuse", "--mask",
      "/a", "--mask", "/b", "--protect", "/c", "--watch", "/d", "--observe", "/e"}
    assert.are.same({"bind", true, true, {"/dev/fuse"}, {"/a", "/b"}, {"/c"}, {"/d"}, {"/e"}},
      {spec.proc, spec.sysfs, spec.devpts, spec.devices, spec.mask, spec.protect, spec.watch,
        spec.observe})
    assert.is_false(parsed({"--proc", "none"}).proc)
    assert.is_nil(parsed({}).proc)
    assert.is_truthy(refused {"--mask", "a"}:find("is not an absolute path", 1, true))
  end)

  it("say who the program is, what it may do, and what it shares", function()
    local spec = parsed {"--uid", "4294967294", "--gid", "0", "--cap-add", "chown", "--cap-add",
      "fowner", "--cap-drop", "all", "--share", "ipc", "--share", "uts", "--as-init",
      "--time", "boottime=-5", "--unshare", "time"}
    assert.are.same({4294967294, 0, true}, {spec.uid, spec.gid, spec.as_init})
    assert.are.same({{"chown", "fowner"}, {"all"}, {"ipc", "uts"}},
      {spec.cap_add, spec.cap_drop, spec.share})
    assert.are.same({boottime = -5}, spec.time)
    assert.are.same({boottime = 0}, parsed({"--unshare", "time"}).time)
    assert.is_truthy(refused({"--unshare", "net"}):find("the sandbox's own anyway", 1, true))
    assert.is_truthy(refused({"--uid", "many"}):find("it is not a number such as 1000", 1, true))
    assert.is_truthy(refused({"--time", "boottime=x"}):find("not a number of seconds", 1, true))
  end)

  it("refuse a place inside that is not absolute, and say what to write", function()
    assert.are.equal("'--ro src': the place inside, 'src', is not an absolute path\n" ..
      "  write --ro src:/place/inside", refused {"--ro", "src"})
  end)

  it("refuse directories of an overlay that is not there", function()
    assert.is_truthy(refused {"--lower", "a"}:find("there is no --overlay before it", 1, true))
    assert.is_truthy(refused {"--overlay", "/a"}:find("it has no --lower", 1, true))
    assert.is_truthy(refused({"--overlay-ro", "/a", "--upper", "u"}):find("read-only", 1, true))
  end)

  it("refuse times and masks that are none", function()
    assert.is_truthy(refused {"--timeout", "soon"}:find("not a number of seconds", 1, true))
    assert.is_truthy(refused {"--grace", "soon"}:find("not a number of seconds", 1, true))
    assert.is_truthy(refused {"--umask", "999"}:find("not an octal number", 1, true))
  end)

  it("refuse unknown options with the nearest known one", function()
    assert.is_truthy(refused {"--overlai", "/a"}:find("Did you mean '--overlay'?", 1, true))
  end)
end)
