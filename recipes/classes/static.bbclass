# Programs with all libraries in them: they run where there is nothing else. With two dashes, because
# libtool keeps `-static` to itself.
CC = "gcc --static"
CXX = "g++ --static"
EXTRA_OECONF:prepend = "--enable-static --disable-shared "
