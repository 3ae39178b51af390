local fault = require "moonsand.fault"
local host = require "spec.support.host"
local policy = require "moonsand.cli.policy"

describe("a file that holds a policy", function()
  it("stands for its table; presets stay words", function()
    local dir <close> = host.scratch()
    local spec = policy.load {
      seccomp = dir:file("calls.lua", "return {rules = {{'EPERM', 'ptrace'}}}"),
      landlock = dir:file("files.lua", "return {write = {'/tmp'}}"),
    }
    assert.are.same({{"EPERM", "ptrace"}}, spec.seccomp.rules)
    assert.are.same({"/tmp"}, spec.landlock.write)
    assert.are.equal("none", policy.load({seccomp = "none"}).seccomp)
    assert.are.same({}, policy.load {})
  end)

  it("sees no library", function()
    local dir <close> = host.scratch()
    local ok, problem = pcall(policy.read, "--seccomp", dir:file("p.lua", "os.execute 'true'"))
    assert.is_false(ok)
    assert.is_true(fault.is(problem))
    assert.matches("global 'os'", tostring(problem), 1, true)
  end)

  it("that is not there, is no Lua, or holds no table, is named", function()
    local dir <close> = host.scratch()
    for path, message in pairs {
      ["/gone.lua"] = "'--landlock /gone.lua': cannot open",
      [dir:file("broken.lua", "return {")] = "expected",
      [dir:file("number.lua", "return 1")] = "it returns a number",
    } do
      local ok, problem = pcall(policy.read, "--landlock", path)
      assert.is_false(ok)
      assert.matches(message, tostring(problem), 1, true)
    end
  end)
end)
