-- Small programs in C that try out what a sandbox refuses; compiled once a file of specs.
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local M = {}

M.place = "/probe"

local head = [[
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
]]

local Probe = {}
Probe.__index = Probe

--- Compile programs: {name = C text}. `local probe <close> = probe.new {...}`, or close it.
function M.new(programs)
  local dir = host.scratch()
  for name, text in pairs(programs) do
    local source = dir:file(name .. ".c", head .. text)
    local command = ("cc -O1 -w -o %s/%s %s"):format(dir.path, name, source)
    assert(os.execute(command), "the probe does not compile: " .. command)
  end
  assert(core.chmod(dir.path, 493)) -- 0755: for other users, too
  return setmetatable({dir = dir}, Probe)
end

--- Options of a sandbox in which the probes are under /probe.
function Probe:options(options)
  local own = {}
  for key, value in pairs(options) do own[key] = value end
  own.binds = {{source = self.dir.path, target = M.place}, table.unpack(options.binds or {})}
  return own
end

function Probe:run(options)
  return sandbox.new(self:options(options)):run()
end

function Probe:__close() self.dir:__close() end
Probe.close = Probe.__close

return M
