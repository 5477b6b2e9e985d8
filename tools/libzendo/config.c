/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration of its texts: settings, variables, and what it must have. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config-devices.h"
#include "config-expr.h"
#include "config-keys.h"
#include "config-syntax.h"
#include "config-values.h"
#include "config-write.h"
#include "file.h"

struct reader {
	struct config_values values;
	struct config_variables variables;
	bool bare;			/* reading a key=value of the command line */
	struct zendo_config *c;
	struct zendo_error *e;
};

#define fail_at(x, v, r, ...) \
	zendo_error_at((x)->e, (r), (v)->source, (v)->line, (v)->column, __VA_ARGS__)

static int oom(struct reader *x)
{
	return zendo_error(x->e, -ENOMEM, "out of memory");
}

static void reader_done(struct reader *x)
{
	for (size_t i = 0; i < KEY_NR; i++)
		config_value_clear(&x->values.value[i]);
	config_variables_clear(&x->variables);
}

/* ---- collecting settings ------------------------------------------------------------- */

/* vif = [], nestedhvm = 0, boot = "": asks for nothing. */
static bool value_is_off(const struct config_value *v)
{
	switch (v->kind) {
	case CONFIG_NUMBER:
		return v->number == 0;
	case CONFIG_STRING:
		return v->len == 0 || strcmp(v->string, "0") == 0;
	default:
		return v->nr_items == 0;
	}
}

/* A name that is no key is a variable, and what an expression uses; at the end one that none uses is a key with a typing error. */
static int set_variable(struct reader *x, struct config_setting *s)
{
	int64_t n;
	const char *why;
	char text[24];
	int r;

	/* 7 of a command line is a number; 007 has something to say with its zeros */
	if (x->bare && config_value_as_number(&s->value, &n) && snprintf(text, sizeof(text), "%" PRId64, n) > 0 &&
	    s->value.kind == CONFIG_STRING && strcmp(text, s->value.string) == 0) {
		config_value_clear(&s->value);
		s->value.number = n;
	}
	r = config_variables_set(&x->variables, s, x->bare, &why);
	if (r == -EINVAL)
		return fail_at(x, s, r, "unknown key '%s', and %s", s->key, why);
	return r < 0 ? oom(x) : 0;
}

static const struct config_value *on_variable(void *userdata, const char *name)
{
	struct reader *x = userdata;

	return config_variables_use(&x->variables, name);
}

static int check_variables(struct reader *x)
{
	const struct config_variable *v = config_variables_unused(&x->variables);
	const char *nearest = v ? config_key_nearest(v->name) : NULL;

	if (!v)
		return 0;
	if (nearest)
		return fail_at(x, v, -EINVAL, "unknown key '%s', did you mean '%s'? [Z0201]", v->name, nearest);
	return fail_at(x, v, -EINVAL, "unknown key '%s', and nothing uses a variable of this name [Z0201]", v->name);
}

static int key_without_effect(struct reader *x, const struct config_key *k, const struct config_setting *s)
{
	const bool off = value_is_off(&s->value);

	if (k->kind == CONFIG_ALWAYS_ON && off)
		return fail_at(x, s, -EOPNOTSUPP, "'%s' cannot be switched off: %s [Z0202]", k->name, k->reason);
	if (k->kind == CONFIG_REFUSED && !off)
		return fail_at(x, s, -EOPNOTSUPP, "'%s' is not supported: %s [Z0202]", k->name, k->reason);
	if (k->kind == CONFIG_IGNORED && !off)
		(void)zendo_error_at(config_new_warning(x->c), 0, s->source, s->line, s->column,
				     "'%s' has no effect: %s", k->name, k->reason);
	return 0;
}

static int on_setting(void *userdata, struct config_setting *s, struct zendo_error *e)
{
	struct reader *x = userdata;
	const struct config_key *k = config_key_find(s->key);
	struct config_value *v;

	(void)e;	/* is x->e */
	if (!k)
		return set_variable(x, s);
	if (k->kind != CONFIG_DONE)
		return key_without_effect(x, k, s);

	v = &x->values.value[k->id];
	if (s->append && x->values.set[k->id]) {
		if (v->kind != s->value.kind || v->kind == CONFIG_NUMBER)
			return fail_at(x, s, -EINVAL, "cannot append %s to %s",
				       config_value_kind_name(s->value.kind), config_value_kind_name(v->kind));
		return config_value_append(v, &s->value) < 0 ? oom(x) : 0;
	}
	config_value_clear(v);
	*v = s->value;
	memset(&s->value, 0, sizeof(s->value));
	x->values.set[k->id] = true;
	return 0;
}

/* ---- the whole ----------------------------------------------------------------------- */

static int check_required(struct reader *x, const char *source)
{
	const struct zendo_config *c = x->c;

	if (!c->name)
		return zendo_error_at(x->e, -EINVAL, source, 0, 0, "'name' is missing: add name = \"...\" [Z0204]");
	if (!c->kernel)
		return zendo_error_at(x->e, -EINVAL, source, 0, 0,
				      "'kernel' is missing: add kernel = \"/boot/vmlinuz-...\" [Z0204]");
	if (!c->memory_mib)
		return zendo_error_at(x->e, -EINVAL, source, 0, 0, "'memory' is missing: add memory = MIB [Z0204]");
	return 0;
}

/* Variables of the command line are there before the file that uses them; its keys replace the file's. */
static int on_early_setting(void *userdata, struct config_setting *s, struct zendo_error *e)
{
	return config_key_find(s->key) ? 0 : on_setting(userdata, s, e);
}

static int read_inputs(struct reader *x, const struct zendo_config_input *inputs, size_t nr, bool variables_only)
{
	int r = 0;

	for (size_t i = 0; i < nr && r >= 0; i++) {
		x->bare = inputs[i].bare;
		if (!variables_only || x->bare)
			r = config_syntax_read(&inputs[i], variables_only ? on_early_setting : on_setting, on_variable, x, x->e);
	}
	return r;
}

int zendo_config_parse(const struct zendo_config_input *inputs, size_t nr_inputs,
		       struct zendo_config **ret, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = calloc(1, sizeof(*c));
	_cleanup_(reader_done) struct reader x = { .c = c, .e = e };
	int r;

	if (!c)
		return oom(&x);
	for (size_t i = 0; i < nr_inputs; i++)
		if (inputs[i].len > ZENDO_CONFIG_MAX_BYTES)
			return zendo_error_at(e, -EFBIG, inputs[i].source, 0, 0, "larger than %d KiB",
					      ZENDO_CONFIG_MAX_BYTES / 1024);
	r = read_inputs(&x, inputs, nr_inputs, true);
	if (r >= 0)
		r = read_inputs(&x, inputs, nr_inputs, false);
	if (r >= 0)
		r = check_variables(&x);
	if (r >= 0)
		r = config_get_all(c, &x.values, e);
	if (r < 0)
		return r;
	r = check_required(&x, nr_inputs ? inputs[0].source : NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

/* It may be a pipe, whose end nobody knows before. */
static int read_stdin(char **ret, size_t *ret_size, struct zendo_error *e)
{
	_cleanup_free_ char *text = malloc(ZENDO_CONFIG_MAX_BYTES + 1);
	size_t size = 0;
	ssize_t n;

	if (!text)
		return zendo_error(e, -ENOMEM, "out of memory");
	do {
		n = read(STDIN_FILENO, text + size, ZENDO_CONFIG_MAX_BYTES + 1 - size);
		if (n < 0 && errno != EINTR)
			return zendo_error(e, -errno, "cannot read standard input: %s", strerrordesc_np(errno));
		size += n > 0 ? (size_t)n : 0;
	} while (n != 0 && size <= ZENDO_CONFIG_MAX_BYTES);
	if (size > ZENDO_CONFIG_MAX_BYTES)
		return zendo_error_at(e, -EFBIG, "standard input", 0, 0, "larger than %d KiB", ZENDO_CONFIG_MAX_BYTES / 1024);
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int zendo_config_read_text(const char *path, char **ret, size_t *ret_size, struct zendo_error *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint64_t size;
	int r;

	if (strcmp(path, "-") == 0)
		return read_stdin(ret, ret_size, e);
	r = file_open_regular(path, ZENDO_CONFIG_MAX_BYTES, &fd, &size);
	if (r == -EFBIG)
		return zendo_error_at(e, r, path, 0, 0, "larger than %d KiB", ZENDO_CONFIG_MAX_BYTES / 1024);
	if (r == -EINVAL)
		return zendo_error_at(e, r, path, 0, 0, "not a regular file");
	if (r < 0)
		return zendo_error_at(e, r, path, 0, 0, "cannot open: %s", strerrordesc_np(-r));
	text = malloc(size + 1);
	if (!text)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = file_read_at(fd, text, size, 0);
	if (r < 0)
		return zendo_error_at(e, r, path, 0, 0, "cannot read: %s", strerrordesc_np(-r));
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int zendo_config_load(const char *path, const char *const *overrides,
		      struct zendo_config **ret, struct zendo_error *e)
{
	_cleanup_free_ struct zendo_config_input *inputs = NULL;
	_cleanup_free_ char *text = NULL;
	size_t nr = 0, size = 0;
	int r;

	while (overrides && overrides[nr])
		nr++;
	inputs = calloc(nr + 1, sizeof(*inputs));
	if (!inputs)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = zendo_config_read_text(path, &text, &size, e);
	if (r < 0)
		return r;
	inputs[0] = (struct zendo_config_input){ .source = path, .text = text, .len = size };
	for (size_t i = 0; i < nr; i++)
		inputs[i + 1] = (struct zendo_config_input){ .source = "command line", .text = overrides[i],
							     .len = strlen(overrides[i]), .bare = true };
	return zendo_config_parse(inputs, nr + 1, ret, e);
}

/* ---- names --------------------------------------------------------------------------- */

bool zendo_config_name_is_valid(const char *name, const char **ret_why)
{
	const size_t len = strlen(name);
	const char *why = NULL;

	if (len == 0)
		why = "it is empty";
	else if (len >= HVPRIV_NAME_LEN)
		why = "it is longer than 63 bytes";
	else if (strchr(name, '/'))
		why = "it has a / in it";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		why = "it would name a directory";
	else if (strspn(name, "0123456789") == len)
		why = "only digits mean a domain id";
	else if (strcmp(name, "Domain-0") == 0)
		why = "Domain-0 is the machine itself";
	for (const char *p = name; *p && !why; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			why = "it has a control character in it";
	if (why && ret_why)
		*ret_why = why;
	return !why;
}

static const char *const on_event_names[ZENDO_ON_NR] = {
	[ZENDO_ON_DESTROY] = "destroy",
	[ZENDO_ON_RESTART] = "restart",
	[ZENDO_ON_RENAME_RESTART] = "rename-restart",
	[ZENDO_ON_PRESERVE] = "preserve",
	[ZENDO_ON_COREDUMP_DESTROY] = "coredump-destroy",
	[ZENDO_ON_COREDUMP_RESTART] = "coredump-restart",
	[ZENDO_ON_SOFT_RESET] = "soft-reset",
};

const char *zendo_on_event_to_string(enum zendo_on_event v)
{
	return (unsigned)v < ZENDO_ON_NR ? on_event_names[v] : NULL;
}

int zendo_on_event_from_string(const char *s, enum zendo_on_event *ret)
{
	for (unsigned i = 0; i < ZENDO_ON_NR; i++) {
		if (strcmp(on_event_names[i], s) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

void zendo_config_free(struct zendo_config *c)
{
	if (!c)
		return;
	free(c->name);
	free(c->kernel);
	free(c->ramdisk);
	free(c->cmdline);
	free(c->cpus);
	config_clear_devices(c);
	free(c->warnings);
	free(c);
}
