#ifndef MOONSAND_ALONE_H
#define MOONSAND_ALONE_H

/* Of the command without a loader: returns when it can do without one, executes the command that
   has one else. In that one it is not there. */
void make_way(char **argv);

/* Instead of the C library's, for the linker. */
void *__wrap_dlopen(const char *file, int mode);
char *__wrap_dlerror(void);

#endif
