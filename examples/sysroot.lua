-- An overlay sysroot by hand:   bin/moonsand examples/sysroot.lua
--
-- Two sandboxes make a header and a library, each in a directory of its own. A third one sees both
-- as one read-only tree, compiles against it, and runs what it made. Nothing is copied.
local core = require "moonsand.core"
local sandbox = require "moonsand.sandbox"
local scope = require "moonsand.scope"

local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-sysroot."))
local undo <close> = scope.new()
undo:defer(function() assert(core.remove_tree(place)) end)

--- Run a script; what it leaves in /out is kept in a directory of the place.
local function make(name, script)
  local out = place .. "/" .. name
  assert(core.mkdirs(out))
  local result = sandbox.new {
    script = script,
    binds = {{source = out, target = "/out", read_only = false}},
    tmpfs = {{target = "/work"}},
    stderr = "stdout",
  }:run()
  assert(result.ok, result.message or result.stdout)
  return out
end

local header = make("header", [[
  mkdir -p /out/include
  echo 'int answer(void);' >/out/include/answer.h
]])

local library = make("library", [[
  mkdir -p /out/lib
  echo 'int answer(void) { return 42; }' >answer.c
  gcc -c answer.c
  ar rc /out/lib/libanswer.a answer.o
]])

local program = sandbox.new {
  script = [[
    printf '%s\n' '#include <answer.h>' '#include <stdio.h>' \
      'int main(void) { return printf("the answer is %d\n", answer()) < 0; }' >main.c
    gcc -I/sysroot/include main.c -L/sysroot/lib -lanswer -o main
    ./main
    touch /sysroot/new 2>/dev/null || echo "the sysroot cannot be written to"
  ]],
  overlays = {{target = "/sysroot", lower = {header, library}, read_only = true}},
  tmpfs = {{target = "/work"}},
  stderr = "stdout",
}

local result = program:run()
io.write(result.stdout)
print(result)
