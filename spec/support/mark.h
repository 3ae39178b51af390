/* What a program says to inject.c, in its highest bits; the rest is the value. */
enum { BEGIN = 0x800000, ERROR = 0x900000, END = 0xa00000, WHICH = 0xb00000, MARK = 0xf00000 };
