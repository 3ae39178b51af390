-- BitBake's own answers (../shared/data beside the checkout): values, flags, tasks, errors.
local answers = require "spec.recipe.answers"

describe("the recipe reader and BitBake's answers", function()
  local directory = answers.directory()

  local function agrees(cases, floor)
    local failures = {}
    for _, case in ipairs(cases) do
      local problem = answers.check(case)
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

  it("agree on random configuration texts", function()
    from("fuzz.jsonl.gz", 1509)
  end)

  it("agree on random task graphs", function()
    from("tasks-fuzz.jsonl.gz", 248)
  end)
end)
