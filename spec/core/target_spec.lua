-- What is made inside: with which modes, and where, when mounts lie over each other.
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function run(options)
  local result = sandbox.new(options):run()
  assert.are.equal("exit 0", tostring(result.outcome) .. " " .. tostring(result.exit_code),
    result.message or result.stderr)
  return result.stdout
end

--- The same by a process with a umask of its own.
local function run_with_umask(mask, options)
  local pipe <close> = assert(io.popen(("umask %s; LUA_PATH='%s' LUA_CPATH='%s' lua5.4 -e '%s'")
    :format(mask, package.path, package.cpath,
      ("io.write(require \"moonsand.sandbox\".new(%s):run().stdout)"):format(options))))
  return pipe:read "a"
end

describe("a file of one's own", function()
  it("is in the mount that lies there by then", function()
    assert.are.equal("y\n", run {
      files = {{target = "/a/x", text = "", order = 1}, {target = "/a/y", text = "", order = 3}},
      tmpfs = {{target = "/a", order = 2}},
      script = "ls /a",
    })
  end)

  it("is in the mount that lies there by another name", function()
    assert.are.equal("y\n", run {
      dirs = {{target = "/a", order = 1}},
      symlinks = {{target = "/l", text = "a", order = 2}},
      files = {{target = "/a/x", text = "", order = 3}, {target = "/a/y", text = "", order = 5}},
      tmpfs = {{target = "/l", order = 4}},
      script = "ls /a",
    })
  end)

  it("is in the mount that lies over its directory's directory", function()
    assert.are.equal("y\n", run {
      files = {{target = "/a/b/x", text = "", order = 1},
        {target = "/a/b/y", text = "", order = 3}},
      tmpfs = {{target = "/a", order = 2}},
      script = "ls /a/b",
    })
  end)

  it("has the mode that it was given, whatever the caller's umask", function()
    assert.are.equal("666 755 1777\n", run_with_umask("077", [[{
      files = {{target = "/a/x", text = "", mode = 438}},
      script = "echo $(stat -c %a /a/x /a /dev/shm)"}]]))
  end)
end)

describe("the umask of the program", function()
  it("is the caller's", function()
    assert.are.equal("0027\n", run_with_umask("027", [[{script = "umask"}]]))
  end)

  it("is the option's", function()
    assert.are.equal("0077\n", run_with_umask("027", [[{script = "umask", umask = 63}]]))
  end)
end)

describe("a verb in the current process", function()
  it("leaves its umask alone", function()
    local dir <close> = host.scratch()
    local line = "umask 027; LUA_CPATH='%s' lua5.4 -e '%s'; stat -c %%a %s/d"
    local pipe <close> = assert(io.popen(line:format(package.cpath, ([[
        local core = require "moonsand.core"
        assert(core.file {target = "%s/f", text = "", mode = 438})
        os.execute "umask; mkdir %s/d; stat -c %a %s/f"]]):gsub("%%s", dir.path), dir.path)))
    assert.are.equal("0027\n666\n750\n", pipe:read "a")
  end)
end)
