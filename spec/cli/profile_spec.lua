-- `--profile FILE.lua`, and the key `profile`.
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local main = require "moonsand.cli.main"
local options = require "moonsand.cli.options"
local policy = require "moonsand.cli.policy"
local profile = require "moonsand.sandbox.profile"
local sandbox = require "moonsand.sandbox"

local verb = {define = options.define, rest = true}

local function spec_of(words, environment)
  return policy.spec(main.parse("run", verb, words), function(name)
    return (environment or {})[name]
  end)
end

describe("a profile", function()
  it("is what the command line is said over: single values win", function()
    local dir <close> = host.scratch()
    local path = dir:file("p.lua", 'return {cwd = "/usr", hostname = "one", network = "host"}')
    local spec = spec_of {"--profile", path, "--hostname", "two"}
    assert.are.equal("/usr", spec.cwd)
    assert.are.equal("two", spec.hostname)
    assert.are.equal("host", spec.network)
    assert.are.equal("none", spec_of({"--profile", path, "--net", "none"}).network)
  end)

  it("has lists that grow, and names that are told apart", function()
    local dir <close> = host.scratch()
    local path = dir:file("p.lua", [[return {mask = {"/a"}, env = {A = "1", B = "1"},
      limits = {memory = "1G", pids = 5}, dirs = {"/d"}}]])
    local spec = spec_of {"--mask", "/b", "--env", "B=2", "--limit", "pids=6", "--profile", path,
      "--dir", "/e"}
    assert.are.same({"/a", "/b"}, spec.mask)
    assert.are.same({A = "1", B = "2"}, spec.env)
    assert.are.same({memory = "1G", pids = "6"}, spec.limits)
    assert.are.equal("/d", spec.dirs[1])
    assert.are.equal("/e", spec.dirs[2].target)
  end)

  it("is taken in the order of the command line, later over earlier", function()
    local dir <close> = host.scratch()
    local one = dir:file("one.lua", 'return {cwd = "/usr", umask = 18, mask = {"/1"}}')
    local two = dir:file("two.lua", 'return {cwd = "/etc", mask = {"/2"}}')
    local spec = spec_of {"--profile", one, "--profile", two}
    assert.are.equal("/etc", spec.cwd)
    assert.are.equal(18, spec.umask)
    assert.are.same({"/1", "/2"}, spec.mask)
    assert.are.equal("/usr", spec_of({"--profile", two, "--profile", one}).cwd)
  end)

  it("is mounted below what the command line mounts, whatever its order", function()
    local dir <close> = host.scratch()
    local path = dir:file("p.lua", [[return {tmpfs = {{target = "/x", order = 7}},
      binds = {{source = "/etc", target = "/y"}}}]])
    local spec = spec_of {"--profile", path, "--ro", "/usr:/x/usr"}
    spec.command = {"true"}
    local text = sandbox.new(spec):plan():describe()
    assert.matches("bind +/y .*tmpfs +/x.*bind +/x/usr", text)
  end)

  it("says where the streams go, when nobody else does", function()
    local dir <close> = host.scratch()
    local path = dir:file("p.lua", 'return {stdout = "/tmp/out", stdin = "null"}')
    local spec = spec_of {"--profile", path}
    assert.are.same({"null", "/tmp/out", "inherit"}, {spec.stdin, spec.stdout, spec.stderr})
    assert.are.equal("inherit", spec_of({"--profile", path, "--stdout", "-"}).stdout)
  end)

  it("lets variables of the caller through by name", function()
    local dir <close> = host.scratch()
    local path = dir:file("p.lua", 'return {pass_env = {"A", "GONE", "B"}, env = {B = "own"}}')
    local spec = spec_of({"--profile", path}, {A = "a", B = "b", C = "c"})
    assert.are.same({A = "a", B = "own"}, spec.env)
    assert.is_nil(spec.pass_env)
  end)

  local function refused(text, message, line)
    local dir <close> = host.scratch()
    local path = dir:file("p.lua", text)
    local ok, problem = pcall(spec_of, {"--profile", path})
    assert.is_false(ok)
    assert.is_true(fault.is(problem), tostring(problem))
    assert.are.equal("usage", problem.kind)
    assert.matches(message, tostring(problem), 1, true)
    if line then assert.matches(path .. ":" .. line .. ": ", tostring(problem), 1, true) end
    return problem
  end

  it("is told with file and line when it is wrong", function()
    local problem = refused('return {\n  cwd = "/",\n  netwrok = "none",\n}',
      "unknown key 'netwrok'", 3)
    assert.are.equal("did you mean 'network'?", problem.hint)
    refused('return {\n  env = {},\n  umask = "022",\n}', "'umask' in the options must be a number",
      3)
    refused('return {\n\n  binds = {{source = "/usr", readonly = true}},\n}', "'readonly'", 3)
    refused('return {\n  hostname = "x"\n  cwd = "/"}', "p.lua:3: '}' expected", nil)
    refused('return {ids = "me"}', "'ids' is 'me'", 1)
  end)

  it("is data: no library, no functions", function()
    refused('os.execute "true"', "global 'os'")
    refused("return {on_output = function() end}", "it.on_output is a function")
    refused('return {steps = {{before = function() end, {"umask", mode = 0}}}}',
      "it.steps.1.before is a function")
    refused("local t = {} t.profile = t return t", "is a table in itself")
  end)

  it("changes what a run sees", function()
    local dir <close> = host.scratch()
    local path = dir:file("p.lua", [[return {cwd = "/usr/lib", env = {NAME = "value"},
      files = {{target = "/own", text = "text\n"}}, umask = 63}]])
    local pipe <close> = assert(io.popen(("bin/moonsand run --profile %s -- sh -c '%s' 2>&1")
      :format(path, "pwd; echo $NAME; cat /own; umask")))
    assert.are.equal("/usr/lib\nvalue\ntext\n0077\n", pipe:read "a")
  end)
end)

describe("the key 'profile'", function()
  local base = {cwd = "/usr", command = {"env"}, env = {A = "1"}, mask = {"/m"}}

  it("is a table, or a list of them, that the other keys are said over", function()
    local one = sandbox.new {profile = base, hostname = "x"}
    assert.matches("chdir +/usr\n.*exec +env\n", one:plan():describe())
    local two = sandbox.new {profile = {base, {cwd = "/etc"}}, script = "true"}
    assert.matches("chdir +/etc\n.*exec +sh %-e %-c true\n", two:plan():describe())
  end)

  it("is there in the chain, too", function()
    local text = sandbox.builder():profile(base):profile {cwd = "/etc"}:build():plan():describe()
    assert.matches("chdir +/etc\n.*exec +env\n", text)
  end)

  it("holds for every program of the sandbox", function()
    local box = sandbox.new {profile = {env = {A = "1", B = "1"}, cwd = "/usr"}, env = {B = "2"}}
    assert.are.equal("1 2 3 /usr\n",
      box:run({script = "echo $A $B $C $PWD", env = {C = "3"}}).stdout)
  end)

  it("is checked as the others are", function()
    assert.error_matches(function() sandbox.new {profile = {cmd = "x"}} end,
      "unknown key 'cmd' in the profile")
    assert.error_matches(function() sandbox.new {profile = "file.lua"} end, "must be a table")
  end)

  it("changes neither table", function()
    local more = {mask = {"/n"}, env = {B = "2"}}
    local merged = profile.merge(base, more)
    assert.are.same({"/m", "/n"}, merged.mask)
    assert.are.same({mask = {"/n"}, env = {B = "2"}}, more)
    assert.are.same({cwd = "/usr", command = {"env"}, env = {A = "1"}, mask = {"/m"}}, base)
  end)

  it("has a policy as one value, not as parts", function()
    assert.are.same({deny = {"b"}}, profile.merge({seccomp = {allow = {"a"}, deny = {"x"}}},
      {seccomp = {deny = {"b"}}}).seccomp)
    assert.are.same({"b"}, profile.merge({command = {"a", "x"}}, {command = {"b"}}).command)
    assert.is_nil(profile.merge({command = {"a"}}, {script = "b"}).command)
    assert.is_false(profile.merge({proc = "bind"}, {proc = false}).proc)
  end)
end)
