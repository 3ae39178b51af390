-- BitBake's own answers (../shared/data beside the checkout): values, flags, tasks, errors.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local python = require "moonsand.build.python"
local scripts = require "spec.recipe.scripts"
local selftest = require "spec.recipe.selftest"

describe("the recipe reader and BitBake's answers", function()
  local directory = answers.directory()

  local function agrees(cases, floor, how)
    local failures = {}
    for _, case in ipairs(cases) do
      local problem = answers.check(case, how)
      if problem then failures[#failures + 1] = case.id .. ": " .. problem end
    end
    assert.is_true(#cases >= floor, ("only %d cases"):format(#cases))
    assert.are.equal("", table.concat(failures, "\n"))
  end

  local function from(file, floor)
    if not directory then return pending("../shared/data is not there") end
    local cases = {}
    for _, case in ipairs(answers.load(directory .. "/" .. file)) do
      if not case.needs_python then cases[#cases + 1] = case end
    end
    agrees(cases, floor)
  end

  it("agree on the small files that each show one rule", function()
    from("directed.json", 112)
  end)

  it("agree on the small files that need Python", function()
    if not directory then return pending("../shared/data is not there") end
    if not core.stat "/usr/bin/python3" then return pending("there is no /usr/bin/python3") end
    local cases = {}
    for _, case in ipairs(answers.load(directory .. "/directed.json")) do
      if case.needs_python then cases[#cases + 1] = case end
    end
    agrees(cases, 21, python.new(core.realpath("python")))
  end)

  it("agree on random configuration texts", function()
    from("fuzz.jsonl.gz", 1509)
  end)

  it("agree on random task graphs", function()
    from("tasks-fuzz.jsonl.gz", 248)
  end)

  it("agree on the run scripts of real recipes, byte by byte", function()
    if not directory then return pending("../shared/data is not there") end
    local cases, functions = answers.load(directory .. "/run-scripts.jsonl.gz"), {}
    for _, case in ipairs(cases) do
      functions[case.pn] = functions[case.pn] or {}
      for name, each in pairs((scripts.functions(case.emit_func))) do
        functions[case.pn][name] = each
      end
    end
    local wrong = {}
    for _, case in ipairs(cases) do
      if scripts.again(case, functions[case.pn]) ~= case.emit_func then
        wrong[#wrong + 1] = case.pn .. ":" .. case.task
      end
    end
    assert.is_true(#cases >= 171)
    assert.are.equal("", table.concat(wrong, " "))
  end)

  -- These need what is not there: pickled stores, classes in Python.
  local beyond = {
    ["data.Serialize.test_serialize"] = true,
    ["parse.ParseTest.test_parse_classextend_contamination"] = true,
  }

  local function recorded(with_python, bridge)
    local failures, agreed = {}, 0
    for _, case in ipairs(answers.load(directory .. "/selftest-cases.json").cases) do
      local needs = case.needs_python or case.id:find("^filter") or case.id:find("explode")
      if (needs and true or false) == with_python and not beyond[case.id] then
        local problem = selftest.check(case, bridge)
        if problem then
          failures[#failures + 1] = case.id .. ": " .. problem
        elseif problem == nil then
          agreed = agreed + 1
        end
      end
    end
    assert.are.equal("", table.concat(failures, "\n"))
    return agreed
  end

  it("agree on the recorded calls of BitBake's unit tests that have a counterpart", function()
    if not directory then return pending("../shared/data is not there") end
    local agreed = recorded(false)
    assert.is_true(agreed >= 104, ("only %d cases"):format(agreed))
  end)

  it("agree on the recorded calls that need Python", function()
    if not directory then return pending("../shared/data is not there") end
    if not core.stat "/usr/bin/python3" then return pending("there is no /usr/bin/python3") end
    local bridge <close> = selftest.bridge(python.new(core.realpath("python")))
    local agreed = recorded(true, bridge)
    assert.is_true(agreed >= 50, ("only %d cases"):format(agreed))
  end)
end)
