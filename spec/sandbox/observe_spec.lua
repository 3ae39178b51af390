local core = require "moonsand.core"
local host = require "spec.support.host"
local observe = require "moonsand.sandbox.observe"
local sandbox = require "moonsand.sandbox"

describe("a sandbox that observes", function()
  local dir

  before_each(function()
    dir = host.scratch()
    dir:file("tree/inc/one.h", "1")
    dir:file("tree/bin/tool", "#!/bin/sh\n:\n")
    assert(core.chmod(dir.path .. "/tree/bin/tool", 493)) -- 0755
    assert(core.symlink("one.h", dir.path .. "/tree/inc/link.h"))
  end)
  after_each(function() dir:__close() end)

  local function run(script, more)
    local options = {
      script = script, observe = {"/s"}, binds = {{source = dir.path .. "/tree", target = "/s"}},
    }
    for key, value in pairs(more or {}) do options[key] = value end
    return sandbox.new(options):run()
  end

  -- "path state use" of each, sorted; "path>real" where that is another one.
  local function told(result)
    assert.is_table(result.observed, tostring(result))
    local list = {}
    for i, one in ipairs(result.observed) do
      list[i] = one.path .. (one.real ~= one.path and ">" .. one.real or "") .. " " .. one.state
        .. (one.opened and " opened" or "") .. (one.executed and " executed" or "")
    end
    table.sort(list)
    return list
  end

  it("tells what was opened, executed, and looked for in vain, of the places it was given",
    function()
      local r = run("read -r x </s/inc/link.h || :; /s/bin/tool; ! test -e /s/inc/none.h; "
        .. "cat /dev/null; : >/tmp/x")
      assert.is_true(r.ok, tostring(r))
      assert.are.same({"/s/bin/tool file opened executed", "/s/inc/link.h>/s/inc/one.h file opened",
        "/s/inc/none.h absent"}, told(r))
      assert.are.same({}, r.not_enforced)
    end)

  it("knows what a path is relative to: the working directory, or an open one", function()
    assert.are.same({"/s/inc/none.h absent opened", "/s/inc/one.h file opened"},
      told(run "cd /s/bin; cat ../inc/./one.h; cat ../inc/none.h || cd /s/inc"))
    local seen = table.concat(told(run "cd /s; exec grep -rq 1 inc"), "\n") -- openat of its own
    assert.matches("/s/inc/one.h file opened", seen, 1, true)
  end)

  it("does not open what a filter refuses, and is not told of it", function()
    local r = run("stat /s/inc/one.h", {seccomp = {deny = {statx = "EXDEV"}}})
    assert.is_false(r.ok)
    assert.matches("cross%-device", r.stderr)
    assert.are.same({}, told(r))
  end)

  it("follows no link out of the sandbox", function()
    assert(core.symlink(dir.path .. "/tree/inc/one.h", dir.path .. "/tree/inc/out.h"))
    assert.are.same({"/s/inc/out.h absent opened"}, told(run "cat /s/inc/out.h || :"))
  end)

  it("says when there is more than it can keep", function()
    local r = run("x=$(printf %03000d 0); i=0; while [ $i -lt 2900 ]; do i=$((i + 1)); "
      .. "test -e /s/$i/././$x || :; done")
    assert.is_true(#r.observed > 2000)
    assert.are.equal("observe", r.not_enforced[1].option)
    assert.matches("some are missing", r.not_enforced[1].reason)
  end)

  it("is no success when its observer is gone before the program", function()
    local running <close> = sandbox.new({observe = {"/s"}, script = "echo; exec sleep 60",
      on_output = function() end}):start()
    local observer = running.options.observer
    assert(observer.process:kill("KILL"))
    local r = running:wait()
    assert.is_false(r.ok)
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("observer of this run was gone before the program %(killed by signal KILL%)",
      r.message)
  end)

  it("says so too when its observer goes while the program is executed", function()
    local open = observe.open
    finally(function() observe.open = open end)
    observe.open = function(...) ---@diagnostic disable-line: duplicate-set-field
      local observer = open(...)
      assert(observer.process:kill("STOP")) -- it has the listener, and does not take it
      os.execute(("(sleep 0.2; kill -KILL %d) >/dev/null 2>&1 &"):format(observer.process:pid()))
      return observer
    end
    local r = run("true")
    assert.are.equal("setup_failed", r.outcome)
    assert.matches("observer of this run was gone before the program %(killed by signal KILL%)",
      r.message)
  end)

  it("does not start a program that nobody would answer", function()
    local process, socket = assert(core.observer {"/s"})
    assert(process:kill("KILL"))
    assert(core.poll {{fd = process}})
    local started, message, _, details = core.spawn {{"no_new_privileges"},
      {"observe", to = socket}, {"fds", map = {}}, {"exec", argv = {"true"}, init = false}}
    assert.is_nil(started)
    assert.are.equal("observe", details.verb)
    assert.matches("hand the listener to the observer", message)
    process:close()
    socket:close()
  end)

  it("leaves nobody behind, whether it runs or not", function()
    collectgarbage()
    local before = host.count_fds()
    assert.is_true(run("true").ok)
    assert.are.equal("exec_failed", run(nil, {command = {"/none"}}).outcome)
    assert.are.equal("setup_failed", run("true", {cwd = "/none"}).outcome)
    collectgarbage()
    assert.are.equal(before, host.count_fds())
  end)

  it("says what observes already where the kernel allows one observer", function()
    local inner = [[
      local core = require "moonsand.core"
      local process, socket = assert(core.observer {"/"})
      local _, message, errno = core.spawn {{"no_new_privileges"}, {"observe", to = socket},
        {"fds", map = {}}, {"exec", argv = {"true"}, init = false}}
      io.write(message, " ", errno)
    ]]
    local here = core.realpath(".")
    local r = run(nil, {command = {"lua5.4", "-e", inner}, env = {LUA_PATH = package.path,
      LUA_CPATH = package.cpath, LD_PRELOAD = os.getenv "LD_PRELOAD",
      ASAN_OPTIONS = os.getenv "ASAN_OPTIONS"}, binds = {{source = here, target = here}},
      cwd = here, seccomp = {allow = {"@namespaces"}}})
    assert.matches("observe: seccomp%(NEW_LISTENER%): .*: this process is observed already.* 16$",
      r.stdout, r.stderr)
  end)

  it("refuses what it cannot observe", function()
    for _, more in ipairs {{observe = {}}, {observe = {"s"}}, {observe = {"/s/../x"}},
      {observe = {1}}, {isolation = "filters", binds = {}}, {share = {"pid"}}} do
      assert.has_error(function() run("true", more) end)
    end
    assert.has_error(function() sandbox.new({observe = {"/s"}}):prepare() end)
  end)
end)
