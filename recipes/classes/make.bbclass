# Software that has a Makefile and is built where its source lies.
B = "${S}"
