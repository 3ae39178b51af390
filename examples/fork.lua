-- Two ways on from one state:   bin/moonsand examples/fork.lua
--
-- A sandbox keeps what it writes in a directory. Two forks try something out over it; neither sees
-- what the other does, and the first one is as it was.
local core = require "moonsand.core"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"

local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-fork."))
local undo <close> = scope.new()
undo:defer(function() assert(core.remove_tree(place)) end)
assert(core.mkdirs(place .. "/empty"))

local box = sandbox.new {
  script = "for n in 1 2 3; do echo $n >$n; done",
  overlays = {{target = "/work", lower = {place .. "/empty"}, upper = place .. "/upper"}},
  cwd = "/work",
}
assert(box:run().ok)

local function names(of, script)
  local result = of:run(script .. "; echo *")
  return result.ok and result.stdout or tostring(result) .. "\n"
end

local one <close> = box:fork()
local other <close> = box:fork()
io.write("one removes a file:    ", names(one, "rm 2"))
io.write("the other makes one:   ", names(other, "echo 4 >4"))
io.write("the first is as it was: ", names(box, ":"))
