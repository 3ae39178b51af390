-- Regular expressions that Lua recognizes: as Python does, or not at all.
local core = require "moonsand.core"
local host = require "spec.support.host"
local recognize = require "moonsand.recipe.recognize"

describe("a regular expression", function()
  local function matches(expression, text, anchored)
    return assert(recognize.matcher(expression, anchored), expression)(text)
  end

  it("has alternatives, groups and what must not stand there", function()
    assert.is_true(matches("^lib(udev|systemd|nss).*", "libnss-x", true))
    assert.is_false(matches("^lib(udev|systemd|nss).*", "libn", true))
    assert.is_true(matches("^util-linux(?!.*-native)-.*", "util-linux-lsblk", true))
    assert.is_false(matches("^util-linux(?!.*-native)-.*", "util-linux-lsblk-native", true))
    assert.is_true(matches("^perl-module-.*(?<!native)$", "perl-module-x", true))
    assert.is_false(matches("^perl-module-.*(?<!native)$", "perl-module-native", true))
  end)

  it("is found at the beginning, or anywhere", function()
    assert.is_true(matches("b+", "abb", false))
    assert.is_false(matches("b+", "abb", true))
  end)

  it("is not for Lua when it has more, or is wrong", function()
    for _, expression in ipairs {"a{2}", "\\d", "\\bx", "(a)*", "a**", "a*+", "*", "(a", "a)", "^*",
      "[a", "[]a]",
      "[z-a]", "[a&&b]", "[[a]]", "[a-\\d]", "(?i)a", "(?P<n>a)", "(?<!a*)b",
      "\\1", "(?<!a|b)c", "a\\", "(?#x)", "ä", "a|*", "(?!a)*", "$+", "[", "[^", "[a-", "(?",
      "(?<!a"} do
      assert.is_nil(recognize.matcher(expression, false), expression)
    end
  end)

  it("says nothing of a text of several lines, or with letters that are not of ASCII", function()
    assert.is_nil(matches("a$", "a\n", false))
    assert.is_nil(matches("[^a]", "ä", true))
  end)
end)

describe("expressions made up of many parts", function()
  if not core.stat("/usr/bin/python3") then
    it("match as in Python", function() pending("there is no /usr/bin/python3") end)
    return
  end

  local atoms = {"a", "b", "-", ".", "[ab]", "[^a]", "[a-b-]", "\\.", "\\-", "(a|b-)", "(?:ab|)",
    "(?!ab)", "(?=.*b)", "(?<!a)", "(?<=b-)", "^", "$", "|", "(", ")", "()", "[",
    "]", "{", "?", "x"}
  local ends = {"", "", "", "*", "+", "?", "*?", "+?", "??"}
  local script = [[
import re, sys
for line in open(sys.argv[1]):
    kind, expression, text = line.rstrip("\n").split("\t")
    try:
        rule = re.compile(expression)
        print(bool((rule.match if kind == "match" else rule.search)(text)))
    except re.error:
        print("wrong")
]]

  it("match as in Python", function()
    local scratch <close> = host.scratch()
    local state, lines, mine = 7, {}, {}
    local function pick(list)
      state = (state * 1103515245 + 12345) % 2147483648
      return list[(state >> 12) % #list + 1]
    end
    while #lines < 6000 do
      local expression, text = {}, {}
      for i = 1, pick {1, 2, 3, 4, 5} do expression[i] = pick(atoms) .. pick(ends) end
      for i = 1, pick {0, 1, 2, 3, 4, 6} do text[i] = pick {"a", "b", "-", "."} end
      expression, text = table.concat(expression), table.concat(text)
      local kind = pick {"match", "search"}
      local judge = recognize.matcher(expression, kind == "match")
      if judge then
        lines[#lines + 1] = table.concat({kind, expression, text}, "\t")
        mine[#mine + 1] = judge(text) and "True" or "False"
      end
    end
    scratch:file("list", table.concat(lines, "\n") .. "\n")
    scratch:file("check.py", script)
    local pipe <close> = assert(io.popen((
      "cd '%s' && /usr/bin/python3 -W ignore check.py list"):format(scratch.path)))
    local number = 0
    for answer in pipe:lines() do
      number = number + 1
      assert.are.equal(answer, mine[number], lines[number])
    end
    assert.are.equal(#lines, number)
  end)
end)
