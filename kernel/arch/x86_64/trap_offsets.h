/* SPDX-License-Identifier: MIT */
/* Numbers that trap.S and the C structures must agree on; exception.c, cpu.h and nmi.c assert each.
 */

#define CPU_OFFSET_CURRENT   8
#define CPU_OFFSET_STACK_TOP 16
#define CPU_OFFSET_SCRATCH   24
#define CPU_OFFSET_FRAME_TOP 36

#define TRAP_FRAME_BYTES     176
#define FRAME_R15            0
#define FRAME_R14            8
#define FRAME_R13            16
#define FRAME_R12            24
#define FRAME_RBP            64
#define FRAME_RDI            72
#define FRAME_RSI            80
#define FRAME_RBX            104
#define FRAME_RAX            112
#define FRAME_CS             144

/* nmi.h; the stack holds these words from where the TSS says that it begins. */
#define NMI_WORDS_BYTES        16
#define NMI_WORDS_COUNT        0
#define NMI_WORDS_ERROR_BITS   8
#define NMI_FRAME_BYTES        40 /* what the CPU pushes */
#define NMI_STATUS_PORT        0x61

#define FRAME_FROM_TOP(offset) ((offset)-TRAP_FRAME_BYTES)
