-- What `moonsand run` does with the signals that it gets.
local core = require "moonsand.core"
local host = require "spec.support.host"

--- `moonsand run` with a script, up to its "ready"; what it writes is read from `out`.
local function start(script, options, prefix)
  local reader, writer = core.pipe()
  local argv = {table.unpack(prefix or {})}
  for _, word in ipairs {"bin/moonsand", "run", table.unpack(options or {})} do
    argv[#argv + 1] = word
  end
  for _, word in ipairs {"--", "sh", "-c", script} do argv[#argv + 1] = word end
  local null <close> = core.open("/dev/null", "r+") -- nor does it say that the time was over
  local process = host.start(argv, {[0] = null, [1] = writer, [2] = null})
  writer:close()
  local text = ""
  repeat
    local bytes = reader:read()
    text = text .. bytes
  until bytes == "" or text:find("ready\n", 1, true)
  return setmetatable({process = process, out = reader, text = text}, {__close = function()
    process:close()
    reader:close()
  end})
end

local function finish(run)
  local ended = assert(host.eventually(function() return run.process:wait() end, 60),
    "it does not end")
  return ended, host.drain(run.out)
end

local function mark()
  return ("moonsand-spec-%d-%d"):format(core.getpid(), core.time_ns())
end

local function state(pid)
  return (host.read(("/proc/%d/stat"):format(pid)) or ""):match("^.*%) (%a)")
end

describe("moonsand run", function()
  for _, name in ipairs {"INT", "TERM", "HUP", "QUIT", "USR1", "USR2"} do
    it(("passes %s on, and ends with the code that the program chooses"):format(name), function()
      local run <close> = start(("trap 'echo got; exit 9' %s; echo ready; "):format(name)
        .. "while :; do sleep 0.05; done")
      run.process:kill(name)
      local ended, text = finish(run)
      assert.are.equal("got\n", text)
      assert.are.equal(9, ended.exit_code)
    end)

    it(("says 128 + n when %s kills the program"):format(name), function()
      local run <close> = start "echo ready; exec sleep 1000"
      run.process:kill(name)
      local numbers = {HUP = 1, INT = 2, QUIT = 3, USR1 = 10, USR2 = 12, TERM = 15}
      assert.are.equal(128 + numbers[name], (finish(run)).exit_code)
    end)
  end

  it("passes a change of the window on", function()
    local run <close> = start
      "trap 'echo got; exit 9' WINCH; echo ready; while :; do sleep 0.05; done"
    run.process:kill "WINCH"
    assert.are.equal(9, (finish(run)).exit_code)
  end)

  it("interrupts the whole job, as a keyboard does: a shell that waits is no obstacle", function()
    for _, name in ipairs {"INT", "QUIT"} do
      local time = ("1000.%d"):format(core.time_ns())
      local run <close> = start(("sh -c 'echo ready; sleep %s; true'; echo after"):format(time))
      -- a shell that is about to start its child may miss a signal: the child is there first
      assert.is_true(host.eventually(function() return #host.processes("sleep\0" .. time) > 0 end))
      run.process:kill(name)
      finish(run)
      assert.are.same({}, host.processes(time))
    end
  end)

  it("passes TERM to the program alone: its children are its own business", function()
    local run <close> = start([[
      sh -c 'trap "echo child; exit" TERM; trap "echo own; exit" USR1; echo ready
        while :; do sleep 0.05; done' &
      child=$!
      trap 'echo main; kill -USR1 $child; wait; exit 9' TERM
      wait]])
    run.process:kill "TERM"
    local ended, text = finish(run)
    assert.are.equal("main\nown\n", text)
    assert.are.equal(9, ended.exit_code)
  end)

  it("leaves a signal ignored that its caller ignores, as nohup does", function()
    local run <close> = start("trap 'echo got' HUP; echo ready; sleep 0.3; echo end", nil,
      {"sh", "-c", "trap '' HUP; exec \"$@\"", "sh"})
    run.process:kill "HUP"
    local ended, text = finish(run)
    assert.are.equal("end\n", text)
    assert.are.equal(0, ended.exit_code)
  end)

  it("stops all that is inside when it is stopped, and lets it go on", function()
    local time = ("1000.%d"):format(core.time_ns())
    local run <close> = start(("echo ready; exec sleep %s"):format(time))
    local function inside()
      local pid = host.processes("sleep\0" .. time)[1]
      return pid and state(pid)
    end
    assert.is_true(host.eventually(function() return inside() == "S" end))
    run.process:kill "TSTP"
    assert.is_true(host.eventually(function() return state(run.process:pid()) == "T" end))
    assert.is_true(host.eventually(function() return inside() == "T" end))
    run.process:kill "CONT"
    assert.is_true(host.eventually(function() return inside() == "S" end))
    run.process:kill "TERM"
    assert.are.equal(143, (finish(run)).exit_code)
  end)

  it("leaves nothing running when it is killed", function()
    local name = mark()
    local run <close> = start(("(setsid sleep 1000 &); echo ready; exec sh -c 'sleep 1000; : %s'")
      :format(name))
    run.process:kill "KILL"
    assert.is_true(host.eventually(function() return #host.processes(name) == 0 end))
  end)

  it("gives the program no signal that is ignored or blocked, though it blocks some itself",
    function()
      local run <close> = start "grep -E 'SigBlk|SigIgn' /proc/self/status; echo ready"
      assert.are.equal("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nready\n", run.text)
    end)
end)

describe("a timeout of moonsand run", function()
  local function code(options, script)
    local run <close> = start(script, options)
    local ended, text = finish(run)
    return ended.exit_code, text
  end

  it("says 124 whether the program ends at TERM, with a code of its own, or is killed", function()
    assert.are.equal(124, code({"--timeout", "0.3"}, "echo ready; exec sleep 1000"))
    assert.are.equal(124, code({"--timeout", "0.3"},
      "trap 'exit 17' TERM; echo ready; while :; do sleep 0.05; done"))
    assert.are.equal(124, code({"--timeout", "0.3", "--grace", "0.2"},
      "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
  end)

  it("does not touch a program that ends in time", function()
    assert.are.equal(17, code({"--timeout", "1000"}, "echo ready; exit 17"))
  end)

  it("kills those that outlive the program, without a grace", function()
    local name = mark()
    local started = core.clock()
    assert.are.equal(124, code({"--timeout", "0.3", "--grace", "1000"},
      ("(trap '' TERM; exec sh -c 'trap \"\" TERM; sleep 1000; : %s') & echo ready; sleep 1000")
        :format(name)))
    assert.is_true(core.clock() - started < 500)
    assert.are.same({}, host.processes(name))
  end)
end)
