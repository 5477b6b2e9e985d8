/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configuration files. The first byte chooses whether the text is a file or a key=value of a command
 * line; what is accepted must also come out as JSON.
 */
#include <stdint.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct zendo_config_input in = { .source = "fuzz" };
	struct zendo_error e = { .line = 0 };
	struct json_object *o;
	char text[1024];

	if (size < 1)
		return 0;
	in.bare = data[0] == '!';
	in.text = (const char *)data + 1;
	in.len = size - 1;
	if (zendo_config_parse(&in, 1, &c, &e) < 0) {
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
