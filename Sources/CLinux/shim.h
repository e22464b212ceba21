// renameat2(2), which Swift's Glibc module leaves out because it stands behind _GNU_SOURCE.
int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned int flags);

// From <linux/fs.h>: swap two paths in one step.
static const unsigned int rl_rename_exchange = 1u << 1;

// malloc_trim(3), whose header Glibc leaves out too.
#include <malloc.h>
