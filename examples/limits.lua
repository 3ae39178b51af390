-- What a program may use up:   bin/moonsand examples/limits.lua
--
-- Three programs that want too much: time, files, room on the disk. The result says which limit it
-- was.
local sandbox = require "moonsand.sandbox"

local function try(what, options)
  options.stderr = "stdout"
  local result = sandbox.new(options):run()
  print(("%-22s %s; %s"):format(what, result, #result.limits_hit > 0
    and "limit: " .. table.concat(result.limits_hit, ", ")
    or result.stdout:match "[^\n]*$" ~= "" and result.stdout or result.stdout:match "[^\n]*"))
end

try("sleeps too long:", {script = "sleep 100", limits = {wall = 1}, grace = 1})
try("spins too long:", {script = "while :; do :; done", limits = {cpu_time = 1}})
try("writes too much:", {script = "head -c 2M /dev/zero >/tmp/file", limits = {file_size = "1M"}})
try("is content:", {script = "echo fine", limits = {wall = 10, files = 64}})
