# The cache of shared libraries of a root that consists of layers only: /etc/ld.so.cache belongs to no
# layer, for it names the libraries of all. Where no layer brings an ldconfig nobody reads such a cache.
ROOT_HOOKS += "hook_ldconfig"
hook_ldconfig[paths] = "sbin/ldconfig usr/sbin/ldconfig"
hook_ldconfig() {
    for ldconfig in /sbin/ldconfig /usr/sbin/ldconfig; do
        [ -x "$ldconfig" ] || continue
        [ -d /etc ] || mkdir /etc
        "$ldconfig"
        rm -rf /var/cache/ldconfig
        return
    done
}
