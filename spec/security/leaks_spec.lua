-- Ten thousand of them: make soak.
local core = require "moonsand.core"
local sandbox = require "moonsand.sandbox"
local soak = require "spec.support.soak"

describe("many sandboxes", function()
  it("leave the caller's descriptors, memory, mounts, groups, children and files as they were",
    function()
      assert.are.same({}, (soak.run(140, 50)))
    end)

  it("that nobody closes are gone when their handles are collected", function()
    local pids = {}
    for i = 1, 10 do
      local running = assert(sandbox.new {command = {"sleep", "100"}}:start())
      pids[i] = running.process:pid()
    end
    collectgarbage()
    collectgarbage()
    for _, pid in ipairs(pids) do assert.is_nil(core.stat("/proc/" .. pid)) end
  end)
end)
