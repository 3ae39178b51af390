--- BitBake's own answers (../shared/data) asked of the command, as somebody from outside would:
--- each input as a file in a directory of its own, `moonsand vars --bare --all --json FILE...`, and
--- its JSON compared with `expected`.
---
---   lua5.4 spec/support/outside.lua [DATA]    make answers
---
--- Exits with 1 when one differs. Inputs with a search path or appends are not files alone: the
--- specs (spec/recipe/answers_spec.lua) have them.
local answers = require "spec.recipe.answers"
local deep = require "moonsand.same"
local host = require "spec.support.host"
local json = require "dkjson"
local order = require "moonsand.order"

local null, shown = answers.null, answers.shown
local directory = arg[1] or answers.directory() or error("which directory has the answers?", 0)

-- One input: id, main, files (name -> text), expected.
local function each_configuration(file)
  local list = {}
  for _, case in ipairs(answers.load(directory .. "/" .. file)) do
    local main = case.main or "case_1.0.bb"
    list[#list + 1] = {id = case.id, main = main, expected = case.expected,
      files = case.files or {[main] = case.text},
      more = (case.bbpath or null) ~= null or (case.appends or null) ~= null}
  end
  return list
end

-- What a recording says of stores, as the other files say it.
local function recorded(op)
  if op.raises then
    return {error = op.raises, message = op.message:gsub("at /tmp/", "at @ROOT@/")}
  end
  local stores = {}
  for variant, vars in pairs(op.datastores) do
    for _, each in pairs(vars) do
      if not next(each.flags) then each.flags = nil end
    end
    if vars.DEPENDS.raw == "" then vars.DEPENDS = nil end
    stores[variant] = {vars = vars}
  end
  return {stores = stores}
end

-- A class of this one was not recorded.
local beyond = {["parse.ParseTest.test_parse_classextend_contamination"] = true}

-- What the unit tests of BitBake had parsed.
local function each_parsed(file)
  local list = {}
  for _, case in ipairs(answers.load(directory .. "/" .. file).cases) do
    for i, op in ipairs(case.ops) do
      if op.op == "parse" then
        list[#list + 1] = {id = case.id .. "#" .. i, main = op.file, files = op.files,
          more = op.bbpath ~= null or beyond[case.id], expected = recorded(op)}
      end
    end
  end
  return list
end

-- JSON has a number where the recording has its text, or the other way round.
local function decide(a, b)
  if a == null or b == null then return a == b end
  local number = type(a) == "number" or type(b) == "number"
  if number then return a == b or tostring(a) == tostring(b) end
end

local function same(a, b)
  return deep.same(a, b, decide)
end

-- The first difference of two tables of things with names, or nil.
local function difference(what, expected, actual)
  for name, value in order.sorted(expected) do
    if not same(value, actual[name]) then
      return ("%s %s is %s, expected %s"):format(what, name, shown(actual[name]), shown(value))
    end
  end
  for name, value in order.sorted(actual) do
    if expected[name] == nil then
      return ("%s %s is %s, expected none"):format(what, name, shown(value))
    end
  end
end

local function compare_error(expected, actual)
  if actual.error ~= expected.error then
    return ("%s, expected %s"):format(actual.error or "no error", expected.error)
  end
  local place = expected.message:match("^ParseError at (.-:%d+):")
  if place and actual.message:match("^ParseError at (.-:%d+):") ~= place then
    return ("'%s', expected place %s"):format(actual.message, place)
  end
end

-- What a case says of its stores; what it does not tell (tasks of the unit tests) is not asked.
local function compare(expected, actual)
  if expected.error then return compare_error(expected, actual) end
  if actual.error then return actual.error .. ": " .. actual.message end
  if expected.log and not same(expected.log, actual.log) then
    return ("log is %s, expected %s"):format(shown(actual.log), shown(expected.log))
  end
  for variant, store in order.sorted(expected.stores) do
    local mine = actual.stores[variant]
    if not mine then return ("there is no variant '%s'"):format(variant) end
    local wrong = difference("variable", store.vars, mine.vars)
    for key, value in pairs(store) do
      if key ~= "vars" and not same(value, mine[key]) then
        wrong = wrong or ("%s: %s, expected %s"):format(key, shown(mine[key]), shown(value))
      end
    end
    if wrong then return ("store '%s': %s"):format(variant, wrong) end
  end
end

local place <close> = host.scratch()

-- Where a case's files are, below the directory of all.
local function place_of(file, i) return ("%s/%d"):format(file, i) end

-- Ask the command for some of the cases: their lines of JSON, in this order.
local function ask(cases, first, last, file)
  local words = {}
  for i = first, last do
    local root = place.path .. "/" .. place_of(file, i)
    for name, text in pairs(cases[i].files) do
      place:file(place_of(file, i) .. "/" .. name, (text:gsub("@ROOT@", root)))
    end
    words[#words + 1] = root .. "/" .. cases[i].main
  end
  local out <close> = assert(io.popen("bin/moonsand vars --bare --all --json " ..
    table.concat(words, " ")))
  for i = first, last do
    local line = out:read("l") or error("no answer to " .. cases[i].id, 0)
    local root = (place.path .. "/" .. place_of(file, i)):gsub("%p", "%%%0")
    cases[i].actual = assert(json.decode(line:gsub("\\/", "/"):gsub(root, "@ROOT@"), 1, null))
  end
end

local failed = false
for _, each in ipairs {
  {"directed.json", each_configuration}, {"fuzz.jsonl.gz", each_configuration},
  {"tasks-fuzz.jsonl.gz", each_configuration}, {"selftest-cases.json", each_parsed},
} do
  local cases, left = {}, 0
  for _, case in ipairs(each[2](each[1])) do
    if case.more then left = left + 1 else cases[#cases + 1] = case end
  end
  local agreed = 0
  for first = 1, #cases, 200 do
    local last = math.min(first + 199, #cases)
    ask(cases, first, last, each[1])
    for i = first, last do
      local wrong = compare(cases[i].expected, cases[i].actual)
      if wrong then
        failed = true
        print(("%s %s: %s"):format(each[1], cases[i].id, wrong))
      else
        agreed = agreed + 1
      end
    end
  end
  print(("%-20s %4d of %d agree, %d are no files alone"):format(each[1], agreed, #cases, left))
end
os.exit(failed and 1 or 0, true)
