local debian = require "moonsand.build.debian"

describe("Debian's archive as a mirror", function()
  it("turns deb822 stanzas into source stanzas", function()
    local text = debian.from_deb822(
      "Types: deb\n# a comment\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n" ..
      "Components: main\n")
    assert.are.equal("Types: deb-src\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n" ..
      "Components: main", text)
  end)

  it("leaves out archives that are not the distribution's, and disabled ones", function()
    assert.are.equal("", debian.from_deb822 "Types: deb\nURIs: https://example.org/apt\n")
    assert.are.equal("", debian.from_deb822
      "Types: deb\nURIs: http://deb.debian.org/debian\nEnabled: no\n")
  end)

  it("turns one-line entries into deb-src lines, each once", function()
    local text = debian.from_list("deb http://deb.debian.org/debian bookworm main\n" ..
      "deb-src http://deb.debian.org/debian bookworm main\n# deb http://x/debian y z\n" ..
      "deb https://packages.example.org/apt stable main\n")
    assert.are.equal("deb-src http://deb.debian.org/debian bookworm main", text)
  end)

  it("reads versions and archives from showsrc", function()
    local versions = debian.parse_showsrc(
      "Package: zlib\nVersion: 1:1.2-1\nChecksums-Sha256:\n aa 10 zlib.dsc\n bb 20 zlib.tar.gz\n" ..
      "Homepage: x\n\nPackage: zlib\nVersion: 1:1.1-1\nChecksums-Sha256:\n cc 1 old.tar.gz\n")
    assert.are.equal(2, #versions)
    assert.are.equal("1:1.2-1", versions[1].version)
    assert.are.equal("bb", versions[1].files["zlib.tar.gz"])
    assert.are.equal("cc", versions[2].files["old.tar.gz"])
  end)
end)
