-- The JSON form of a result is what docs/result.md says.
local host = require "spec.support.host"
local json = require "dkjson"

--- The record of `moonsand run` with these words.
local function record(words)
  local pipe <close> = assert(io.popen("bin/moonsand run --json 3 " .. words
    .. " 3>&1 >/dev/null 2>/dev/null"))
  return assert(json.decode(pipe:read "a"))
end

local function check(value, kind, name)
  if kind == "integer" then return assert.are.equal("integer", math.type(value), name) end
  assert.are.equal(kind, type(value), name)
end

local kinds = {
  ok = "boolean", outcome = "string", exit_code = "integer", signal = "string",
  timed_out = "boolean", timed_out_by = "string", limits_hit = "table", not_enforced = "table",
  message = "string", hint = "string", step = "integer", verb = "string", path = "string",
  errno = "integer", log = "string", wall = "number", usage = "table", leftovers = "integer",
  mount_points = "table",
}

describe("the JSON record", function()
  for outcome, words in pairs {
    exit = "-- sh -c 'exit 3'", signal = "-- sh -c 'kill -9 $$'",
    timeout = "--timeout 0.1 -- sleep 60", exec_failed = "-- no-such-program",
    setup_failed = "--ro /no/such -- true",
  } do
    it(("of '%s' has documented fields of documented kinds only"):format(outcome), function()
      local text, own = host.read "docs/result.md", record(words)
      assert.are.equal(outcome, own.outcome)
      for name, value in pairs(own) do
        assert.is_truthy(kinds[name], name)
        check(value, kinds[name], name)
        assert.is_truthy(text:find("`" .. name .. "`", 1, true), name .. " is not documented")
      end
      for name in pairs(own.usage or {}) do
        assert.is_truthy(text:find("`" .. name .. "`", 1, true), name .. " is not documented")
      end
    end)
  end

  it("says which timeout it was", function()
    assert.are.equal("wall", record("--timeout 0.1 -- sleep 60").timed_out_by)
    assert.are.equal("idle", record("--idle-timeout 0.1 -- sleep 60").timed_out_by)
  end)

  it("has its lists even when they are empty", function()
    local own = record "-- true"
    assert.are.same({}, own.limits_hit)
    assert.are.same({}, own.not_enforced)
  end)

  it("lists what was asked for with best effort, in vain", function()
    local own = record "--limit files=best_effort:1000000000000 -- true"
    assert.is_true(own.ok)
    assert.are.equal("limits.files", own.not_enforced[1].option)
    assert.are.equal("string", type(own.not_enforced[1].hint))
  end)

  it("has a hint for a limit that cannot be applied", function()
    local own = record "--limit files=1000000000000 -- true"
    assert.are.equal("setup_failed", own.outcome)
    assert.are.equal("limit", own.verb)
    assert.matches("best_effort", own.hint)
  end)
end)

describe("moonsand run --idle-timeout", function()
  it("passes the output on, each stream to its own", function()
    local pipe <close> = assert(io.popen(
      "bin/moonsand run --idle-timeout 30 -- sh -c 'echo out; echo err >&2' 2>&1 >/dev/null"))
    assert.are.equal("err\n", pipe:read "a")
    local other <close> = assert(io.popen(
      "bin/moonsand run --idle-timeout 30 -- sh -c 'echo out; echo err >&2' 2>/dev/null"))
    assert.are.equal("out\n", other:read "a")
  end)

  it("is refused when a stream goes to a file", function()
    local pipe <close> = assert(io.popen(
      "bin/moonsand run --idle-timeout 30 --stdout /dev/null -- true 2>&1"))
    assert.matches("'stdout' does not pass through here", pipe:read "a")
  end)
end)
