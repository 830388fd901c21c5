/* SPDX-License-Identifier: MIT */
#include "services/shell/line_editor.h"
#include "services/shell/shell.h"

#include "rt/print.h"

static struct line_editor editor;

static void print_sink_write(struct text_sink *sink, const char *bytes, size_t length)
{
    (void)sink;
    rt_print_bytes(bytes, length);
}

int main(int count, char **arguments)
{
    static struct text_sink sink = {.write = print_sink_write};

    (void)count;
    (void)arguments;
    input_init();
    line_editor_init(&editor, &sink, "capos> ");
    rt_print("capOS. Type `help` for a list of commands.\n");
    for (;;) {
        enum line_event event = LINE_NONE;

        line_editor_start(&editor);
        while (event == LINE_NONE) {
            event = line_editor_feed(&editor, input_take());
        }
        if (event == LINE_TOO_LONG) {
            rt_print("line longer than %u bytes: ignored\n", LINE_EDITOR_MAX);
        } else if (event == LINE_READY) {
            command_execute(editor.line);
        }
    }
}
