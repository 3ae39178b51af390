-- Many sandboxes at a time:   bin/moonsand examples/pool.lua [COUNT]
--
-- Each waits in a coroutine of a loop; no thread, no callback. They run at the same time, and their
-- results come in the order in which they were started.
local loop = require "moonsand.loop"
local sandbox = require "moonsand.sandbox"

local count, together, most = tonumber(arg[1]) or 6, 0, 0
local results = {}

local group <close> = loop.new()
for i = 1, count do
  group:spawn(function()
    together = together + 1
    most = math.max(most, together)
    results[i] = sandbox.new {script = "sleep 0.2; echo $((" .. i .. " * " .. i .. "))"}:run()
    together = together - 1
  end)
end
group:run()

for i, result in ipairs(results) do io.write(i, " squared is ", result.stdout) end
print(("at most %d ran at a time"):format(most))
