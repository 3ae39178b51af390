-- Live sandboxes, layers and recipes, as one types them.
local prompts = require "spec.support.prompt"

local prompt

before_each(function() prompt = prompts.new() end)
after_each(function() prompt:close() end)

--- Without what differs from run to run.
local function plain(text)
  return (text:gsub("%d+%.%d%ds", "0.00s"):gsub("sha256:%x+…", "sha256:…"))
end

local function talk(...) return plain(prompt:talk(...)) end

describe("a live sandbox", function()
  it("says what it is made of", function()
    assert.are.equal("sandbox 1   the host's programs + upper · no network\n",
      talk "box = sandbox {}")
    assert.are.equal("sandbox 2   the host's programs + upper · /src from . (read-only) · " ..
      "network host\n", talk 'b = sandbox {binds = {["/src"] = "."}, net = "host"}')
  end)

  it("shows what a program says, and then how it ended", function()
    talk "box = sandbox {}"
    assert.are.equal("hello\nexit 3   0.00s\n", talk "box:run 'echo hello; exit 3'")
    assert.are.equal("hello\n", talk "_.text")
  end)

  it("keeps what is written from run to run", function()
    assert.are.equal("text\nexit 0   0.00s\n", (talk("box = sandbox {}",
      "box:run 'echo text >file'", "box:run 'cat file'"):match "\n.-\n(.*)$"))
  end)

  it("gives what a program says as a text, or the fault of it", function()
    talk "box = sandbox {}"
    assert.are.equal("a\n", talk "box:output 'echo a'")
    assert.are.equal("exit 2: ouch\n", talk "box:output 'echo ouch >&2; exit 2'")
  end)

  it("lists the files of a directory inside", function()
    assert.are.equal(".hidden\nd\nf\n", (talk("box = sandbox {}",
      "box:run 'mkdir d; echo >f; echo >.hidden'",
      "for name in box:files() do moonsand.names = (moonsand.names or '') .. name .. '\\n' end",
      "moonsand.names")
      :match "exit 0[^\n]*\n(.*)$"))
  end)

  it("tells a program without a network what allows it", function()
    talk "box = sandbox {}"
    assert.are.equal('exit 6   0.00s   this sandbox has no network: net = "host" allows it\n',
      (talk "box:run 'echo Could not resolve host: x; exit 6'":match "\n(.*)$"))
  end)

  it("shows what was written", function()
    talk("box = sandbox {}", "box:run 'echo 12345 >a; mkdir empty; ln -s a l'")
    assert.are.equal("A  /work/a                      6 B\nA  /work/empty" ..
      "                  directory\nA  /work/l                      symlink\n", talk ":diff box")
    assert.are.equal('"A"\n', talk "box:diff()[1].mark")
    assert.are.equal("nothing was written\n", (talk("other = sandbox {}", ":diff other")
      :match "\n(.*)$"))
  end)

  it("is forked: neither sees what the other writes from then on", function()
    talk("box = sandbox {}", "box:run 'echo 1 >a'")
    assert.are.equal("sandbox 2   the host's programs + sandbox 1's upper + upper · no network\n",
      talk "try = box:fork()")
    talk("try:run 'rm a; echo 2 >b'", "box:run 'echo 3 >c'")
    assert.are.equal("D  /work/a\nA  /work/b                      2 B\n", talk ":diff try")
    assert.are.equal("b\na\nc\n", talk("try:output 'ls'", "box:output 'ls'"))
  end)

  it("is forked by its name, too; what is none says so", function()
    talk("box = sandbox {}", "box:run 'echo 1 >a'", ":fork box", "try = _")
    assert.are.equal("1\n", talk "try:output 'cat a'")
    assert.are.equal("no sandbox is named\n  :help fork\n", talk ":fork")
    assert.are.equal("'nobody' is no live sandbox\n  :help fork\n", talk ":fork nobody")
  end)

  it("is frozen into a layer, which others have below /work, and goes on over it", function()
    talk("box = sandbox {}", "box:run 'echo 1 >a'")
    assert.are.equal("layer one   1 file, 2 B, sha256:…\n", talk "l = box:freeze 'one'")
    assert.are.equal("nothing was written\n", talk ":diff box")
    assert.are.equal("a\n", talk "sandbox {lower = {layer 'one'}}:output 'ls'")
    talk "box:run 'echo 22 >a; echo >b'"
    assert.are.equal("M  /work/a                      3 B\nA  /work/b                      1 B\n",
      talk ":diff box")
    talk ":freeze box two"
    assert.are.equal("22\n\n", talk "sandbox {lower = {layer 'two'}}:output 'cat a b'")
  end)

  it("has layers as its root", function()
    prompt.dir:file("root/etc/motd", "hello from a root\n")
    prompt.session.scope.root = prompt.dir.path .. "/root"
    assert.are.equal("layer base   1 file, 18 B, sha256:…\n", talk "base = layer('base', root)")
    assert.are.equal("sandbox 1   base + upper · /usr from /usr (read-only) · /lib from /lib " ..
      "(read-only) · /lib64 from /lib64 (read-only) · /bin from /bin (read-only) · no network\n",
      talk("box = sandbox {layers = {base}, binds = {{source = '/usr'}, {source = '/lib'}, " ..
      "{source = '/lib64', optional = true}, {source = '/bin'}}}"))
    assert.are.equal("hello from a root\n", talk "box:output 'cat /etc/motd; echo x >/etc/x'")
    assert.are.equal("A  /etc/x                       2 B\n", talk ":diff box")
  end)

  it("cannot be used once it is closed", function()
    assert.are.equal("sandbox 1 (closed)\nsandbox 1 is closed\n  make another one\n",
      (talk("box = sandbox {}", "box:close()", "box", "box:run 'true'"):match "\n(.*)$"))
  end)

  it("is closed in the end, and nothing is left of it", function()
    talk("box = sandbox {}", "box:run 'echo >a'", "try = box:fork()")
    assert.are.equal(2, prompt.session:finish())
    assert.are.same({}, assert(require "moonsand.core".readdir(
      prompt.dir.path .. "/state/store/tmp")))
  end)

  it("refuses options that there are not, as sandbox.new does", function()
    assert.are.equal("sandbox: unknown key 'binds2' in the options\n  did you mean 'binds'?\n",
      talk "sandbox {binds2 = {}}")
    assert.are.equal("a sandbox is made of a table, not of a number\n" ..
      '  sandbox {binds = {["/src"] = "."}}\n', talk "sandbox(1)")
    assert.are.equal("layers[1] is no layer but a string\n" ..
      '  layer "NAME" gives one; a directory goes into root or lower\n',
      talk "sandbox {layers = {'x'}}")
  end)
end)

describe("a layer", function()
  it("that there is not is answered with the nearest, or with how one is made", function()
    talk("box = sandbox {}", ":freeze box tools")
    assert.are.equal("there is no layer 'tool'\n  did you mean 'tools'?\n", talk "layer 'tool'")
    assert.are.equal("there is no layer 'zz'\n  layer(\"zz\", \"DIRECTORY\") makes one of a " ..
      "directory, box:freeze \"zz\" of a sandbox\n", talk "layer 'zz'")
  end)

  it("has a name that is one of a file, too", function()
    assert.matches("^'a/b' cannot be the name of a layer\n", talk "layer 'a/b'")
  end)
end)

describe("a live recipe", function()
  it("has its variables, its tasks, and what a signature depends on", function()
    assert.matches("^recipe zlib 1%.2%.13   tasks: fetch unpack ", talk "r = recipe 'zlib'")
    assert.are.equal('"1.2.13"\n', talk "r.PV")
    assert.are.equal("true\nfalse\n", talk("c = r:task 'compile'; return c:sig() == c:sig()",
      "c:sig() == c:sig {CFLAGS = '-O3'}"))
    assert.are.equal("recipe 'zlib' has no task 'compil'\n  did you mean 'compile'?\n",
      talk "r:task 'compil'")
  end)

  it("knows where a value comes from", function()
    talk "r = recipe 'zlib'"
    assert.matches("^recipes/conf/moonsand.conf:%d+  CFLAGS = ", talk ":where r.CFLAGS")
    assert.are.equal(talk ":where r.CFLAGS", talk ":where zlib CFLAGS")
    assert.are.equal("no variable of a recipe is named\n  :help where\n", talk ":where")
  end)
end)

describe("a verb of moonsand", function()
  it("is a command with its own options and help", function()
    assert.matches("^moonsand 0", talk ":version")
    assert.matches("Usage: moonsand log", talk ":help log")
    assert.are.equal("", talk ":run --stdout /dev/null -- sh -c 'echo two words'")
  end)

  it("fails as a fault", function()
    assert.are.equal("unknown option '--nosuch'\n  moonsand help log\n", talk ":log --nosuch x:y")
    assert.are.equal("there is no second ' in the line\n", talk ":log 'x")
  end)
end)
