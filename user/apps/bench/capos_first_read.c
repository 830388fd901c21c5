/* SPDX-License-Identifier: MIT */
/*
 * The first read after power-on: for a program that init starts at boot, while the disk's driver is
 * still busy with its device. The host knows the text at the start of the disk.
 */
#include "apps/bench/capos.h"
#include "libblock/block_io.h"
#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"

#define TEXT_BYTES 32u
#define RETRY_NS   (200 * RT_NS_PER_US)
#define ATTEMPTS   300000u /* a minute of sleep */

/** Connect; the driver may not be there yet. */
static enum status connect(struct block_io *io)
{
    enum status status = STATUS_PEER_GONE;

    for (uint32_t i = 0; i < ATTEMPTS && status != STATUS_OK; i++) {
        status = block_io_open(io, rt_capability_required("disk"), 1);
        if (status != STATUS_OK) {
            rt_sleep(RETRY_NS);
        }
    }
    return status;
}

bool capos_first_read(void)
{
    char text[TEXT_BYTES + 1] = "";
    struct block_io io;
    enum block_status read;
    const enum status status = connect(&io);

    if (status != STATUS_OK) {
        rt_print("bench: no session with the disk: %s\n", status_name(status));
        return false;
    }
    read = block_read(&io, 0, text, TEXT_BYTES);
    block_io_close(&io);
    if (read != BLOCK_STATUS_OK) {
        rt_print("bench: the first read has failed\n");
        return false;
    }
    rt_print("bench: the disk says: %s\n", text);
    return true;
}
