-- What a program used is in its result, with a group and without one.
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function run(options)
  return sandbox.new(options):run()
end

--- Without a group, and with one where it can be had.
local ways = {["without a group"] = {}}
for name, limits in pairs {["with a group"] = {cpu = 100, memory = "1G", pids = 100}} do
  if run({script = "true", limits = limits}).ok then ways[name] = limits end
end

--- A program that uses so many seconds of cpu time, and prints how many it has used.
local SPINNER = [[
  my ($u, $s);
  do { $x = $x * 3 + 1 for 1..10000; ($u, $s) = times } until $u + $s > $ENV{SECONDS};
  print $u + $s, "\n";
]]

--- Seconds of a run, and what its programs say they have used.
local function spin(options, seconds)
  options.env = {SPINNER = SPINNER, SECONDS = tostring(seconds)}
  local r, sum, n = run(options), 0, 0
  for own in r.stdout:gmatch("%S+") do sum, n = sum + tonumber(own), n + 1 end
  return r.usage.user + r.usage.system, sum, n
end

--- What it costs to start and to end is no program's to see: a run without any work has as much.
local function assert_counted(options)
  local start, seen = spin(options, 0)
  local counted, told, n = spin(options, 0.4)
  local outside = start - seen
  assert.is_true(counted > told * 0.8 and counted < told * 1.2 + outside * 2 + 0.3,
    ("%.3f s in the result, %.3f s and %.3f s outside used"):format(counted, told, outside))
  return n
end

for name, limits in pairs(ways) do
  describe("cpu time " .. name, function()
    it("is what the program has used", function()
      assert.are.equal(1, assert_counted {command = {"perl", "-e", SPINNER}, limits = limits})
    end)

    it("is that of all processes, of those that nobody waited for, too", function()
      assert.are.equal(3, assert_counted {limits = limits, script = [[
        mkfifo /tmp/done
        perl -e "$SPINNER" & perl -e "$SPINNER" &
        (setsid sh -c 'perl -e "$SPINNER"; echo >/tmp/done' &)
        wait; read x </tmp/done]]})
    end)
  end)

  describe("memory " .. name, function()
    it("is at least what the largest process has touched", function()
      local own = tonumber(host.read("/proc/self/status"):match("VmHWM:%s+(%d+)")) << 10
      local r = run {command = {"perl", "-e", "my $x = 'a' x (60 << 20)"}, limits = limits}
      assert.is_true(r.usage.max_rss >= 60 << 20)
      assert.is_true(r.usage.max_rss < math.max(200 << 20, own + (10 << 20)))
    end)

    it("is that of a child, too", function()
      local r = run {script = "perl -e '$x = \"a\" x (60 << 20)'; true", limits = limits}
      assert.is_true(r.usage.max_rss >= 60 << 20)
    end)
  end)
end

--- A directory of one's own, if that is on a disk.
local function on_disk()
  local dir = host.scratch()
  local number = core.stat(dir.path).dev
  if core.stat(("/sys/dev/block/%d:%d"):format(number >> 8 & 0xfff, number & 0xff)) then
    return dir
  end
  dir:__close()
  return nil
end

describe("bytes from and to disks", function()
  local function measure(limits)
    local dir <close> = on_disk()
    if not dir then return pending "the directory of the specs is on no disk" end
    local r = run {binds = {{source = dir.path, target = "/d", read_only = false}}, limits = limits,
      script = "dd if=/dev/zero of=/d/x bs=1M count=8 conv=fsync 2>/dev/null"}
    assert.is_true(r.ok, r.message or r.stderr)
    return r.usage
  end

  it("are counted without a group", function()
    local usage = measure {}
    if not usage then return end
    assert.is_true(usage.io_written >= 8 << 20 and usage.io_written < 64 << 20, usage.io_written)
    assert.are.equal("integer", math.type(usage.io_read))
  end)

  it("are those of the group with a limit", function()
    if not run({script = "true", limits = {io = "1G"}}).ok then
      return pending "no group for 'io' can be had"
    end
    local usage = measure {io = "1G"}
    if not usage then return end
    assert.is_true(usage.io_written >= 8 << 20 and usage.io_written < 64 << 20, usage.io_written)
  end)
end)

describe("a peak", function()
  it("is told where there is a limit of its kind, and is none without", function()
    local usage = run({script = "true"}).usage
    assert.is_nil(usage.memory_peak)
    assert.is_nil(usage.pids_peak)
    assert.is_nil(usage.cpu_throttled)
  end)

  it("of processes is theirs, not that of moonsand's own", function()
    if not ways["with a group"] then return pending "no group can be had" end
    local r = run {script = "sleep 0.1 & sleep 0.1 & wait", limits = {pids = "unlimited"}}
    assert.are.equal(3, r.usage.pids_peak)
  end)
end)

describe("the limit 'cpu'", function()
  it("slows the program down, and the result says how much", function()
    if not ways["with a group"] then return pending "no group can be had" end
    -- 2 ms of 100, less than one turn that a busy host gives it
    local r = run {command = {"perl", "-e", SPINNER}, env = {SECONDS = "0.06"},
      limits = {cpu = 0.02}}
    assert.is_true(r.ok)
    assert.is_true(r.usage.cpu_throttled > 0)
    assert.are.same({}, r.limits_hit)
  end)
end)
