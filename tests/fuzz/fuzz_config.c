/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configuration files. The first byte chooses whether the text is a key=value of a command line (!), a file with a variable from
 * there ($), or a file; what is accepted must also come out as JSON, and of what is converted the result must be readable if the text
 * itself was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "config-write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void convert(const struct zendo_config_input *in, bool readable)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	_cleanup_free_ char *text = NULL;
	struct zendo_config_input back = { .source = "converted" };
	struct zendo_error e = { .line = 0 };

	if (zendo_config_convert(in, &text, &e) < 0) {
		if (readable || !e.text[0])
			abort();
		return;
	}
	back.text = text;
	back.len = strlen(text);
	if (zendo_config_parse(&back, 1, &c, &e) < 0 && readable)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct zendo_config_input in[2] = { { .source = "fuzz" }, { "command line", "vmid=7", 6, true } };
	struct zendo_error e = { .line = 0 };
	struct json_object *o;
	char text[1024];
	int r;

	if (size < 1)
		return 0;
	in[0].bare = data[0] == '!';
	in[0].text = (const char *)data + 1;
	in[0].len = size - 1;
	r = zendo_config_parse(in, data[0] == '$' ? 2 : 1, &c, &e);
	convert(in, r >= 0 && data[0] != '$');
	if (r < 0) {
		if (!e.text[0])
			abort();	/* refused without a reason */
		(void)zendo_error_format(&e, text, sizeof(text));
		return 0;
	}
	if (!zendo_config_name_is_valid(c->name, NULL) || zendo_config_to_json(c, &o) < 0)
		abort();
	json_object_put(o);
	return 0;
}
