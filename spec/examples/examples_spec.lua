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

  it("of the README says hello from a sandbox", function()
    local dir <close> = host.scratch()
    local text = host.read("README.md"):match("```lua\n(.-)```")
    local out, code = moonsand(dir:file("hello.lua", text))
    assert.are.equal("hello from user 0 on moonsand\nexit\t3\n", out)
    assert.are.equal(0, code)
  end)
end)
