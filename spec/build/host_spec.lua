local host = require "moonsand.build.host"

describe("the identity of the host", function()
  it("lists installed packages only, sorted, whatever their order in the file", function()
    local a = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    local b = "Package: b\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n"
    local gone = "Package: c\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 3\n"
    assert.are.equal("a amd64 1\nb all 2", host.packages(b .. "\n" .. gone .. "\n" .. a))
    assert.are.equal(host.packages(a .. "\n" .. b), host.packages(b .. "\n" .. a))
  end)

  it("reads the architecture from a program's header", function()
    assert.are_not.equal("unknown", host.architecture "/proc/self/exe")
  end)

  it("says unknown for a file that is no program", function()
    assert.are.equal("unknown", host.architecture "/etc/passwd")
  end)

  it("is the same twice", function()
    assert.are.equal(host.describe(host.identity()), host.describe(host.identity()))
  end)
end)
