# A task that runs what was installed, in a sandbox whose root is only that, and busybox for a shell:
# `moonsand build zlib:test`.
addtask test after do_install

# [root] = "outputs": no host. This recipe's outputs lie over those of [depends].
do_test[root] = "outputs"
do_test[depends] = "busybox:do_install"
do_test[dirs] = "${WORKDIR}"
