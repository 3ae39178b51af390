-- `moonsand why` as the page of the interface has it.
local command = require "spec.support.command"
local host = require "spec.support.host"
local show = require "moonsand.cli.show.why"

local function explained(fields)
  local all = {task = "zlib:compile", cause = "changed", changes = {}, links = {}, same = {}}
  for name, value in pairs(fields) do all[name] = value end
  return all
end

local when = os.time {year = 2025, month = 11, day = 20, hour = 14, min = 2} * 1000000000

describe("an explanation", function()
  it("has both values, the place, and the chain to what somebody changed", function()
    local old, new = ("9a93b2b7"):rep(8), ("38ef96b8"):rep(8)
    local text = show.text(explained {
      old_time = when,
      changes = {{kind = "variable", name = "CFLAGS", old = "-O2", new = "-O3",
        where = "/here/local.conf:7", old_where = "/here/local.conf:7"}},
      links = {{task = "zlib:configure", old = "a", new = "b", where = "x:1", because = explained {
        task = "zlib:configure",
        changes = {{kind = "source", name = "archive zlib-1.3.1.tar.gz", old = old, new = new,
          where = "/here/recipes/zlib.bb:9", old_where = "/here/recipes/zlib.bb:9"}},
      }}},
      same = {variable = 41, source = 3, input = 2, flag = 5},
    }, {here = "/here"})
    assert.are.equal(table.concat({
      'zlib:compile ran again because',
      '  CFLAGS          "-O3"       was "-O2"  local.conf:7',
      '  zlib:configure  new result  because',
      '    zlib-1.3.1.tar.gz  38ef96b8…  was 9a93b2b7…  recipes/zlib.bb:9',
      'same: 41 variables, 3 files, 2 tasks · compared with the result of ' .. show.date(when),
      '',
    }, "\n"), text)
  end)

  it("shows the words of a list that came and went, and the lines of a function", function()
    local flags = ("-Wall -Wextra -O2 -pipe "):rep(3)
    local text = show.text(explained {changes = {
      {kind = "variable", name = "CFLAGS", old = flags .. "-g", new = flags .. "-DX"},
      {kind = "function", name = "do_compile", old = "a\nb\n", new = "a\nc\n", where = "f:1",
        old_where = "g:2"},
    }}, {})
    assert.is_truthy(text:find("\n  CFLAGS      +-DX --g\n", 1, true), text)
    assert.is_truthy(text:find(
      "\n  do_compile  +1 -1 lines  f:1, was at g:2\n      -b\n      +c\n", 1, true), text)
  end)

  it("shows what two tasks share once", function()
    local change = {kind = "variable", name = "A", old = "1", new = "2"}
    local text = show.text(explained {changes = {change}, links = {
      {task = "a:b", old = "a", new = "b", because = explained {task = "a:b", changes = {change}}},
      {task = "c:d", old = "a", new = "b", above = true},
      {task = "e:f", old = "a", new = "b"},
      {task = "g:h", new = "b"},
    }}, {})
    assert.is_truthy(text:find('  A    "2"         was "1"\n', 1, true), text)
    assert.is_truthy(text:find("    A  see above\n", 1, true), text)
    assert.is_truthy(text:find("  c:d  new result  see above\n", 1, true), text)
    assert.is_truthy(text:find("  e:f  new result  of what is not recorded any more\n", 1, true))
    assert.is_truthy(text:find("  g:h  needed now\n", 1, true), text)
  end)
end)

describe("moonsand why", function()
  local shell = command.hello

  it("answers without a recipe or a store, from what was written down", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, [[
      $M build -q hello:compile
      sed -i 's/hello, moon/hello, sun/' "$R/hello/hello_1.0.bb"
      $M build -q hello:compile
      rm -r "$R/hello" "$MOONSAND_DIR/store"
      cd "$R"; $M why hello:compile]])
    assert.are.equal(0, code, out)
    assert.is_truthy(out:find('^hello:compile ran again because\n' ..
      '  GREETING  "hello, sun"  was "hello, moon"  hello/hello_1.0.bb:6\n' ..
      'same: %d+ variables, 1 function, 1 task · compared with the result of '), out)
  end)

  it("prints JSON that says the same", function()
    local dir <close> = host.scratch()
    local out = shell(dir, "$M build -q hello:unpack; $M why hello:unpack --json")
    local value = assert(require "dkjson".decode(out), out)
    assert.are.equal("new", value.cause)
    assert.are.equal("hello:unpack", value.task)
  end)

  it("says what to type for a task that has not run", function()
    local dir <close> = host.scratch()
    local out, code = shell(dir, "$M why hello:compile")
    assert.are.equal(2, code)
    assert.are.equal("moonsand: 'hello:compile' has not run yet\n" ..
      "  moonsand plan hello:compile   says why it would\n", out)
  end)

  it("draws with ASCII where there is no UTF-8", function()
    local dir <close> = host.scratch()
    local out = shell(dir, [[
      $M build -q hello:unpack; echo >>"$R/hello/hello/hello.c"; $M build -q hello:unpack
      LC_ALL=C $M why hello:unpack]])
    assert.is_nil(out:find "[\128-\255]")
    assert.is_truthy(out:find(" - compared with", 1, true), out)
  end)
end)
