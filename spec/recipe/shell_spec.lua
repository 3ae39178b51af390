local command = require "moonsand.recipe.command"
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local shell = require "moonsand.recipe.shell"

describe("a run script", function()
  local d

  local function define(name, body, line)
    d:put(name, body)
    d:set_flag(name, "func", 1)
    d:set_flag(name, "filename", "a.bb")
    d:set_flag(name, "lineno", line or 1)
  end

  before_each(function()
    d = data.new()
  end)

  -- Exit code and standard error of the script under a shell.
  local function run(program, script)
    local directory = core.mkdtemp("/tmp/moonsand-spec-")
    local path = directory .. "/run"
    local file = assert(io.open(path, "w"))
    file:write(script.text)
    file:close()
    local pipe = assert(io.popen(("cd / && %s %s 2>&1"):format(program, path)))
    local output = pipe:read("a")
    local _, _, code = pipe:close()
    core.remove_tree(directory)
    return code, output
  end

  it("holds exported variables, the task and the functions it calls", function()
    d:put("CC", 'gcc "$x"')
    d:set_flag("CC", "export", 1)
    d:put("B", "/work")
    define("do_x", "\thelper ${B}\n", 4)
    define("helper", "\techo $1 | other\n", 9)
    define("other", "\tcat\n", 12)
    define("unused", "\tcat\n", 20)
    local script = shell.script(d, "do_x")
    assert.are.same({"do_x", "helper", "other"}, script.functions)
    assert.is_truthy(script.text:find('export CC="gcc \\"\\$x\\""\n', 1, true))
    local body = "# line: 4, file: a.bb\ndo_x() {\n\thelper /work\n}\n"
    assert.is_truthy(script.text:find(body, 1, true))
    assert.are.same({"a.bb", 4}, {script.file, script.line})
  end)

  it("runs in the last of the task's directories", function()
    define("do_x", "pwd\n")
    d:set_flag("do_x", "dirs", "/usr /tmp")
    local code, output = run("sh", shell.script(d, "do_x"))
    assert.are.equal(0, code)
    assert.are.equal("/tmp\n", output)
  end)

  it("names the failing command, its function and its line under bash", function()
    define("do_x", "true\nhelper\n", 4)
    define("helper", "echo before\nls /no/such/file 2>/dev/null\necho after\n", 9)
    local script = shell.script(d, "do_x")
    local code, output = run("bash", script)
    assert.are.equal(2, code)
    assert.are.same({exit_code = 2, command = "ls /no/such/file 2> /dev/null", name = "helper",
      file = "a.bb", line = 11, exact = true}, shell.failure(script, output))
    assert.is_nil(output:find("after", 1, true))
  end)

  it("names the function of an exit under bash", function()
    define("do_x", "true\nhelper\n", 4)
    define("helper", "echo before\nexit 7\n", 9)
    local script = shell.script(d, "do_x")
    local code, output = run("bash", script)
    local failure = shell.failure(script, output)
    assert.are.equal(7, code)
    assert.are.same({7, "exit 7", "helper", "a.bb"}, {failure.exit_code, failure.command,
      failure.name, failure.file})
  end)

  it("tells the exit code and the task in a shell that knows no more", function()
    define("do_x", "true\nfalse\n", 4)
    local script = shell.script(d, "do_x")
    local code, output = run("dash", script)
    assert.are.equal(1, code)
    assert.are.same({exit_code = 1, name = "do_x", file = "a.bb", line = 4, exact = false},
      shell.failure(script, output))
  end)

  it("says nothing when it succeeds", function()
    define("do_x", "if false; then :; fi\nfalse || true\n")
    for _, program in ipairs {"dash", "bash"} do
      local script = shell.script(d, "do_x")
      local code, output = run(program, script)
      assert.are.equal(0, code)
      assert.are.equal("", output)
      assert.is_nil(shell.failure(script, output))
    end
  end)

  it("writes echo's escapes alike in every shell", function()
    define("do_x", "echo 'a\\nb'\n")
    for _, program in ipairs {"dash", "bash"} do
      assert.are.equal("a\nb\n", select(2, run(program, shell.script(d, "do_x"))))
    end
  end)

  it("is refused for a python function, with its place", function()
    define("do_x", "pass\n", 8)
    d:set_flag("do_x", "python", "1")
    local ok, problem = pcall(shell.script, d, "do_x")
    assert.is_false(ok)
    assert.is_true(fault.is(problem))
    assert.are.equal("a.bb:8", problem.where)
  end)

  it("is refused for a function that is not there", function()
    local ok, problem = pcall(shell.script, d, "do_y")
    assert.is_false(ok)
    assert.are.equal("there is no function 'do_y'", problem.message)
  end)
end)

describe("command words", function()
  local function words(text)
    local list = {}
    for name in pairs(command.words(text).called) do list[#list + 1] = name end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("are found in every corner of the shell's grammar", function()
    assert.are.equal("a b c d", words "a | b && c || d x; a &")
    assert.are.equal("a b c", words "if a; then b x; else c; fi")
    assert.are.equal("a b", words "for i in x $(a) y; do b $i; done")
    assert.are.equal("a b c", words "case $(a) in\n x|y) b ;;\n (z) c\n ;;\nesac")
    assert.are.equal("a b c d", words 'X="$(a "$(b)")" c `d` "x" # e')
    assert.are.equal("a b", words "while ! a; do { b; }; done > /dev/null")
    assert.are.equal("a b", words "(a) 2>&1 < x | b")
    assert.are.equal("a", words "f() { a; }; f")
    assert.are.equal("a", words "A=1 B='x y' a")
    assert.are.equal("a cat", words "cat <<EOF\nb\n$(a)\nEOF\n")
    assert.are.equal("a cat", words "cat <<'EOF'\n$(b)\nEOF\na")
    assert.are.equal("a", words "eval 'a b'")
    assert.are.equal("a", words "a ${x:-it's} ${y#\"}\"}; a \\\n b")
    assert.are.equal("", words "$x y")
  end)
end)
