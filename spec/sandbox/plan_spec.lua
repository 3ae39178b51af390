-- Plans as values: named steps, what differs between two, steps of one's own.
local fault = require "moonsand.fault"
local sandbox = require "moonsand.sandbox"

local function plan(options)
  options.script = options.script or not options.command and "true" or nil
  return sandbox.new(options):plan()
end

describe("the names of a plan's steps", function()
  it("are the verb and the place, or the verb alone", function()
    local names = plan({}):names()
    assert.are.equal("namespaces", names[1])
    assert.are.equal("tmpfs /", names[3])
    assert.are.equal("exec", names[#names])
  end)

  it("are told apart where they would be the same", function()
    local names = table.concat(plan({binds = {{source = "/etc", target = "/x"},
      {source = "/usr", target = "/x"}}}):names(), "\n")
    assert.matches("\nbind /x\nbind /x #2\n", names, 1, true)
  end)
end)

describe("a plan", function()
  it("is the caller's: changing it changes no sandbox", function()
    local box = sandbox.new {script = "true"}
    local before = box:plan():describe()
    for _, step in ipairs(box:plan()) do step.target, step.extra = "/changed", true end
    assert.are.equal(before, box:plan():describe())
    assert.are.equal(before, plan({}):describe())
  end)
end)

describe("the difference of two plans", function()
  it("is empty for equal ones", function()
    local options = {lower = {"/usr", "/etc"}, env = {A = "1"}, limits = {files = 100}}
    assert.are.equal("", plan(options):diff(plan(options)))
  end)

  it("has a line for each step that came or went, as the plan shows it", function()
    local old = plan {binds = {{source = "/srv", target = "/old", optional = true}}}
    local new = plan {tmpfs = {{target = "/new", size = "1M"}}}
    assert.are.equal("- bind               /old  from /srv  (read-only, if there)\n"
      .. "+ tmpfs              /new  1048576 bytes\n", old:diff(new))
  end)

  it("names the field that changed, the new value and the old one", function()
    local old = plan {binds = {{source = "/usr", target = "/x"}}, cwd = "/usr"}
    local new = plan {binds = {{source = "/etc", target = "/x", read_only = false}}, cwd = "/usr"}
    assert.are.equal('~ bind /x: read_only false, was true\n~ bind /x: source "/etc", was "/usr"\n',
      old:diff(new))
  end)

  it("compares variables one by one, and words as a whole", function()
    local old = plan {command = {"a", "b"}, env = {KEEP = "1", GONE = "2", NEW = "3"}}
    local new = plan {command = {"a", "c"}, env = {KEEP = "1", NEW = "4", MORE = "5"}}
    assert.are.equal(table.concat({
      '~ exec: argv {"a", "c"}, was {"a", "b"}', '~ exec: env.GONE is not there, was "2"',
      '~ exec: env.MORE "5", was not there', '~ exec: env.NEW "4", was "3"', "",
    }, "\n"), old:diff(new))
  end)

  it("tells a step that moved from one that changed", function()
    local binds = {{source = "/etc", target = "/x"}, {source = "/usr", target = "/y"}}
    local moved = plan({binds = binds}):diff(plan {binds = {binds[2], binds[1]}})
    assert.are.equal("> bind               /x  from /etc  (read-only)\n", moved)
  end)

  it("is of equal length both ways, for what came and what went", function()
    local a, b = plan {network = "host"}, plan {dirs = {"/a", "/b"}}
    local function count(text, mark) return select(2, ("\n" .. text):gsub("\n%" .. mark, "")) end
    assert.are.equal(count(a:diff(b), "+"), count(b:diff(a), "-"))
    assert.are.equal(count(a:diff(b), "-"), count(b:diff(a), "+"))
    assert.is_true(count(a:diff(b), "+") > 0)
  end)

  it("says that a filter has other instructions, without printing them", function()
    local text = plan({}):diff(plan {seccomp = {deny = {"ptrace"}}})
    assert.matches("~ seccomp: program %d+ bytes, was %d+ bytes\n", text)
  end)
end)

local function refused(hook, message, hint)
  local ok, problem = pcall(sandbox.new, {script = "true", steps = {hook}})
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  assert.are.equal("usage", problem.kind)
  assert.matches(message, problem.message, 1, true)
  if hint then assert.matches(hint, problem.hint, 1, true) end
end

describe("a step of one's own", function()
  it("stands before or after the one that is named", function()
    local names = plan({steps = {
      {before = "proc /proc", {"mkdir", target = "/a"}, {"mkdir", target = "/b"}},
      {after = "tmpfs /tmp", {"mkdir", target = "/c"}},
      {after = "chdir", {"umask", mode = 18}},
    }}):names()
    local text = table.concat(names, "\n")
    assert.matches("\nmkdir /a\nmkdir /b\nproc /proc\n", text, 1, true)
    assert.matches("\ntmpfs /tmp\nmkdir /c\n", text, 1, true)
    assert.matches("\nchdir /\numask\n", text, 1, true)
  end)

  it("stands where a predicate says: before the first, after the last", function()
    local function is_bind(step) return step[1] == "bind" end
    local names = plan({steps = {{before = is_bind, {"mkdir", target = "/a"}},
      {after = is_bind, {"mkdir", target = "/b"}}}}):names()
    local at = {}
    for i, name in ipairs(names) do at[name] = i end
    assert.are.equal("bind /usr", names[at["mkdir /a"] + 1])
    assert.are.equal("bind /etc/ld.so.conf.d", names[at["mkdir /b"] - 1])
  end)

  it("is carried out by a run, and by each program of a prepared sandbox", function()
    local box = sandbox.new {script = "cat /own/text; umask", steps = {
      {before = "remount /", {"file", target = "/own/text", text = "mine\n"}},
      {after = "chdir", {"umask", mode = 23}},
    }}
    assert.are.equal("mine\n0027\n", box:run().stdout)
    local prepared <close> = assert(box:prepare())
    assert.are.equal("mine\n0027\n", prepared:run().stdout)
    assert.are.equal("mine\n0027\n", prepared:run().stdout)
  end)

  it("can be put into a plan that is there already", function()
    local own = plan {}
    assert.are.equal(own, own:insert {before = "pivot", {"mkdir", target = "/tmp/x"}})
    local names = own:names()
    local at
    for i, name in ipairs(names) do at = name == "pivot" and i or at end
    assert.are.equal("mkdir /tmp/x", names[at - 1])
  end)

  it("is bounded like all others by the limit of the disk", function()
    local own = plan {limits = {disk = "1M"}, steps = {{before = "pivot",
      {"tmpfs", target = "/tmp/more"}}}}
    local text = own:describe()
    assert.matches("tmpfs +/tmp/more  1048576 bytes", text)
  end)

  it("is refused beside an unknown one, with the nearest name", function()
    refused({before = "pivto", {"mkdir", target = "/x"}}, "there is no step 'pivto'",
      "did you mean 'pivot'?")
    refused({after = "proc /pro", {"mkdir", target = "/x"}}, "there is no step 'proc /pro'",
      "did you mean 'proc /proc'?")
    refused({after = "bind", {"mkdir", target = "/x"}}, "steps 'bind'", "'bind /usr'")
  end)

  it("is refused when it is no step", function()
    refused({before = "pivot", {"mkdri", target = "/x"}}, "unknown verb 'mkdri'",
      "did you mean 'mkdir'?")
    refused({before = "pivot", {"mkdir", tarket = "/x"}}, "mkdir: unknown field 'tarket'")
    refused({before = "pivot", {"mkdir"}}, "mkdir: field 'target'")
    refused({before = "pivot"}, "there is no step to put in")
    refused({befor = "pivot", {"mkdir", target = "/x"}}, "unknown key 'befor'", "'before'")
    refused({{"mkdir", target = "/x"}}, "say either 'before' or 'after'")
    refused({before = "remount /", {"bind", source = "here", target = "/x"}},
      "'source' must be an absolute path")
  end)

  it("never touches the caller's world: nothing stands before the new root", function()
    for _, anchor in ipairs {"namespaces", "ids", "tmpfs /"} do
      refused({before = anchor, {"file", target = "/tmp/moonsand-leak", text = ""}},
        "a step 'file' stands between 'tmpfs /' and 'pivot', not before '" .. anchor .. "'")
    end
  end)

  it("mounts nothing once the root is changed and privileges are gone", function()
    for _, anchor in ipairs {"pivot", "chdir", "no_new_privileges", "seccomp", "exec"} do
      refused({after = anchor, {"bind", source = "/", target = "/mnt"}},
        "a step 'bind' stands between 'tmpfs /' and 'pivot', not after '" .. anchor)
    end
  end)

  it("follows no exec", function()
    refused({after = "exec", {"umask", mode = 0}}, "not after 'exec'")
  end)

  it("replaces nothing that a plan has once", function()
    for _, step in ipairs {{"capabilities", keep = {"sys_admin"}}, {"rlimit", core = "unlimited"},
      {"ids", uid = {{0, 0, 1}}}, {"namespaces", "user"}, {"pivot"}, {"fds", map = {}},
      {"exec", argv = {"true"}}, {"cgroup"}, {"no_new_privileges"}, {"hold"}} do
      refused({before = "exec", step}, ("a step '%s' cannot be put in"):format(step[1]))
    end
  end)

  it("puts nothing over the root, which would uncover what was hidden", function()
    for _, step in ipairs {{"bind", source = "/", target = "/"}, {"tmpfs", target = "/"}} do
      refused({before = "remount /", step}, "on / hides what was mounted before it", "'root'")
    end
  end)

  it("gives a root's sandbox no /proc that it could write to", function()
    if require("moonsand.core").uid() ~= 0 then return pending "only root's sandboxes differ" end
    refused({before = "remount /", {"proc", target = "/p", read_only = false}}, "a writable /proc")
    local result = sandbox.new({script = "echo x >/p/sys/kernel/domainname",
      steps = {{before = "remount /", {"proc", target = "/p"}}}}):run()
    assert.matches("Read%-only file system", result.stderr)
  end)

  it("restricts what is left, and lifts nothing", function()
    local r = sandbox.new({script = "cat /etc/passwd", steps = {
      {before = "exec", {"landlock", read = {"/usr", "/lib", "/bin"}, optional = true}}}}):run()
    if r.outcome == "setup_failed" then return pending(r.message) end
    assert.matches("Permission denied", r.stderr)
    local text = sandbox.new({script = "grep -E 'Cap(Eff|Prm)|NoNew|Seccomp:' /proc/self/status",
      steps = {{before = "exec", {"seccomp", default = "allow", rules = {}}}}}):run().stdout
    assert.matches("CapPrm:%s0+\nCapEff:%s0+\nNoNewPrivs:%s1\nSeccomp:%s2\n", text)
  end)

  it("of the world has no place where there are no namespaces", function()
    local ok, problem = pcall(sandbox.new, {script = "true", isolation = "filters",
      steps = {{before = "exec", {"mkdir", target = "/x"}}}})
    assert.is_false(ok)
    assert.matches("'mkdir' has no place in this plan", problem.message, 1, true)
    assert.has_no.errors(function()
      sandbox.new {script = "true", isolation = "filters",
        steps = {{before = "exec", {"umask", mode = 63}}}}
    end)
  end)

  it("that comes too late to make something is told why", function()
    local r = sandbox.new({script = "true", steps = {{before = "pivot",
      {"mkdir", target = "/late"}}}}):run()
    assert.are.equal("setup_failed", r.outcome)
    assert.are.equal("mkdir", r.verb)
    local lines = require("moonsand.sandbox.doctor").explain(r)
    assert.matches("read%-only at that step", lines[1])
  end)
end)

describe("moonsand run --steps", function()
  it("reads them from a file", function()
    local host = require "spec.support.host"
    local dir <close> = host.scratch()
    local path = dir:file("steps.lua",
      'return {{before = "remount /", {"file", target = "/own", text = "from a file\\n"}}}')
    local pipe <close> = assert(io.popen(("bin/moonsand run --steps %s -- cat /own 2>&1"):format(
      path)))
    assert.are.equal("from a file\n", pipe:read "a")
  end)
end)

describe("docs/plans.md", function()
  local host = require "spec.support.host"
  local page = host.read "docs/plans.md"

  it("shows what its example prints", function()
    local printed = host.lua(page:match "```lua\n(.-)```")
    assert.are.equal(page:match "```text\n(.-)```", printed)
  end)

  it("names every step that a plan has once", function()
    for _, verb in ipairs {"namespaces", "ids", "cgroup", "pivot", "no_new_privileges",
      "capabilities", "rlimit", "fds", "exec"} do
      assert.matches("`" .. verb .. "`", page, 1, true)
      refused({before = "exec", {verb}}, "a plan has it once")
    end
  end)
end)
