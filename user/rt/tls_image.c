/* SPDX-License-Identifier: MIT */
/*
 * Where the linker has put the image of thread-local storage.
 */
#include "rt/thread_storage.h"

/* Named by user.ld. Their addresses are the values. */
extern const char rt_tls_image[], rt_tls_image_end[], rt_tls_end[], rt_tls_alignment[];

struct rt_tls_image rt_tls_image_get(void)
{
    return (struct rt_tls_image){
        .bytes = rt_tls_image,
        .file_bytes = (size_t)(rt_tls_image_end - rt_tls_image),
        .memory_bytes = (size_t)(rt_tls_end - rt_tls_image),
        .alignment = (size_t)(uintptr_t)rt_tls_alignment,
    };
}
