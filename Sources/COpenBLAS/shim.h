#include <cblas.h>
#include <stddef.h>

/// LAPACK's singular value decomposition, which libopenblas holds. Debian declares it in no header of its own. The last
/// argument is the length of `job`, as gfortran passes it.
void dgesdd_(
    const char *job, const int *rows, const int *columns, double *a, const int *a_stride, double *values, double *u,
    const int *u_stride, double *vt, const int *vt_stride, double *work, const int *work_size, int *integers, int *info,
    size_t job_length);
