-- A sandbox with captured output:   bin/moonsand examples/capture.lua
--
-- The program has no network, sees the host's programs read-only, and finds nothing of the caller's
-- environment. What it writes is in the result, however much it is.
local sandbox = require "moonsand.sandbox"

local box = sandbox.new {
  script = [[
    echo "I am $(id -un) on $(hostname), my name is ${NAME:-unknown}"
    touch /usr/here 2>/dev/null || echo "/usr cannot be written to"
    seq 1 100000
    echo "this is stderr" >&2
    exit 3
  ]],
  env = {NAME = "a sandbox"},
  hostname = "moon",
  timeout = 30,
}

local result = box:run()

local lines = 0
for line in result.stdout:gmatch("[^\n]+") do
  lines = lines + 1
  if lines <= 2 then print(line) end
end
print(("%d lines in all; on the other stream: %s"):format(lines, result.stderr:gsub("\n$", "")))
print(("outcome: %s, exit code %d"):format(result.outcome, result.exit_code))
