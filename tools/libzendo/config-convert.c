/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Definitions of others: files of xl key by key, and libxl's JSON (libxl_domain_config, as "xl list -l" and "xl create -n" print it).
 * What comes out is text, so that its reader sees what was left out and why.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "config-expr.h"
#include "config-keys.h"
#include "config-syntax.h"
#include "config-write.h"

/* ---- files of xl ------------------------------------------------------------------------- */

static void write_config_value(FILE *f, const struct config_value *v)
{
	if (v->kind == CONFIG_NUMBER)
		fprintf(f, "%" PRId64, v->number);
	else
		config_write_string(f, v->string);
}

/* Lists in lists are in no key that is done, and of others no more than their place is told. */
static void write_setting_value(FILE *f, const struct config_value *v)
{
	if (v->kind != CONFIG_LIST) {
		write_config_value(f, v);
		return;
	}
	fputs("[ ", f);
	for (size_t i = 0; i < v->nr_items; i++) {
		if (v->items[i].kind == CONFIG_LIST)
			fputs("[ ... ]", f);
		else
			write_config_value(f, &v->items[i]);
		fputs(", ", f);
	}
	fputc(']', f);
}

static void write_setting(FILE *f, const char *before, const struct config_setting *s)
{
	fprintf(f, "%s%s %s ", before, s->key, s->append ? "+=" : "=");
	write_setting_value(f, &s->value);
}

static bool is_pvh(const struct config_setting *s)
{
	return s->value.kind == CONFIG_STRING && strcmp(s->value.string, "pvh") == 0;
}

struct file_reader {
	FILE *f;
	struct config_variables variables;	/* what is no key; values are written as they come out */
};

static int on_setting(void *userdata, struct config_setting *s, struct zendo_error *e)
{
	const struct config_key *k = config_key_find(s->key);
	struct file_reader *x = userdata;
	FILE *f = x->f;
	const char *why;

	if (k && k->kind == CONFIG_DONE && (k->id != KEY_TYPE || is_pvh(s))) {
		write_setting(f, "", s);
		fputc('\n', f);
		return 0;
	}
	write_setting(f, "# ", s);
	if (!k) {
		fputs("\n#   is not a key of xl.cfg(5)\n", f);
		if (config_variables_set(&x->variables, s, false, &why) == -ENOMEM)
			return zendo_error(e, -ENOMEM, "out of memory");
	} else if (k->kind == CONFIG_DONE)
		fputs("\n#   only \"pvh\" is there: the kernel must have Xen's PVH entry\n", f);
	else
		fprintf(f, "\n#   %s\n", k->reason);
	return 0;
}

static const struct config_value *on_variable(void *userdata, const char *name)
{
	struct file_reader *x = userdata;

	return config_variables_use(&x->variables, name);
}

static int convert_file(FILE *f, const struct zendo_config_input *in, struct zendo_error *e)
{
	struct file_reader x = { .f = f };
	int r = config_syntax_read(in, on_setting, on_variable, &x, e);

	config_variables_clear(&x.variables);
	return r;
}

/* ---- libxl's JSON ------------------------------------------------------------------------ */

static struct json_object *field(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) && json_object_is_type(v, type)
		? v : NULL;
}

static const char *text_field(struct json_object *o, const char *key)
{
	struct json_object *v = field(o, key, json_type_string);
	const char *s = v ? json_object_get_string(v) : NULL;

	return s && *s ? s : NULL;
}

static bool number_field(struct json_object *o, const char *key, int64_t *ret)
{
	struct json_object *v = field(o, key, json_type_int);

	if (v)
		*ret = json_object_get_int64(v);
	return v;
}

static void write_text(FILE *f, const char *key, const char *s)
{
	if (!s)
		return;
	fprintf(f, "%s = ", key);
	config_write_string(f, s);
	fputc('\n', f);
}

static void write_identity(FILE *f, struct json_object *c_info)
{
	const char *type = text_field(c_info, "type");

	write_text(f, "name", text_field(c_info, "name"));
	if (type && strcmp(type, "pvh") != 0) {
		fputs("# type = ", f);
		config_write_string(f, type);
		fputs("\n#   only \"pvh\" is there: the kernel must have Xen's PVH entry\n", f);
	}
	write_text(f, "type", "pvh");
	write_text(f, "uuid", text_field(c_info, "uuid"));
}

static void write_memory(FILE *f, struct json_object *b_info)
{
	int64_t max = 0, target = 0;
	const bool has_max = number_field(b_info, "max_memkb", &max);

	if (!number_field(b_info, "target_memkb", &target))
		target = max;
	if (target > 0)
		fprintf(f, "memory = %" PRId64 "\n", target / 1024);
	if (has_max && max > target)
		fprintf(f, "maxmem = %" PRId64 "\n", max / 1024);
}

/* avail_vcpus is the list of the vCPUs that are up at start. */
static void write_vcpus(FILE *f, struct json_object *b_info)
{
	struct json_object *avail = field(b_info, "avail_vcpus", json_type_array);
	int64_t max = 0;

	if (!number_field(b_info, "max_vcpus", &max))
		return;
	fprintf(f, "vcpus = %" PRId64 "\n", avail && json_object_array_length(avail) > 0 ? (int64_t)json_object_array_length(avail) : max);
	fprintf(f, "maxvcpus = %" PRId64 "\n", max);
}

/* A list of CPUs for each vCPU. An empty one stands for any. */
static void write_affinity(FILE *f, struct json_object *b_info)
{
	struct json_object *all = field(b_info, "vcpu_hard_affinity", json_type_array), *one;

	if (!all || json_object_array_length(all) == 0)
		return;
	fputs("cpus = [ ", f);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		one = json_object_array_get_idx(all, i);
		fputs(i > 0 ? ", \"" : "\"", f);
		if (!json_object_is_type(one, json_type_array) || json_object_array_length(one) == 0)
			fputs("all", f);
		else
			for (size_t k = 0; k < json_object_array_length(one); k++)
				fprintf(f, "%s%" PRId64, k > 0 ? "," : "", json_object_get_int64(json_object_array_get_idx(one, k)));
		fputc('"', f);
	}
	fputs(" ]\n", f);
}

static void write_scheduling(FILE *f, struct json_object *b_info)
{
	struct json_object *p = field(b_info, "sched_params", json_type_object);
	int64_t n = 0;

	if (number_field(p, "weight", &n) && n > 0)
		fprintf(f, "cpu_weight = %" PRId64 "\n", n);
	if (number_field(p, "cap", &n) && n > 0)
		fprintf(f, "cap = %" PRId64 "\n", n);
}

static void write_build(FILE *f, struct json_object *b_info)
{
	write_text(f, "kernel", text_field(b_info, "kernel"));
	write_text(f, "ramdisk", text_field(b_info, "ramdisk"));
	write_text(f, "cmdline", text_field(b_info, "cmdline"));
	if (text_field(b_info, "bootloader")) {
		fputs("# bootloader = ", f);
		config_write_string(f, text_field(b_info, "bootloader"));
		fprintf(f, "\n#   %s\n", config_key_find("bootloader")->reason);
	}
	write_memory(f, b_info);
	write_vcpus(f, b_info);
	write_affinity(f, b_info);
	write_scheduling(f, b_info);
}

/* A disk or an interface is a text of its own, which is a string of the definition then. */
typedef void (*write_device_t)(FILE *f, struct json_object *o);

static void write_disk(FILE *f, struct json_object *o)
{
	struct json_object *discard = field(o, "discard_enable", json_type_boolean);
	const char *format = text_field(o, "format"), *discards = text_field(o, "discard_enable"), *target = text_field(o, "pdev_path");
	int64_t n = 0;

	fprintf(f, "format=%s,vdev=%s", format ? format : "raw", text_field(o, "vdev") ?: "");
	fprintf(f, ",access=%s", number_field(o, "readwrite", &n) && n ? "rw" : "ro");
	if (number_field(o, "is_cdrom", &n) && n)
		fputs(",devtype=cdrom", f);
	if ((discard && !json_object_get_boolean(discard)) || (discards && strcmp(discards, "False") == 0))
		fputs(",no-discard", f);
	if (text_field(o, "script"))
		fprintf(f, ",script=%s", text_field(o, "script"));
	if (target)
		fprintf(f, ",target=%s%s", text_field(o, "backend") && strcmp(text_field(o, "backend"), "phy") == 0 ? "phy:" : "", target);
}

static void write_option(FILE *f, struct json_object *o, const char *from, const char *to)
{
	if (text_field(o, from))
		fprintf(f, ",%s=%s", to, text_field(o, from));
}

/* What xl's own script does is done here without one. */
static bool is_plain_script(const char *s)
{
	const char *base = strrchr(s, '/');

	return strcmp(base ? base + 1 : s, "vif-bridge") == 0;
}

static void write_nic(FILE *f, struct json_object *o)
{
	const char *script = text_field(o, "script");
	int64_t n = 0, us = 0;

	fprintf(f, "devid=%" PRId64, number_field(o, "devid", &n) ? n : 0);
	write_option(f, o, "mac", "mac");
	write_option(f, o, "bridge", "bridge");
	write_option(f, o, "ifname", "vifname");
	write_option(f, o, "ip", "ip");
	write_option(f, o, "vlan", "vlan");
	if (number_field(o, "mtu", &n) && n > 0)
		fprintf(f, ",mtu=%" PRId64, n);
	if (script && !is_plain_script(script))
		fprintf(f, ",script=%s", script);
	/* libxl counts bytes in an interval, the text is bytes in a second */
	if (number_field(o, "rate_bytes_per_interval", &n) && n > 0 && number_field(o, "rate_interval_usecs", &us) && us > 0)
		fprintf(f, ",rate=%" PRIu64 "B/s@%" PRId64 "us", (uint64_t)((unsigned __int128)n * 1000000 / (uint64_t)us), us);
}

static int write_list(FILE *f, struct json_object *config, const char *from, const char *to, write_device_t write_device)
{
	struct json_object *list = field(config, from, json_type_array);
	size_t size;

	if (!list || json_object_array_length(list) == 0)
		return 0;
	fprintf(f, "%s = [", to);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		_cleanup_free_ char *text = NULL;
		FILE *one = open_memstream(&text, &size);

		if (!one)
			return -ENOMEM;
		write_device(one, json_object_array_get_idx(list, i));
		if (fclose(one) != 0)
			return -ENOMEM;
		fputs("\n\t", f);
		config_write_string(f, text);
		fputc(',', f);
	}
	fputs(" ]\n", f);
	return 0;
}

/* libxl writes rename-restart the other way round, and with underscores. */
static void write_action(FILE *f, struct json_object *config, const char *key)
{
	const char *s = text_field(config, key);
	char text[64];

	if (!s)
		return;
	if (strcmp(s, "restart_rename") == 0)
		s = "rename-restart";
	(void)snprintf(text, sizeof(text), "%s", s);
	for (char *p = text; *p; p++)
		if (*p == '_')
			*p = '-';
	write_text(f, key, text);
}

/* Devices of kinds that there are no backends for are not passed over in silence. */
static void write_rest(FILE *f, struct json_object *config)
{
	json_object_object_foreach(config, key, value) {
		if (strcmp(key, "disks") == 0 || strcmp(key, "nics") == 0 || !json_object_is_type(value, json_type_array) ||
		    json_object_array_length(value) == 0)
			continue;
		fputs("# ", f);
		config_write_string(f, key);
		fputs("\n#   there are no such devices in this version\n", f);
	}
}

static int convert_libxl(FILE *f, struct json_object *config)
{
	int r;

	write_identity(f, field(config, "c_info", json_type_object));
	write_build(f, field(config, "b_info", json_type_object));
	r = write_list(f, config, "disks", "disk", write_disk);
	if (r >= 0)
		r = write_list(f, config, "nics", "vif", write_nic);
	write_action(f, config, "on_poweroff");
	write_action(f, config, "on_reboot");
	write_action(f, config, "on_watchdog");
	write_action(f, config, "on_crash");
	write_rest(f, config);
	return r;
}

/* Our own has the keys of the file. */
static void convert_own(FILE *f, struct json_object *o)
{
	json_object_object_foreach(o, key, value)
		if (config_key_find(key)) {
			fprintf(f, "%s = ", key);
			config_write_value(f, value);
			fputc('\n', f);
		}
}

static int convert_object(FILE *f, struct json_object *o, const char *source, struct zendo_error *e)
{
	struct json_object *config = field(o, "config", json_type_object);

	if (json_object_is_type(o, json_type_array)) {
		if (json_object_array_length(o) != 1)
			return zendo_error_at(e, -EINVAL, source, 0, 0, "it has %zu domains: give one, as 'xl list -l NAME' prints it",
					      json_object_array_length(o));
		o = json_object_array_get_idx(o, 0);
		config = field(o, "config", json_type_object);
	}
	if (!config && field(o, "c_info", json_type_object))
		config = o;
	if (config)
		return convert_libxl(f, config) < 0 ? zendo_error(e, -ENOMEM, "out of memory") : 0;
	if (!text_field(o, "name"))
		return zendo_error_at(e, -EINVAL, source, 0, 0, "it is not the JSON of a domain: no \"c_info\", no \"name\"");
	convert_own(f, o);
	return 0;
}

static bool ends_there(struct json_tokener *t, const struct zendo_config_input *in)
{
	size_t i = json_tokener_get_parse_end(t);

	while (i < in->len && isspace((unsigned char)in->text[i]))
		i++;
	return i >= in->len;
}

static int convert_json(FILE *f, const struct zendo_config_input *in, struct zendo_error *e)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o;
	int r;

	if (!t)
		return zendo_error(e, -ENOMEM, "out of memory");
	o = json_tokener_parse_ex(t, in->text, (int)in->len);
	if (json_tokener_get_error(t) != json_tokener_success)
		r = zendo_error_at(e, -EINVAL, in->source, 0, 0, "bad JSON: %s", json_tokener_get_error(t) == json_tokener_continue
				   ? "it ends too early" : json_tokener_error_desc(json_tokener_get_error(t)));
	else
		r = ends_there(t, in) ? convert_object(f, o, in->source, e)
				      : zendo_error_at(e, -EINVAL, in->source, 0, 0, "something follows the JSON");
	json_object_put(o);
	json_tokener_free(t);
	return r;
}

static bool is_json(const struct zendo_config_input *in)
{
	size_t i = 0;

	while (i < in->len && isspace((unsigned char)in->text[i]))
		i++;
	return i < in->len && (in->text[i] == '{' || in->text[i] == '[');
}

int zendo_config_convert(const struct zendo_config_input *in, char **ret, struct zendo_error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f;
	int r;

	if (in->len > ZENDO_CONFIG_MAX_BYTES)
		return zendo_error_at(e, -EFBIG, in->source, 0, 0, "larger than %d KiB", ZENDO_CONFIG_MAX_BYTES / 1024);
	f = open_memstream(&text, &size);
	if (!f)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = is_json(in) ? convert_json(f, in, e) : convert_file(f, in, e);
	if (fclose(f) != 0 && r >= 0)
		r = zendo_error(e, -ENOMEM, "out of memory");
	if (r >= 0)
		*ret = TAKE_PTR(text);
	return r;
}
