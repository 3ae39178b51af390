local kept = require "moonsand.build.kept"
local project = require "spec.support.project"
local sandbox = require "moonsand.sandbox"

local setting = {over = {"aa", "bb"}, hooks = {"ab", "ac"},
  sysroot_hooks = {target = {"ba", "bb"}, native = {"ca"}}, trees = {
  target = {{recipe = "zlib", digest = "cc"}}, native = {{recipe = "m4-native", digest = "dd"}},
}}

describe("what is kept of a failure", function()
  it("is the same after writing and reading", function()
    local failure = {command = "make 'a\nb' \\x", cwd = "/work/src", where = "a.bb:3"}
    local read, told = kept.decode(kept.encode(setting, failure))
    assert.are.same(setting, read)
    assert.are.same(failure, told)
  end)

  it("of another format is unknown", function()
    assert.is_nil(kept.decode "moonsand failure 2\n")
  end)
end)

describe("entering a task", function()
  local here

  before_each(function() here = project.new() end)
  after_each(function() here:close() end)

  local function enter_and_run(task, script)
    local builder <close> = here:builder()
    local options, entry = builder:enter(task)
    options.stdin = {text = script}
    local result = sandbox.new(options):run()
    assert.are.equal(0, result.exit_code, result.stderr)
    return result.stdout, entry
  end

  local recipe = "deltask fetch unpack patch configure populate_sysroot\n" ..
    "export GIVEN = \"x y\"\ndo_compile() {\n    echo made > ${WORKDIR}/made\n}\n" ..
    "do_install() {\n    cd ${WORKDIR}\n    echo left > left\n    cat nothing\n}\n"

  it("that failed finds what it left, its variables, and the command in the history", function()
    here:write {["p/p_1.bb"] = recipe}
    assert.is_false(here:build({"p:install"}).ok)
    local out, entry = enter_and_run("p:install", "pwd; cat made left; echo $GIVEN; history 1\n")
    assert.are.equal("failed", entry.state)
    assert.are.equal("cat nothing", entry.failure.command)
    assert.matches("/work\nmade\nleft\nx y\n", out)
    assert.matches("failed at [^\n]*p_1.bb:9:\n    cat nothing\n", out)
  end)

  it("that failed keeps what is written there for the next time", function()
    here:write {["p/p_1.bb"] = recipe}
    here:build {"p:install"}
    enter_and_run("p:install", "echo more > /work/more\n")
    assert.matches("more\n", (enter_and_run("p:install", "cat /work/more\n")))
  end)

  it("that ended well finds its end, and changes nothing", function()
    here:write {["p/p_1.bb"] = recipe}
    here:build {"p:compile"}
    local out, entry = enter_and_run("p:compile", "cat /work/made; rm /work/made\n")
    assert.are.equal("ended", entry.state)
    assert.are.equal("made\n", out)
    assert.are.equal("made\n", (enter_and_run("p:compile", "cat /work/made\n")))
  end)

  it("that has nothing to start from is refused with the next step", function()
    here:write {["p/p_1.bb"] = recipe}
    local builder <close> = here:builder()
    local ok, problem = pcall(builder.enter, builder, "p:install")
    assert.is_false(ok)
    assert.are.equal("moonsand build p:install", problem.hint)
  end)
end)
