/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/smm.h"

#include "bootinfo/bootinfo.h"
#include "diag/log.h"
#include "mm/layout.h"

#define BASE       0x30000ull /* of a CPU since its reset */
#define ENTRY      0x8000ull  /* from there on */
#define BASE_BYTES 0x10000ull /* the CPU's state is kept at the end of them */

static const uint8_t return_code[] = {0x0f, 0xaa}; /* RSM */

void smm_close_door(const struct boot_info *info)
{
    bool is_free = boot_info_is_usable(info, BASE, BASE_BYTES);

    for (uint32_t i = 0; i < info->module_count; i++) {
        const struct boot_module *module = &info->modules[i];

        is_free = is_free &&
                  (module->address >= BASE + BASE_BYTES || module->address + module->bytes <= BASE);
    }
    if (!is_free) {
        log_info("cpu",
                 "30000h is in use: an SMI at a CPU without a handler of firmware's ends badly");
        return;
    }
    memcpy(direct_map((struct paddr){BASE + ENTRY}), return_code, sizeof(return_code));
}
