/* What there is of it, posix.h declares. */
