-- The JSON form of a result is what docs/result.md says.
local host = require "spec.support.host"
local json = require "dkjson"

--- The record of `moonsand run` with these words.
local function record(words)
  local pipe <close> = assert(io.popen("bin/moonsand run --json 3 " .. words
    .. " 3>&1 >/dev/null 2>/dev/null"))
  return assert(json.decode(pipe:read "a"))
end

--- The tables of the page: {name = {kind, with}}, one table after the other.
local function documented()
  local tables, own = {}, nil
  for line in host.read("docs/result.md"):gmatch "[^\n]+" do
    if line:find "^| field |" then
      own = {}
      tables[#tables + 1] = own
    elseif not line:find "^|" then
      own = nil
    elseif own then
      local name, kind, with = line:match "^| `([%w_]+)` | ([%a ]+) | ([%w_ ()]+) |"
      if name then own[name] = {kind = kind, with = with} end
    end
  end
  return tables[1], tables[2]
end

local of_kind = {
  boolean = function(value) return type(value) == "boolean" end,
  string = function(value) return type(value) == "string" and value ~= "" end,
  integer = function(value) return math.type(value) == "integer" end,
  number = function(value) return type(value) == "number" end,
  object = function(value) return type(value) == "table" and #value == 0 end,
}

local function list_of(kind)
  return function(value)
    if getmetatable(value).__jsontype ~= "array" then return false end
    for _, one in ipairs(value) do
      if not of_kind[kind](one) then return false end
    end
    return true
  end
end

of_kind["list of strings"], of_kind["list of objects"] = list_of "string", list_of "object"

--- A record has the fields of the page, of the kinds that it says, with the outcomes that it says.
local function check(own, fields, outcome)
  for name, value in pairs(own) do
    assert.is_truthy(fields[name], name .. " is not documented")
    assert.is_true(of_kind[fields[name].kind](value), name .. " is no " .. fields[name].kind)
  end
  for name, field in pairs(fields) do
    local words = " " .. field.with .. " "
    local must = words == " always " or words:find(" " .. outcome .. " ", 1, true)
    local may = must or words:find("(" .. outcome .. ")", 1, true) or words == " (limit) "
    if must then assert.is_not_nil(own[name], ("%s is not there"):format(name)) end
    if not may then assert.is_nil(own[name], ("%s is there"):format(name)) end
  end
end

local all = {
  {"exit", "-- sh -c 'exit 3'", code = 3}, {"exit", "-- true", code = 0},
  {"signal", "-- sh -c 'kill -9 $$'", code = 137},
  {"timeout", "--timeout 0.1 -- sleep 60", code = 124},
  {"timeout", "--timeout 0.1 -- sh -c 'trap \"exit 5\" TERM; while :; do sleep 0.05; done'",
    code = 124},
  {"oom", "--limit memory=32M -- sh -c 'tail /dev/zero'", needs_groups = true},
  {"exec_failed", "-- no-such-program", code = 127},
  {"exec_failed", "-- /etc/passwd", code = 126},
  {"setup_failed", "--ro /no/such -- true", code = 125},
  {"setup_failed", "--limit files=1000000000000 -- true", code = 125},
  {"exit", "--as-init -- true", code = 0},
  {"exit", "--isolation filters --limit files=best_effort:1000000000000 -- true", code = 0},
}

describe("the JSON record", function()
  local fields, usage = documented()

  it("is documented field by field, in one table, and so is what it counts", function()
    local result = require "moonsand.sandbox.result"
    for _, name in ipairs(result.fields) do assert.is_truthy(fields[name], name) end
    local count = 0
    for name, field in pairs(fields) do
      count = count + 1
      assert.is_truthy(of_kind[field.kind], name .. " is a " .. field.kind)
    end
    assert.are.equal(#result.fields, count)
    assert.is_truthy(usage.memory_peak)
    local ordered = {}
    for _, name in ipairs(result.key_order) do
      assert.is_nil(ordered[name], name .. " stands twice") -- and would be written twice
      ordered[name] = true
    end
    for name in pairs(usage) do assert.is_true(ordered[name], name .. " has no place") end
  end)

  for _, one in ipairs(all) do
    local outcome, words = one[1], one[2]
    it(("of '%s' (%s) is as documented"):format(outcome, words), function()
      local own = record(words)
      if one.needs_groups and own.outcome == "setup_failed" then return pending(own.message) end
      assert.are.equal(outcome, own.outcome)
      assert.are.equal(1, own.moonsand_result)
      if one.code then assert.are.equal(one.code, own.code) end
      check(own, fields, outcome)
      if own.usage then check(own.usage, usage, outcome) end
    end)
  end

  it("names the step that failed", function()
    local own = record "--ro /no/such:/place -- true"
    assert.are.equal("bind /place", own.step_name)
    assert.are.equal("bind", own.verb)
    assert.are.equal("/no/such", own.path)
  end)

  it("is there for what this host lacks, too, with exit code 125", function()
    local dir <close> = host.scratch()
    dir:file("file", "")
    local own = record(("--overlay /w --lower /usr --upper %s/file/upper -- true"):format(dir.path))
    assert.are.equal("setup_failed", own.outcome)
    assert.are.equal(125, own.code)
    assert.matches("upper directory", own.message)
    check(own, fields, "setup_failed")
  end)

  it("says which gate of the host is closed", function()
    local out = host.lua [[
      local core = require "moonsand.core"
      assert(core.no_new_privileges {})
      assert(core.seccomp {rules = {{"ENOSYS", "clone3"}}})
      require("moonsand.cli.main").call({"run", "--json", "1", "--", "true"},
        require("moonsand.cli.interface").new {err = io.open("/dev/null", "w")})]]
    local own = assert(json.decode(out))
    assert.matches("system call filter", own.gate.what)
    assert.matches("podman", own.gate.fix)
    check(own, fields, "setup_failed")
  end)

  it("of the page is one that could be", function()
    local text = host.read("docs/result.md"):match "```json\n(.-)```"
    local own = assert(json.decode(text))
    check(own, fields, own.outcome)
    check(own.usage, usage, own.outcome)
  end)

  it("does not come from a mistake among the options", function()
    local dir <close> = host.scratch()
    os.execute(("bin/moonsand run --json %s/r --cwd relative --tmpfs x -- true 2>/dev/null"):format(
      dir.path))
    assert.is_nil(dir:read "r")
  end)

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
    assert.matches("%-%-stdout does not pass through here", pipe:read "a")
  end)
end)
