local fault = require "moonsand.fault"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function refused(options, message, hint)
  local ok, err = pcall(sandbox.new, options)
  assert.is_false(ok)
  assert.is_true(fault.is(err), tostring(err))
  assert.are.equal("usage", err.kind)
  assert.are.equal(2, fault.code(err))
  assert.matches(message, err.message)
  if hint then assert.matches(hint, err.hint) end
end

describe("the options of a sandbox", function()
  it("refuse an unknown key with the nearest known one", function()
    refused({script = "true", netwrok = "none"}, "unknown key 'netwrok'", "did you mean 'network'")
    refused({script = "true", binds = {{source = "/usr", readonly = true}}},
      "unknown key 'readonly' in binds%[1%]", "read_only")
  end)

  it("are annotated, each of them and no other", function()
    local text = host.read("lua/moonsand/sandbox/options.lua")
    local class = text:match("%-%-%-@class moonsand%.sandbox%.Options\n(.-)\n\n")
    local kinds = text:match("\nlocal kinds = (%b{})"):sub(2, -2):gsub("%b{}", "{}")
    local annotated, known, count = {}, {}, 0
    for key in class:gmatch("%-%-%-@field ([%w_]+)") do annotated[key] = true end
    for key in kinds:gmatch("([%w_]+) = ") do known[key], count = true, count + 1 end
    assert.is_true(count > 40)
    assert.are.same(known, annotated)
  end)

  it("refuse a value of the wrong type", function()
    refused({script = 1}, "'script' in the options must be a string, not a number")
    refused({script = "true", env = {A = 1}}, "env.A must be a string, not a number")
    refused({command = {"a", 2}}, "command, word 2 must be a string")
  end)

  it("refuse a value that is none of the known ones", function()
    refused({script = "true", network = "hots"}, "'network' is 'hots'; it may be host or none")
    refused({script = "true", ids = "me"}, "it may be range or root or self")
  end)

  it("want one program", function()
    local ok, err = pcall(function() sandbox.new({}):run() end)
    assert.is_false(ok)
    assert.are.equal("sandbox: there is no program to run\n  give 'script' or 'command'",
      tostring(err))
    refused({script = "true", command = {"true"}}, "either 'script' or 'command'")
    refused({command = {}}, "'command' is empty")
  end)

  it("want complete entries", function()
    refused({script = "true", binds = {{}}}, "binds%[1%] has no 'target'")
    refused({script = "true", binds = {{target = "/x"}}}, "binds%[1%] has no 'source'")
    refused({script = "true", overlays = {{target = "/x"}}}, "has no 'lower' directory")
    refused({script = "true", overlays = {{target = "/x", lower = {"/usr"}, read_only = true,
      upper = "/tmp/u"}}}, "is read%-only and has an 'upper'")
    refused({script = "true", symlinks = {{target = "/x"}}}, "has no 'text'")
  end)

  it("refuse sizes that are none", function()
    for _, size in ipairs {"0", "-1", "12x", "18446744073709551616", "", "1.5G", "9999999999G"} do
      refused({script = "true", tmpfs = {{target = "/x", size = size}}}, "is not a size")
    end
  end)

  it("refuse names that no environment can hold", function()
    refused({script = "true", env = {["A=B"] = "x"}}, "cannot be the name of")
    refused({script = "true", env = {[""] = "x"}}, "cannot be the name of")
  end)

  it("are the same in both spellings", function()
    local one = sandbox.new {script = "echo hi", env = {VAR = "value"}, lower = {"/usr", "/etc"},
      network = "none", binds = {{source = "/srv", target = "/x", optional = true}}}
    local two = sandbox.builder():script("echo hi"):env("VAR", "value"):target_dep("/usr")
      :target_dep({path = "/etc"}):network(false):bind("/srv", "/x", {optional = true}):build()
    assert.are.equal(one:plan():describe(), two:plan():describe())
  end)
end)

describe("the plan of a sandbox", function()
  it("is one readable line a step", function()
    local text = sandbox.new {command = {"echo", "a b"}, lower = {"/usr", "/etc"},
      binds = {{source = "/usr", target = "/data", read_only = false}}}:plan():describe()
    assert.matches("overlay            /work  lower /usr : /etc  %(upper vanishes%)\n", text)
    assert.matches("\n *%d+  bind               /data  from /usr  %(read%-write%)\n", text)
    assert.matches("\n *%d+  exec               echo 'a b'\n$", text)
    assert.matches("^  1  namespaces         user mount pid ipc uts cgroup net\n", text)
  end)

  it("keeps the order that the caller gives", function()
    local text = sandbox.new {script = "true",
      binds = {{source = "/etc", target = "/a/b", order = 2}},
      tmpfs = {{target = "/a", order = 1}},
      dirs = {{target = "/a/b/c", order = 3}}}:plan():describe()
    assert.matches("tmpfs +/a\n.*bind +/a/b.*\n.*mkdir +/a/b/c\n", text)
  end)

  it("makes relative paths absolute", function()
    local steps = sandbox.new {script = "true", overlays = {{target = "/w", lower = {"spec", "."},
      upper = "build/u"}}}:plan()
    for _, step in ipairs(steps) do
      for _, path in ipairs {step.upper or "/", step.lower and step.lower[1] or "/"} do
        assert.are.equal("/", path:sub(1, 1))
      end
    end
  end)

  it("makes every namespace before the first mount, and the id maps between", function()
    local steps = sandbox.new {script = "true", lower = {"/usr"}}:plan()
    assert.are.equal("namespaces", steps[1][1])
    assert.are.equal("ids", steps[2][1])
    assert.are.equal("tmpfs", steps[3][1])
  end)
end)
