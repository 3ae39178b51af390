-- The scripts of examples/ and the one in README.md do what they say.
local host = require "spec.support.host"

local function moonsand(script)
  local pipe <close> = assert(io.popen("bin/moonsand " .. script .. " 2>&1"))
  local out = pipe:read("a")
  local _, how, code = pipe:close()
  return out, how == "exit" and code or how
end

describe("the example", function()
  it("capture.lua captures the output of a sandbox", function()
    local out, code = moonsand "examples/capture.lua"
    assert.are.equal(0, code)
    assert.are.equal("on moon, my name is a sandbox\n/usr cannot be written to\n" ..
      "100002 lines in all; on the other stream: this is stderr\noutcome: exit, exit code 3\n",
      (out:gsub("^I am %S+ ", "")))
  end)

  it("sysroot.lua links against two directories that are one", function()
    local out, code = moonsand "examples/sysroot.lua"
    assert.are.equal("the answer is 42\nthe sysroot cannot be written to\nexit 0\n", out)
    assert.are.equal(0, code)
  end)

  it("build.lua builds what is new, and only that", function()
    local out, code = moonsand "examples/build.lua 'hello, spec'"
    assert.are.equal(0, code)
    local first, second, third = out:match("^(.-\n)it says: (.-\n.-)it says: (.*)$")
    assert.is_truthy(first and first:find("hello:compile\tok", 1, true), out)
    assert.is_truthy(second:find("^hello, spec\n"))
    assert.is_nil(second:find("\tok", 1, true))
    assert.is_truthy(third:find("hello:configure\tcached\nhello:compile\tok", 1, true))
    assert.is_truthy(third:find("it says: hello, sand\n", 1, true))
  end)

  it("script.lua overrides a variable, adds a task, and reacts to what happens", function()
    local out, code = moonsand "examples/script.lua"
    assert.are.equal(0, code, out)
    assert.is_truthy(out:find("hello:compile\tok\n  the program says what it should\n" ..
      "hello:check\tok\nhello:install\tok\n", 1, true), out)
  end)

  it("limits.lua says which limit it was", function()
    local out, code = moonsand "examples/limits.lua"
    assert.are.equal(0, code)
    assert.are.equal("sleeps too long:       timed out after T; limit: wall\n" ..
      "spins too long:        killed by signal XCPU; limit: cpu_time\n" ..
      "writes too much:       exit 153; limit: file_size\n" ..
      "is content:            exit 0; fine\n", (out:gsub("[%d.]+s;", "T;")))
  end)

  it("fork.lua tries two ways out over one state", function()
    local out, code = moonsand "examples/fork.lua"
    assert.are.equal("one removes a file:    1 3\nthe other makes one:   1 2 3 4\n" ..
      "the first is as it was: 1 2 3\n", out)
    assert.are.equal(0, code)
  end)

  it("plan.lua prints and compares plans, and runs nothing", function()
    local out, code = moonsand "examples/plan.lua"
    assert.are.equal(0, code)
    assert.matches("^the last steps:\n  %l+\n  fds\n  exec\nwhat a network changes:\n", out)
    assert.is_truthy(out:find("\n  - loopback", 1, true), out)
    if host.is_root() then -- only a root's /proc is covered path by path
      assert.matches("\nbubblewrap has no equal for: protect [^\n]+\n$", out)
    else
      assert.matches("\nbubblewrap: # [^\n]+\n.*\n  %-%- make\n%)\n+$", out)
    end
  end)

  it("layers.lua names layers by their content", function()
    local out, code = moonsand "examples/layers.lua"
    assert.are.equal("the same twice is one layer: true\nfile\ta.txt\t17\nit is whole: true\n", out)
    assert.are.equal(0, code)
  end)

  it("pool.lua runs sandboxes at the same time", function()
    local out, code = moonsand "examples/pool.lua 4"
    assert.are.equal("1 squared is 1\n2 squared is 4\n3 squared is 9\n4 squared is 16\n" ..
      "at most 4 ran at a time\n", out)
    assert.are.equal(0, code)
  end)

  it("of the README says hello from a sandbox", function()
    local dir <close> = host.scratch()
    local text = host.read("README.md"):match("```lua\n(.-)```")
    local out, code = moonsand(dir:file("hello.lua", text))
    assert.are.equal("hello from user 0 on moonsand\nexit\t3\n", out)
    assert.are.equal(0, code)
  end)
end)
