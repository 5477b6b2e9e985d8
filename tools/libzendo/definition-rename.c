/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another name for a definition: one string in a file that people wrote, with their comments and their order. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "config-expr.h"
#include "config-keys.h"
#include "config-syntax.h"
#include "definitions.h"
#include "file.h"

struct text {
	char *bytes;
	size_t len;
};

static void text_done(struct text *t)
{
	free(t->bytes);
}

/* Where the value of the last "name =" begins; a name that is put together, by += or of variables, has no such place. */
struct place {
	unsigned line, column;
	bool found;
	struct config_variables variables;	/* of the file: without them it cannot be read */
};

static void place_done(struct place *p)
{
	config_variables_clear(&p->variables);
}

static int on_setting(void *userdata, struct config_setting *s, struct zendo_error *e)
{
	struct place *p = userdata;
	const char *why;
	int r;

	if (!config_key_find(s->key)) {
		r = config_variables_set(&p->variables, s, false, &why);
		return r < 0 ? zendo_error(e, r, "%s", r == -EINVAL ? why : "out of memory") : 0;
	}
	if (strcmp(s->key, "name") == 0) {
		p->line = s->value.line;
		p->column = s->value.column;
		p->found = !s->append && s->value.kind == CONFIG_STRING && !s->value.computed;
	}
	return 0;
}

static const struct config_value *on_variable(void *userdata, const char *name)
{
	return config_variables_use(&((struct place *)userdata)->variables, name);
}

static bool find_string(const struct text *t, const struct place *p, size_t *ret_start, size_t *ret_end)
{
	size_t at = 0, end;

	for (unsigned line = 1; line < p->line; line++) {
		const char *newline = memchr(t->bytes + at, '\n', t->len - at);

		if (!newline)
			return false;
		at = (size_t)(newline - t->bytes) + 1;
	}
	at += p->column - 1;
	if (at >= t->len || (t->bytes[at] != '"' && t->bytes[at] != '\''))
		return false;
	for (end = at + 1; end < t->len && t->bytes[end] != t->bytes[at]; end++)
		end += t->bytes[end] == '\\';
	*ret_start = at;
	*ret_end = end + 1;
	return end < t->len;
}

/* As the syntax has it; what could end the string or begin an escape by its number. */
static int quote(const char *name, char **ret)
{
	char *out = malloc(strlen(name) * 4 + 3), *p = out;

	if (!out)
		return -ENOMEM;
	*p++ = '"';
	for (; *name; name++)
		if (*name == '"' || *name == '\\')
			p += sprintf(p, "\\x%02x", (unsigned char)*name);
		else
			*p++ = *name;
	strcpy(p, "\"");
	*ret = out;
	return 0;
}

/* @where: in that string's place; else a line of its own at the end, where it counts as well. */
static int replace(const struct text *t, const struct place *where, const char *name, struct text *ret)
{
	_cleanup_free_ char *quoted = NULL;
	size_t start, end;
	int n, r = quote(name, &quoted);

	if (r < 0)
		return r;
	if (where->found && find_string(t, where, &start, &end))
		n = asprintf(&ret->bytes, "%.*s%s%.*s", (int)start, t->bytes, quoted, (int)(t->len - end), t->bytes + end);
	else
		n = asprintf(&ret->bytes, "%.*s\nname = %s\n", (int)t->len, t->bytes, quoted);
	if (n < 0)
		return ret->bytes = NULL, -ENOMEM;
	ret->len = (size_t)n;
	return 0;
}

/* All but the name must be what it was: whatever was written to the file is looked at as a reader will. */
static bool is_same_but_name(const struct zendo_config *a, const struct zendo_config *b, const char *name)
{
	struct json_object *ja = NULL, *jb = NULL;
	bool same = strcmp(b->name, name) == 0 && zendo_config_to_json(a, &ja) >= 0 && zendo_config_to_json(b, &jb) >= 0;

	if (same) {
		json_object_object_del(ja, "name");
		json_object_object_del(jb, "name");
		same = json_object_equal(ja, jb);
	}
	json_object_put(ja);
	json_object_put(jb);
	return same;
}

static int change(const struct text *t, const char *path, const struct zendo_config *c, const char *name, struct text *ret,
		  struct zendo_error *e)
{
	const struct zendo_config_input in = { .source = path, .text = t->bytes, .len = t->len };
	_cleanup_(zendo_config_freep) struct zendo_config *now = NULL;
	struct zendo_config_input out;
	_cleanup_(place_done) struct place p = {};
	int r;

	r = config_syntax_read(&in, on_setting, on_variable, &p, e);
	if (r < 0)
		return r;
	r = replace(t, &p, name, ret);
	if (r < 0)
		return zendo_error(e, r, "out of memory");
	out = (struct zendo_config_input) { .source = path, .text = ret->bytes, .len = ret->len };
	r = zendo_config_parse(&out, 1, &now, e);
	if (r >= 0 && !is_same_but_name(c, now, name))
		r = zendo_error(e, -EINVAL, "the name in %s cannot be changed: do it by hand", path);
	return r;
}

static int read_all(const char *path, struct text *ret, mode_t *ret_mode, struct zendo_error *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	uint64_t size;
	int r;

	if (lstat(path, &st) < 0)
		return zendo_error(e, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return zendo_error(e, -EINVAL, "%s is not a plain file: rename what it leads to by hand", path);
	*ret_mode = st.st_mode & 0777;
	r = file_open_regular(path, ZENDO_CONFIG_MAX_BYTES, &fd, &size);
	if (r >= 0) {
		ret->bytes = calloc(size + 1, 1);
		ret->len = size;
		r = ret->bytes ? file_read_at(fd, ret->bytes, size, 0) : -ENOMEM;
	}
	/* text, so that it may be printed to where it goes: the parser knows no NUL either */
	if (r >= 0 && memchr(ret->bytes, 0, ret->len))
		r = -EINVAL;
	return r < 0 ? zendo_error(e, r, "cannot read %s: %s", path, strerror(-r)) : 0;
}

/* The new one appears whole, and over nothing; only then the old one goes. */
static int write_new(const char *from, const char *to, const struct text *t, mode_t mode, struct zendo_error *e)
{
	_cleanup_close_ int fd = -EBADF;
	char folder[PATH_MAX];
	char *slash;
	int r;

	(void)snprintf(folder, sizeof(folder), "%s", to);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	r = file_create_unnamed(AT_FDCWD, folder, mode, &fd);
	if (r >= 0)
		r = file_write_all(fd, t->bytes, t->len);
	/* the old one's end may reach the disk before bytes that nobody has asked for */
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	if (r >= 0)
		r = file_give_name(fd, AT_FDCWD, to);
	if (r == -EEXIST)
		return zendo_error(e, r, "%s is there already", to);
	if (r < 0)
		return zendo_error(e, r, "cannot write %s: %s", to, strerror(-r));
	if (unlink(from) < 0)
		return zendo_error(e, -errno, "%s is written, but %s cannot be removed: %s", to, from, strerror(errno));
	return 0;
}

int zendo_definition_rename(const char *dir, const char *name, const char *new_name, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	_cleanup_(text_done) struct text old = {}, new = {};
	char from[PATH_MAX], to[PATH_MAX];
	const char *why;
	mode_t mode = 0;
	int r;

	if (!zendo_config_name_is_valid(new_name, &why))
		return zendo_error(e, -EINVAL, "'%s' cannot be a domain's name: %s", new_name, why);
	r = zendo_definition_load(dir, name, &c, e);
	if (r < 0)
		return r;
	if (zendo_definition_path(dir, name, from, sizeof(from)) < 0 ||
	    zendo_definition_path(dir, new_name, to, sizeof(to)) < 0)
		return zendo_error(e, -ENAMETOOLONG, "the path is too long");
	if ((r = read_all(from, &old, &mode, e)) < 0 ||
	    (r = change(&old, from, c, new_name, &new, e)) < 0)
		return r;
	return write_new(from, to, &new, mode, e);
}
