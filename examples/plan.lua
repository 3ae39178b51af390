-- A sandbox is data:   bin/moonsand examples/plan.lua
--
-- The steps that make a sandbox are a value: it can be printed, compared with another, and said as
-- a command line of bubblewrap. Nothing is run.
local sandbox = require "moonsand.sandbox"

local options = {
  command = {"make"}, binds = {{source = "/usr/include", target = "/src"}}, cwd = "/src",
}
local closed = sandbox.new(options)
options.network = "host"
local open = sandbox.new(options)

print "the last steps:"
local steps = closed:plan()
for i = #steps - 2, #steps do print("  " .. tostring(steps[i][1])) end

print "what a network changes:"
for line in closed:plan():diff(open:plan()):gmatch "[^\n]+" do print("  " .. line) end

local text, missing = closed:plan():bwrap(closed.options)
print(text and "bubblewrap: " .. text or "bubblewrap has no equal for: " .. missing[1])
