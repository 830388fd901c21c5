/* SPDX-License-Identifier: MIT */
/*
 * The Echo service: says what it is told. For measuring and testing IPC.
 */
#include "rt/panic.h"
#include "rt/process.h"
#include "rt/server.h"

static void handle_text(struct rt_server *server)
{
    static char copy[RT_EXCHANGE_BYTES]; /* the answer is built where the request lies */
    struct wire_build_struct results;
    struct wire_builder *builder;
    struct wire_struct params;
    struct wire_bytes text;

    if (rt_server_read(server, &params) != STATUS_OK ||
        echo_text_params_get_text(params, &text) != WIRE_OK || text.length > sizeof(copy)) {
        rt_server_refuse(server, STATUS_BAD_MESSAGE);
        return;
    }
    __builtin_memcpy(copy, text.bytes, text.length);
    builder = rt_server_reply_begin(server);
    echo_text_results_init_root(builder, &results);
    echo_text_results_set_text(&results, copy, text.length);
    rt_server_reply_end(server);
}

/* Compilers take main for code that runs once and keep it small; this loop is to be fast. */
__attribute__((hot, noinline)) static void serve(struct rt_server *server)
{
    const struct ring_cqe *request;

    while ((request = rt_server_receive(server)) != NULL) {
        if (request->transfer_count != 0) { /* no method takes capabilities */
            rt_server_drop_capabilities(server);
        }
        if (request->method == ECHO_ECHO && (request->flags & CQE_INLINE) != 0) {
            rt_server_reply_words(server, (struct rt_words){{request->payload[0]}});
        } else if (request->method == ECHO_ECHO) {
            rt_server_refuse(server, STATUS_BAD_MESSAGE);
        } else if (request->method == ECHO_TEXT) {
            handle_text(server);
        } else {
            rt_server_refuse(server, STATUS_BAD_METHOD);
        }
    }
}

int main(int count, char **arguments)
{
    static struct rt_server server;

    (void)count;
    (void)arguments;
    if (rt_server_init(&server, rt_capability_required("echo"), RT_EXCHANGE_BYTES) != STATUS_OK) {
        rt_panic("no room in the message area");
    }
    serve(&server);
    return 0;
}
